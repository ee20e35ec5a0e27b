"""What each fast kernel gains over its plain twin, in executed instructions of a Cortex-M4.

    python -m benchmarks.kernels

Exact for this compiler, on an emulated core. The baseline is the plain kernel on the same layer.
The headers in firmware/lib/nn state these figures; tests/engine/test_kernel_gains.py holds them to
it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.support.bare_core import Count
from benchmarks.support.emitted import core_of
from benchmarks.support.one_layer import add, conv, depthwise, fully_connected, mean, pool
from hil.board import PROJECT_DIR
from pipeline.emit_c.choice import PRUNED, TWINS, Choice
from pipeline.emit_c.layer import Emitter
from pipeline.emit_c.model import EMITTERS, Source, generate
from pipeline.interp import run_layers
from pipeline.ir import Graph
from pipeline.verify import read_verified

LSTM: Final = PROJECT_DIR / "test_vectors" / "models" / "lstm" / "int8.tflite"


@dataclass(frozen=True)
class Case:
    """A kernel's header and a layer to measure it on; form: of a kernel for pruned layers."""

    header: str
    layer: str
    graph: Callable[[], Graph]
    form: str = ""


CASES: Final = [
    Case("nn_conv_2d_packed.h", "7 over 6 channels", lambda: conv((50, 1, 6), (7, 1), 16)),
    Case("nn_conv_2d_packed.h", "1 × 1 over 128", lambda: conv((6, 6, 128), (1, 1), 128)),
    Case(
        "nn_conv_2d_sparse.h",
        "5 over 16 channels, 80 % zeros",
        lambda: conv((22, 1, 16), (5, 1), 32, 0.8),
        "sparse",
    ),
    Case(
        "nn_conv_2d_sparse.h",
        "3 × 3 over 16, 80 % zeros",
        lambda: conv((18, 18, 16), (3, 3), 32, 0.8),
        "sparse",
    ),
    Case(
        "nn_conv_2d_pairs.h",
        "5 over 16 channels, 80 % zeros",
        lambda: conv((22, 1, 16), (5, 1), 32, 0.8, 2),
        "in pairs",
    ),
    Case("nn_fully_connected_packed.h", "300 inputs × 48 rows", lambda: fully_connected(300, 48)),
    Case(
        "nn_fully_connected_sparse.h",
        "64 inputs × 64 rows, 80 % zeros",
        lambda: fully_connected(64, 64, 0.8),
        "sparse",
    ),
    Case(
        "nn_fully_connected_pairs.h",
        "64 inputs × 64 rows, 80 % zeros",
        lambda: fully_connected(64, 64, 0.8, 2),
        "in pairs",
    ),
    Case("nn_depthwise_conv_2d_packed.h", "3 × 3 over 64", lambda: depthwise((25, 5, 64), (3, 3))),
    Case("nn_pool_packed.h", "the larger of two", lambda: pool("MAX_POOL_2D", (44, 1, 16), (2, 1))),
    Case("nn_pool_packed.h", "mean of 125", lambda: pool("AVERAGE_POOL_2D", (25, 5, 64), (25, 5))),
    Case("nn_add_line.h", "two tensors", lambda: add((16, 16, 16))),
    Case("nn_mean_packed.h", "mean of 7", lambda: mean((7, 1, 64))),
    Case("nn_lstm_packed.h", "32 units of 6 inputs", lambda: read_verified(LSTM)),
]


@dataclass(frozen=True)
class Gain:
    """What a layer takes on either kernel."""

    plain: Count
    fast: Count

    @property
    def times(self) -> float:
        """Return the gain in instructions."""
        return self.plain.instructions / self.fast.instructions


def gain(case: Case) -> Gain:
    """Measure a case."""
    graph = case.graph()
    op = graph.ops[0]
    fast: Emitter | str
    if case.form:
        variants = PRUNED[op.name][case.form](graph, op)
        fast = variants if isinstance(variants, str) else variants[0][0]
    else:
        fast = TWINS[op.name](graph, op)
    assert isinstance(fast, Emitter), fast
    assert fast.header == case.header
    return Gain(_count(graph, EMITTERS[op.name]), _count(graph, fast))


def _count(graph: Graph, emitter: Emitter) -> Count:
    """Return what the first layer executes; its output must be the interpreter's."""
    rest = [Choice(op, EMITTERS[op.name], "") for op in graph.ops[1:]]
    source = Source(graph)
    code = generate(source, "m", choices=[Choice(graph.ops[0], emitter, ""), *rest])
    core = core_of(source, code)
    window = np.random.default_rng(1).integers(-128, 128, graph.tensors[0].shape, dtype=np.int8)
    core.start(window.tobytes())
    count, output = core.layer(0)
    expected = run_layers(graph, window[None])[graph.ops[0].outputs[0]]
    assert output == expected.astype(np.int8).tobytes(), graph.ops[0].name
    return count


def main() -> None:
    """Print the table."""
    print("one layer; instructions (exact) and their ratio; estimated cycles' ratio")
    print("kernel                         layer                              plain      fast ratio")
    for case in CASES:
        found = gain(case)
        cycles = found.plain.cycles / found.fast.cycles
        print(
            f"{case.header:30} {case.layer:31} {found.plain.instructions:>9,} "
            f"{found.fast.instructions:>9,} {found.times:5.1f}  {cycles:5.1f}"
        )


if __name__ == "__main__":
    main()
