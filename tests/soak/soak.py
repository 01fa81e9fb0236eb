"""The soak, to be run by hand (`nox -s soak`): a year of nights, with faults; prints what docs/testing.md has of it."""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.soak import Soak


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--nights", type=int, default=365)
    options.add_argument("--lines", type=int, default=5000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--share", type=float, default=0.1, help="of the nights that have a fault")
    options.add_argument("--store", default="sqlite:///po-ingest.db", help="a SQLAlchemy URL of an empty database")
    options.add_argument("--schema", default="", help="on a server")
    options.add_argument("--folder", type=Path, help="where it happens, and stays; else a folder that is gone after it")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="po-ingest-soak-") as temporary:
        soak = Soak(
            folder=chosen.folder or Path(temporary),
            lines=chosen.lines,
            seed=chosen.seed,
            url=chosen.store,
            schema=chosen.schema,
            share=chosen.share,
            tell=lambda text: print(text, flush=True),  # noqa: T201 - it is a script
        )
        gc.freeze()  # the nights are forked: they need not copy what is here already
        start = time.monotonic()
        soak.run(chosen.nights)
        nights = time.monotonic() - start
        shown = soak.check()
        proofs = time.monotonic() - start - nights
    report(soak, chosen.nights, nights, proofs, shown)


def report(soak: Soak, count: int, nights: float, proofs: float, shown: dict[str, str]) -> None:
    print(f"{count} nights of {soak.lines} lines in {nights:.0f} s, proofs in {proofs:.0f} s")  # noqa: T201 - as above
    kinds = sorted({kind for kind, _ in soak.outcomes})
    for kind in kinds:
        applied, lost = soak.outcomes[kind, "applied"], soak.outcomes[kind, "not applied"]
        print(f"| {kind} | {applied + lost} | {applied} | {lost} |")  # noqa: T201 - as above
    if len(soak.sizes) > 1:
        (first, small), (last, large) = soak.sizes[0], soak.sizes[-1]
        growth = (large - small) / (last - first)
        print(f"store: {large / 1e6:.1f} MB, {growth / 1e3:.0f} kB a night from night {first} on")  # noqa: T201 - as above
    for proof, text in shown.items():
        print(f"{proof} verify: {text}")  # noqa: T201 - as above


if __name__ == "__main__":
    main()
