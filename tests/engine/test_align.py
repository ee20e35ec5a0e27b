"""int8 layers and their float references."""

from __future__ import annotations

import numpy as np
import pytest

from hil.board import PROJECT_DIR
from pipeline.align import align
from pipeline.ir import Graph
from pipeline.tflite import parse_tflite, read_tflite
from tests.engine.build_model import Builder, options

MODELS = PROJECT_DIR / "test_vectors" / "models"


@pytest.mark.parametrize(("arch", "variant"), [
    ("cnn", "int8"), ("lstm", "int8"), ("dense", "int8"), ("cnn", "qat"), ("dense", "qat"),
])  # fmt: skip
def test_every_layer_of_the_committed_models_has_its_reference(arch: str, variant: str) -> None:
    int8, pruned = (read_tflite(MODELS / arch / f"{n}.tflite") for n in (variant, "pruned"))
    pairs = align(int8, pruned)
    assert [p.op for p in pairs] == [op.name for op in int8.ops if op.name != "RESHAPE"]
    for pair in pairs:
        assert pair.float_tensor is not None
        ours, theirs = int8.tensors[pair.int8_tensor], pruned.tensors[pair.float_tensor]
        assert ours.shape == theirs.shape
        assert theirs.dtype == "float32"
        made_by = [op for op in pruned.ops if theirs.index in op.outputs]
        assert [op.name for op in made_by] == [pair.op]


def chain(names: list[str], dtype: str) -> Graph:
    """Return a chain of FULLY_CONNECTED layers with these Keras names, all of one shape."""
    builder = Builder()
    scale = 0.5 if dtype == "int8" else None
    last = builder.tensor((1, 2), dtype, scale=scale, name="input")
    first = last
    for name in names:
        weights = builder.constant(np.ones((2, 2), dtype), scale=scale)
        target = builder.tensor((1, 2), dtype, scale=scale, name=f"model/{name}/MatMul")
        builder.op("FULLY_CONNECTED", [last, weights], [target], options("FullyConnectedOptions"))
        last = target
    return parse_tflite(builder.finish([first], [last]), "chain")


def references(int8: list[str], floats: list[str]) -> list[str | None]:
    ours, theirs = chain(int8, "int8"), chain(floats, "float32")
    return [
        None if p.float_tensor is None else theirs.tensors[p.float_tensor].name.split("/")[1]
        for p in align(ours, theirs)
    ]


def test_names_decide_where_shapes_do_not() -> None:
    assert references(["a", "b", "c"], ["a", "b", "c"]) == ["a", "b", "c"]
    assert references(["a", "c"], ["a", "b", "c"]) == ["a", "c"]
    assert references(["a", "b", "c"], ["a", "c"]) == ["a", None, "c"]
    assert references(["quant_a", "quant_b"], ["x", "a", "b", "y"]) == ["a", "b"]


def test_order_is_kept_where_names_tell_nothing() -> None:
    assert references(["p", "q"], ["x", "y"]) == ["x", "y"]


def test_without_a_float_model_there_are_no_references() -> None:
    pairs = align(chain(["a", "b"], "int8"), None)
    assert [(p.name, p.float_tensor) for p in pairs] == [("a", None), ("b", None)]


def test_an_int8_model_is_no_reference() -> None:
    pairs = align(chain(["a"], "int8"), chain(["a"], "int8"))
    assert [p.float_tensor for p in pairs] == [None]
