"""A real shift, nothing planted: trained on right arms, tested on the left arms of other people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_device import FakeBackend
from trained import write_trained

from hil.run.steps import Options, run
from hil.vectors import Vectors
from hil.verdict.diagnose import diagnose
from hil.verdict.drift import accuracy
from pipeline.data.load import choose_classes, load
from pipeline.data.recordings import cut
from pipeline.data.split import Split, split_by_subject
from pipeline.preprocess import Preprocessing

RIGHT, LEFT = 1, 0
EPOCHS = 15  # of 40: enough to be right on right arms


def as_recorded(train: Vectors, preprocessing: Preprocessing, seed: int) -> Any:
    """Stand in for the project's augmentation, which shows every window mirrored as well."""
    from pipeline.train import fit

    return fit.Examples(preprocessing.normalise(train.raw), train.label)


def side(vectors: Vectors, wanted: int) -> Vectors:
    return vectors.take(np.flatnonzero(vectors.side == wanted))


def folder_of_right_arms(out: Path, classes: str | None, patch: pytest.MonkeyPatch) -> None:
    """Train on right arms of the training people; the folder's windows are others' left arms."""
    from pipeline.train import build

    patch.setattr(build, "_augmented", as_recorded)
    data = load("watch")
    split = split_by_subject(cut(data, choose_classes("watch", classes, data)))
    right = Split(*(side(part, RIGHT) for part in (split.train, split.validation, split.test)))
    write_trained(out, "right-arms", right, side(split.test, LEFT), EPOCHS)


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.parametrize("classes", ["PEN,ABD,FEL", None])
def test_left_arms_are_named_as_data_shift_and_mirrored_back(
    classes: str | None,
    tmp_path: Path,
    fake: Callable[..., Options],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder_of_right_arms(tmp_path / "model", classes, monkeypatch)
    options = replace(fake(), model=tmp_path / "model", limit=None)
    monkeypatch.setattr(FakeBackend, "model", options.model)
    measured = run(options, lambda text: None)
    findings = diagnose(measured)
    first = findings[0]
    assert (first.stage, first.cause, first.severity) == ("data", "mirrored", "problem")
    assert first.location == "ax, wy, wz"
    assert not any(f.stage == "quantization" and f.above_limit for f in findings)
    before = accuracy(measured, measured.columns[0])
    assert before is not None
    assert first.effect_low is not None
    assert first.effect_high is not None
    shift = measured.data_shift
    assert shift is not None
    mirrored = next(c for c in shift.corrections if c.kind == "mirrored")
    after = float(np.mean(np.array(mirrored.float_predicted) == np.array(measured.windows.label)))
    print(
        f"\n{classes or 'PEN,FEL,ROW'}: {before.value:.3f} right on left arms, {after:.3f} "
        f"mirrored back; costs {first.effect:+.3f} ({first.effect_low:+.3f} … "
        f"{first.effect_high:+.3f}); trained windows {shift.seen_correct / shift.seen_total:.3f}"
    )
    print("\n".join([first.headline, *first.evidence]))
    assert before.value < 0.6 < after
    # Resampled by recording, of which there are nine: mirroring surely returns 10 points and more.
    assert first.effect_high < -0.1
