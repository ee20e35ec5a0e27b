"""A short run of the fuzzer: the same cases every time. `python -m tests.fuzz.tflite` runs longer.

In a process of its own, whose memory is limited: a crash is an exit code here.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import time

import numpy as np
import pytest

from hil.board import PROJECT_DIR
from tests.fuzz.structures import random_graph
from tests.fuzz.tflite import HangError, allowed, limits, status, use

CASES = 400


def test_damaged_models_are_accepted_or_refused_in_one_line() -> None:
    command = [sys.executable, "-m", "tests.fuzz.tflite", "--cases", str(CASES)]
    ran = subprocess.run(
        [*command, "--minutes", "5"], cwd=PROJECT_DIR, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = re.fullmatch(
        r"(\d+) files: (\d+) accepted, (\d+) refused, no finding; (\d+) MB used at most\n",
        ran.stdout,
    )
    assert found, ran.stdout
    done, accepted, refused, most = map(int, found.groups())
    assert done == CASES
    # Damage that is always noticed at once, or never, would test little.
    assert accepted > CASES // 20
    assert refused > CASES // 4
    assert 0 < most < 256 + 10


def test_files_that_ask_for_much_are_bounded_in_memory_and_time() -> None:
    command = [sys.executable, "-m", "tests.fuzz.tflite", "--hostile"]
    ran = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert re.fullmatch(r"\d\d files that ask for much, no finding; \d+ MB used\n", ran.stdout)


def test_random_graphs_are_the_same_from_the_same_seed_and_not_all_refused() -> None:
    graphs = [random_graph(seed) for seed in range(12)]
    assert graphs == [random_graph(seed) for seed in range(12)]
    accepted = sum(map(use, graphs))
    assert 0 < accepted < len(graphs)


def test_a_case_that_uses_too_much_memory_is_a_finding() -> None:
    """Both bounds: what is asked for, and what is used where more may be asked for."""
    with pytest.raises(MemoryError), limits(1000, status("VmRSS"), []):
        np.zeros(2 * allowed(1000), np.uint8)
    seen: list[int] = []
    with limits(1000, status("VmRSS"), seen):
        np.ones(64 * 2**20, np.uint8)
    assert 60 * 2**20 < seen[0] < 80 * 2**20  # pages that were there before are used again


@pytest.mark.parametrize(("limit", "work"), [("SECONDS", True), ("WAITED", False)])
def test_a_case_that_takes_too_long_is_a_finding(
    limit: str, work: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"tests.fuzz.tflite.{limit}", 1)
    here = status("VmRSS")
    with pytest.raises(HangError, match="1 s"), limits(1000, here, []):
        sum(i for i in itertools.count() if i < 0) if work else time.sleep(60)
