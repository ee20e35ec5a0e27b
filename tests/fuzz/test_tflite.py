"""A short run of the fuzzer: the same cases every time. `python -m tests.fuzz.tflite` runs longer.

In a process of its own, whose memory is limited: a crash is an exit code here.
"""

from __future__ import annotations

import re
import subprocess
import sys

from hil.board import PROJECT_DIR

CASES = 400


def test_damaged_models_are_accepted_or_refused_in_one_line() -> None:
    command = [sys.executable, "-m", "tests.fuzz.tflite", "--cases", str(CASES)]
    ran = subprocess.run(
        [*command, "--minutes", "5"], cwd=PROJECT_DIR, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = re.fullmatch(
        r"(\d+) damaged files: (\d+) accepted, (\d+) refused, no finding\n", ran.stdout
    )
    assert found, ran.stdout
    done, accepted, refused = map(int, found.groups())
    assert done == CASES
    # Damage that is always noticed at once, or never, would test little.
    assert accepted > CASES // 20
    assert refused > CASES // 4
