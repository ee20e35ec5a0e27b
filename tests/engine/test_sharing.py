"""Arrays that several layers hold alike stand in flash once, and change no byte of a result."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from pipeline.emit_c import KERNEL_DIR, Source, generate, two_files
from pipeline.emit_c.choice import GOALS
from pipeline.emit_c.sharing import BYTES, HEAD
from pipeline.interp import run_layers
from pipeline.ir import Graph
from pipeline.tflite import parse_tflite
from pipeline.verify import verify
from tests.engine.build_model import Builder, options
from tests.engine.drawn import MODELS, drawn
from tests.engine.native import STRICT, Program, cc
from tests.engine.strategies import windows
from tests.engine.tflm import Tflm

SIZE = 24


def tied_model(layers: int, zeros: float) -> bytes:
    """FULLY_CONNECTED layers that share weights and bias, whose scales differ."""
    builder, rng = Builder(), np.random.default_rng(4)
    values = rng.integers(-127, 128, (SIZE, SIZE)) * (rng.random((SIZE, SIZE)) >= zeros)
    weights = builder.constant(values.astype(np.int8), scale=0.01)
    bias = builder.constant(rng.integers(-90, 90, SIZE).astype(np.int32), scale=0.001)
    source = first = builder.tensor((1, SIZE), scale=0.1)
    for layer in range(layers):
        target = builder.tensor((1, SIZE), scale=0.1 if layer < 2 else 0.12)
        kind = options("FullyConnectedOptions", fusedActivationFunction=1)
        builder.op("FULLY_CONNECTED", [source, weights, bias], [target], kind)
        source = target
    return builder.finish([first], [source])


def graph_of(model: bytes) -> Graph:
    graph = parse_tflite(model, "tied")
    verify(graph, "tied")
    return graph


@pytest.mark.parametrize("zeros", [0.0, 0.9])
def test_shared_weights_stand_once_and_every_byte_is_tflms(zeros: float, tmp_path: Path) -> None:
    model = tied_model(4, zeros)
    graph, inputs = graph_of(model), windows((1, SIZE), 2, 8)
    layers, tflm = run_layers(graph, inputs), Tflm(model)
    for i, window in enumerate(inputs):
        for op, expected in zip(graph.ops, tflm.layers(graph, window), strict=True):
            np.testing.assert_array_equal(layers[op.outputs[0]][i], expected)
    source = Source(graph)
    codes = [generate(source, f"m{i}", goal) for i, goal in enumerate(GOALS)]
    program = Program([source] * len(GOALS), tmp_path, codes=codes)
    expected_crcs = [
        [zlib.crc32(layers[op.outputs[0]][i].tobytes()) for op in graph.ops]
        for i in range(len(inputs))
    ]
    for i, (goal, code) in enumerate(zip(GOALS, codes, strict=True)):
        assert program.crcs(i, inputs).tolist() == expected_crcs, goal
        assert len(re.findall(r"static const .* \w+_weights\[", code.implementation)) == 1
        assert code.implementation.count(f"_weights m{i}_0_") == 3


def test_more_layers_on_the_same_weights_cost_no_flash() -> None:
    four, nine = (generate(Source(graph_of(tied_model(n, 0.0))), "m") for n in (4, 9))
    assert nine.constant_bytes == four.constant_bytes
    assert four.constant_bytes > SIZE * SIZE


def test_shared_arrays_build_without_a_warning_as_c_and_as_cpp(tmp_path: Path) -> None:
    source = Source(graph_of(tied_model(4, 0.0)))
    for name, text in two_files(source, generate(source, "m")).items():
        (tmp_path / name).write_text(text)
    for compiler in ("gcc", "g++"):
        flags = STRICT if compiler == "gcc" else ["-x", "c++", "-Wall", "-Wextra", "-Werror"]
        cc([*flags, f"-I{KERNEL_DIR}", "-c", tmp_path / "m.c", "-o", tmp_path / "m.o"], compiler)


def test_every_kind_of_array_is_known_by_its_size(tmp_path: Path) -> None:
    """Of all operators' code; the sizes are what the compiler says."""
    found = {}
    for operator in MODELS:
        for model in drawn(operator, 1, same=True):
            for goal in GOALS:
                code = generate(Source(graph_of(model)), "m", goal)
                arrays = HEAD.findall(code.implementation)
                found |= {kind: code.headers for _, kind, _, _ in arrays}
    kinds = set(found) - {"struct nn_input", "struct nn_layer"}
    assert kinds <= set(BYTES)
    lines = ["#include <stdint.h>"]
    lines += [f'#include "{header}"' for kind in sorted(kinds) for header in found[kind]]
    lines += [f"_Static_assert(sizeof({k}) == {BYTES[k]}, {k!r});" for k in sorted(kinds)]
    (tmp_path / "sizes.c").write_text("\n".join(lines).replace("'", '"') + "\n")
    cc(["-std=c11", "-Wno-unused", f"-I{KERNEL_DIR}", "-c", tmp_path / "sizes.c", "-o",
        tmp_path / "sizes.o"])  # fmt: skip
