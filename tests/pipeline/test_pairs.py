"""Pruning in pairs: what a mask is made of, and that the .tflite has its form."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from recorded import csv_folder

from hil.model_folder import load_model_folder
from pipeline.tflite import read_tflite

pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(
        find_spec("tensorflow") is None, reason="needs tensorflow: pip install -e '.[train]'"
    ),
]


@pytest.mark.parametrize("shape", [(1, 1, 4, 3), (3, 2, 5, 4), (6, 7), (1, 2), (1, 1)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_the_smallest_pairs_go(shape: tuple[int, ...], share: float) -> None:
    from pipeline.train.pairs import pair_mask

    kernel = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    mask = pair_mask(kernel, share)
    assert mask.shape == kernel.shape
    *_, inputs, outputs = shape
    gone, stays = [], []
    for tap in range(kernel[..., 0, 0].size):
        for output in range(outputs):
            for first in range(0, inputs, 2):
                where = (tap, slice(first, first + 2), output)
                values = kernel.reshape(-1, inputs, outputs)[where]
                kept = mask.reshape(-1, inputs, outputs)[where]
                assert len(set(kept.tolist())) == 1, "half a pair"
                (stays if kept[0] else gone).append(float((values**2).sum()))
    assert len(gone) == int(np.ceil(share * (len(gone) + len(stays))))
    assert not (gone and stays) or max(gone) <= min(stays)


def test_equal_weights_are_not_all_pruned() -> None:
    from pipeline.train.pairs import pair_mask

    assert pair_mask(np.ones((8, 4), np.float32), 0.5).sum() == 16


@pytest.mark.slow
def test_every_layer_of_the_int8_model_has_whole_pairs_only(tmp_path: Path) -> None:
    out = tmp_path / "model"
    command = ["train", "--data", f"csv:{csv_folder(tmp_path / 'recordings')}", "--arch", "cnn"]
    command += ["--epochs", "2", "--prune", "pairs", "--out", str(out)]
    ran = subprocess.run(
        [sys.executable, "-m", "hil.cli", *command], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    folder = load_model_folder(out)
    assert folder.manifest.command.endswith("--prune pairs")
    for name in ("int8", "qat"):
        graph = read_tflite(out / f"{name}.tflite")
        layers = [op for op in graph.ops if op.name in ("CONV_2D", "FULLY_CONNECTED")]
        assert len(layers) == 5
        for op in layers:
            weights = graph.need(op, 1).data
            assert weights is not None
            pairs = weights.reshape(*weights.shape[:-1], -1, 2)
            zero = (pairs == 0).all(axis=-1)
            assert zero.mean() >= 0.8, op.name
    # A small weight beside a large one may become code 0 by rounding; a pair never becomes half
    # of one by pruning: in float there is no zero beside a number.
    graph = read_tflite(out / "pruned.tflite")
    for op in (op for op in graph.ops if op.name in ("CONV_2D", "FULLY_CONNECTED")):
        weights = graph.need(op, 1).data
        assert weights is not None
        zeros = (weights.reshape(*weights.shape[:-1], -1, 2) == 0).sum(axis=-1)
        assert set(np.unique(zeros)) <= {0, 2}, op.name
