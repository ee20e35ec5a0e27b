"""Makes report.png beside this file: `make picture`, where chromium is installed.

The report is that of a run like a user's, on the emulated Nano, of the reference CNN with one
fault planted: the calibration of its second convolution gave a range too small.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

from hil.board import PROJECT_DIR
from hil.zoo.faults import FAULTS

FAULT: Final = FAULTS["quantization-narrow-range"]
SEVERITY: Final = 2
SIZE: Final = "1120,1360"


def main() -> None:
    """Plant, run, look at it."""
    work = PROJECT_DIR / "build" / "picture"
    shutil.rmtree(work, ignore_errors=True)
    change = import_module("pipeline.plant.files").change_folder
    model = PROJECT_DIR / "test_vectors" / "models" / "cnn"
    place, amount = FAULT.place("cnn", SEVERITY), FAULT.amounts[SEVERITY]
    change(model, work / "model", FAULT.how, place, amount)
    report = work / "report.html"
    subprocess.run(
        [sys.executable, "-m", "hil.cli", "run", "--board", "nano33", "--backend", "embedded",
         "--model", str(work / "model"), "--report", str(report)],
        check=False,  # 1: it finds the fault
    )  # fmt: skip
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None or not report.exists():
        sys.exit("no report, or no chromium on PATH (Debian: apt-get install chromium)")
    picture = Path(__file__).with_name("report.png")
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={work / 'profile'}", f"--window-size={SIZE}",
         f"--screenshot={picture}", report.as_uri()],
        check=True, capture_output=True,
    )  # fmt: skip
    print(f"{picture}: {picture.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
