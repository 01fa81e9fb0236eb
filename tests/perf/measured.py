"""Runs a command and tells its seconds, its CPU seconds and its peak memory in MB, as JSON.

    measured.py COMMAND ARGUMENT...

A small process of its own: what a child's parent holds in memory counts as the child's, until it starts its program.
"""

import json
import os
import subprocess
import sys
import time

MEGABYTE = 1024.0


def main(command: list[str]) -> int:
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - the measurement's own
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    sys.stdout.write(json.dumps([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / MEGABYTE]))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
