"""What the headers of the fast kernels say they gain is what they gain."""

from __future__ import annotations

import re
import shutil

import pytest

from hil.board import PROJECT_DIR

pytest.importorskip("unicorn", reason="the emulator extra is not installed")
pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
)

from benchmarks.kernels import CASES, Case, gain  # noqa: E402 - imports unicorn

KERNELS = PROJECT_DIR / "firmware" / "lib" / "nn"

#: Parts of a stated gain that the measured one may be beside it: it has two places, and another
#: compiler counts a little otherwise.
BESIDE = 0.05


def text_of(header: str) -> str:
    """Return the comment at the top of a header as one line."""
    comment = (KERNELS / header).read_text().split("*/", 1)[0]
    return re.sub(r"\s+(\* )?", " ", comment)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.header}-{case.layer}")
def test_header_states_the_measured_gain(case: Case) -> None:
    stated = re.search(rf"([0-9.]+) times for {re.escape(case.layer)}", text_of(case.header))
    assert stated is not None, f"{case.header} does not state {case.layer}"
    assert gain(case).times == pytest.approx(float(stated[1]), rel=BESIDE)


def test_every_fast_kernel_is_measured() -> None:
    fast = {
        p.name
        for p in KERNELS.glob("nn_*_*.h")
        if p.stem.endswith(("_packed", "_sparse", "_pairs", "_line"))
    }
    assert {case.header for case in CASES} == fast
