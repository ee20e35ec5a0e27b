"""Kept measurements are of the sources that made them, and of no others."""

from __future__ import annotations

import subprocess
import sys
from fnmatch import fnmatch

from hil.board import PROJECT_DIR
from hil.zoo.collection import BESIDE, JUDGES, SOURCES

#: A fault in a board's image takes the longest way: build, emulator, line.
MEASURE = """
import sys
from hil.zoo.specimen import Specimen, measured
assert measured(Specimen("dense", "nano33", (("memory-mean", 1),))).run is not None
print(*(m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)), sep="\\n")
"""


def test_nothing_that_the_fingerprint_leaves_out_beside_a_run_is_loaded_in_one() -> None:
    made = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True,
        cwd=PROJECT_DIR, timeout=300,
    )  # fmt: skip
    loaded = {line for line in made.stdout.splitlines() if line.startswith(str(PROJECT_DIR))}
    assert any(name.endswith("hil/run/undo.py") for name in loaded)
    beside = {str(p) for pattern in BESIDE for p in PROJECT_DIR.glob(pattern)}
    assert not loaded & beside


def test_what_is_left_out_is_there() -> None:
    for pattern in (*JUDGES, *BESIDE):
        assert list(PROJECT_DIR.glob(pattern)), pattern
        assert any(fnmatch(pattern, source.replace("**/", "")) for source in SOURCES)
