"""Runs without a fault: their windows are of people the model knows and recordings it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hil.cli import main
from hil.vectors import save_vectors
from hil.zoo import healthy
from hil.zoo.collection import healthy_specimens
from pipeline.data.load import load
from pipeline.data.recordings import cut
from pipeline.data.split import Split
from pipeline.train.healthy import split_by_recording


@pytest.fixture(scope="module")
def split() -> Split:
    return split_by_recording(cut(load("watch"), healthy.CLASSES["four"]), seed=11)


def test_no_recording_is_in_two_parts_and_everybody_is_trained_on(split: Split) -> None:
    parts = [split.train, split.validation, split.test]
    recordings = [set(part.recording.tolist()) for part in parts]
    assert sum(map(len, recordings)) == len(set.union(*recordings))
    for part in parts:
        assert set(part.subject.tolist()) <= set(split.train.subject.tolist())
        assert set(part.label.tolist()) == set(range(4))
        assert set(part.side.tolist()) == {0, 1}


def test_runs_draw_different_recordings(split: Split, tmp_path: Path) -> None:
    save_vectors(tmp_path / "vectors.npz", split.test)
    first, again, other = (healthy.draw(tmp_path, i) for i in (0, 0, 1))
    assert len(first) == len(other) == healthy.WINDOWS
    assert (first.raw == again.raw).all()
    assert set(np.unique(first.recording)) != set(np.unique(other.recording))
    assert set(np.unique(first.recording)) < set(np.unique(split.test.recording))


def test_every_model_has_its_turn() -> None:
    made = healthy_specimens(300)
    assert len({s.key for s in made}) == 300
    assert {s.arch for s in made[:12]} == set(healthy.MODELS)
    assert len(healthy.MODELS) >= 12
    assert not any(s.faults for s in made)


@pytest.mark.parametrize("options", [["--clean", "0"], ["--clean", "3", "--quick"]])
def test_wrong_options_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", *options]) == 2
    assert "--clean" in capsys.readouterr().err
