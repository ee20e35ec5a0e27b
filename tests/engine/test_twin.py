"""Whether a float model is the int8 model's own: pipeline/twin.py and `tinyhil import --float`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hil.board import PROJECT_DIR
from hil.cli import main
from pipeline.ir import Graph
from pipeline.tflite import read_tflite
from pipeline.twin import WEIGHTED, doubts

MODELS = PROJECT_DIR / "test_vectors" / "models"
Weights = NDArray[Any]
Change = Callable[[Weights], Weights]
ARCHITECTURES = ("cnn", "dense", "lstm")


def _model(architecture: str, stage: str) -> Graph:
    return read_tflite(MODELS / architecture / f"{stage}.tflite")


def _with_weights(graph: Graph, change: Change, count: int = 99) -> Graph:
    """Return the graph with `change` done to the weights of its first `count` weighted layers."""
    tensors = list(graph.tensors)
    for op in [op for op in graph.ops if op.name in WEIGHTED][:count]:
        for tensor in (graph.tensors[i] for i in op.inputs if i >= 0):
            if tensor.data is not None and len(tensor.shape) > 1:
                made = change(tensor.data).astype(np.float32)
                tensors[tensor.index] = dataclasses.replace(tensor, data=made)
    return dataclasses.replace(graph, tensors=tuple(tensors))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_was_quantized_is_the_twin(architecture: str) -> None:
    assert not list(doubts(_model(architecture, "int8"), _model(architecture, "pruned")))


@pytest.mark.parametrize("architecture", ["cnn", "dense"])
def test_quantization_aware_training_moves_weights_little(architecture: str) -> None:
    assert not list(doubts(_model(architecture, "qat"), _model(architecture, "pruned")))


@pytest.mark.parametrize(
    ("architecture", "stage"),
    [("cnn", "int8"), ("cnn", "qat"), ("dense", "int8"), ("dense", "qat"), ("lstm", "int8")],
)
def test_a_model_before_pruning_is_doubted_and_not_refused(architecture: str, stage: str) -> None:
    found = list(doubts(_model(architecture, stage), _model(architecture, "float")))
    assert found
    assert not any(doubt.sure for doubt in found)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("seed", range(3))
def test_another_start_of_the_same_network_is_refused(architecture: str, seed: int) -> None:
    """Weights of the same distribution, in another order."""
    order = np.random.default_rng(seed)
    other = _with_weights(
        _model(architecture, "pruned"), lambda w: order.permutation(w.ravel()).reshape(w.shape)
    )
    last = list(doubts(_model(architecture, "int8"), other))[-1]
    assert last.sure
    assert "correlate" in last.text


def test_one_layer_of_another_network_is_named() -> None:
    pruned = _model("cnn", "pruned")
    other = _with_weights(pruned, lambda w: -w, count=1)
    (found,) = doubts(_model("cnn", "int8"), other)
    assert found.sure
    assert found.text.startswith(
        "conv1: 672 weights that correlate with the float model's by -1.00"
    )


@pytest.mark.parametrize("share", [0.8, 0.9, 0.95])
def test_magnitude_pruning_alone_is_never_refused(share: float) -> None:
    def pruned(weights: Weights) -> Weights:
        limit = np.quantile(np.abs(weights), share)
        return np.where(np.abs(weights) > limit, weights, 0)

    int8, dense = _model("dense", "int8"), _model("dense", "pruned")
    assert not any(doubt.sure for doubt in doubts(int8, _with_weights(dense, pruned)))


@pytest.mark.parametrize("change", [lambda w: w + np.nan, lambda w: w + np.inf, np.zeros_like])
def test_weights_that_say_nothing_leave_it_open(change: Change) -> None:
    found = list(doubts(_model("cnn", "int8"), _with_weights(_model("cnn", "pruned"), change)))
    assert {doubt.sure for doubt in found} == {False}
    assert "cannot be compared" in found[0].text


def test_a_few_weights_are_too_few_to_refuse_by() -> None:
    """30 unrelated weights correlate by chance as much as a heavily pruned layer with itself."""
    int8, twin = _model("dense", "int8"), _model("dense", "pruned")
    keep = [op for op in int8.ops if op.name in WEIGHTED][-1:]
    same = [op for op in twin.ops if op.name in WEIGHTED][-1:]
    other = _with_weights(dataclasses.replace(twin, ops=tuple(same)), lambda w: w[::-1, ::-1])
    (found,) = doubts(dataclasses.replace(int8, ops=tuple(keep)), other)
    assert not found.sure


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ("dense", "conv1 is CONV_2D of 16×7×1×6 weights, in the float model dense1 is FULLY_CONN"),
        ("lstm", "conv1 is CONV_2D of 16×7×1×6 weights, in the float model"),
    ],
)
def test_import_refuses_another_network_in_one_line(
    other: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--int8", str(MODELS / "cnn" / "int8.tflite"), "--out", str(tmp_path / "out")]
    assert main(["import", *arguments, "--float", str(MODELS / other / "float.tflite")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert "give the one that was quantized" in line
    assert not (tmp_path / "out").exists()


def test_import_warns_of_a_model_before_pruning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "import", "--int8", str(MODELS / "cnn" / "int8.tflite"), "--float",
        str(MODELS / "cnn" / "float.tflite"), "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    assert main(arguments) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if "may not be" in x]
    assert "conv1: 672 weights that correlate with the float model's by 0.74" in line
    assert "4 more of its layers" in line
    assert main([*arguments, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["doubts"]) == 5
