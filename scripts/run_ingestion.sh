#!/bin/sh
# Run po-ingest from cron, systemd or any scheduler, from any folder:
#
#     run_ingestion.sh                      the nightly run
#     run_ingestion.sh nightly --strict     any command of po-ingest; arguments and exit code pass through
#
# The virtual environment (.venv) and po-ingest.toml are looked for beside this script, then in the folder above.
# PO_INGEST_CONFIG and --config go before the po-ingest.toml found here.
set -u

script=$0
while [ -h "$script" ]; do # a link to this script stands for the script
    target=$(readlink "$script")
    case $target in
    /*) script=$target ;;
    *) script=$(dirname "$script")/$target ;;
    esac
done
here=$(CDPATH='' cd "$(dirname "$script")" && pwd -P) || exit 2
above=$(dirname "$here")

environment=
for folder in "$here" "$above"; do
    if [ -x "$folder/.venv/bin/po-ingest" ]; then
        environment=$folder/.venv
        break
    fi
done
if [ -z "$environment" ]; then
    echo "po-ingest: error: no virtual environment with po-ingest at '$here/.venv' or '$above/.venv';" \
        "create one: python3 -m venv .venv, then .venv/bin/pip install with the folder of a clone, or a wheel" >&2
    exit 2
fi

if [ -z "${PO_INGEST_CONFIG:-}" ]; then
    for folder in "$here" "$above"; do
        if [ -f "$folder/po-ingest.toml" ]; then
            PO_INGEST_CONFIG=$folder/po-ingest.toml
            export PO_INGEST_CONFIG
            break
        fi
    done
fi

# What bin/activate does, without its prompt; it would also break once the folder has moved.
VIRTUAL_ENV=$environment
PATH=$environment/bin:$PATH
PYTHONUTF8=1
export VIRTUAL_ENV PATH PYTHONUTF8
unset PYTHONHOME

if [ $# -eq 0 ]; then
    set -- nightly
fi
exec "$environment/bin/po-ingest" "$@"
