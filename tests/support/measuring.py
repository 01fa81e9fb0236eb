"""What a whole process takes: time, CPU, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from support.paths import ROOT

MEASURED: Final = ROOT / "tests" / "perf" / "measured.py"
ENVIRONMENT: Final = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installation has byte code; the first process writes that of a source tree."""


@attrs.frozen
class Figures:
    wall: float
    cpu: float
    memory: float  # peak, MB


def measure(command: Sequence[str], folder: Path) -> Figures:
    measured = [sys.executable, str(MEASURED), *command]
    told = subprocess.run(measured, cwd=folder, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE)  # noqa: S603 - ours
    return Figures(*json.loads(told.stdout))
