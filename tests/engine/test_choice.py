"""The kernel that is chosen for a layer is the one that executes least, of all that can compute it.

Layers are drawn; every kernel runs on an emulated core, where its instructions are counted. They
stand in one file, as those of a model do, so that what kernels share is compiled for none of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pytest

from pipeline.emit_c import Source, generate, two_files
from pipeline.emit_c.choice import LESS_FLASH, PRUNED, TWINS, Choice, choose
from pipeline.emit_c.dense_cost import dense_cost
from pipeline.emit_c.layer import Emitter
from pipeline.emit_c.model import EMITTERS
from pipeline.emit_c.sparse import Cost
from pipeline.ir import Graph
from pipeline.options import Padding
from pipeline.tflite import parse_tflite
from pipeline.verify import verify
from tests.engine.native import KERNELS
from tests.engine.test_twins import FINISHES, conv, fully_connected

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
)

#: What the chosen kernel may take beyond the best one: so much for less flash (LESS_FLASH), and
#: a twentieth because costs are estimated: over 180 layers one in a hundred was 3 % off.
BESIDE: Final = 1.05 * LESS_FLASH

#: Fewest weights left of a layer: of fewer, the compiler leaves zeros out of a plain kernel.
FEWEST: Final = 64

LAYERS: Final = 36

#: The part of a kernel's instructions by which the estimate that it is chosen by may be wrong.
ESTIMATES_BESIDE: Final = 0.2


@dataclass(frozen=True, eq=False)
class Layer:
    """A drawn layer, the kernels that can compute it with their costs, and the one chosen."""

    graph: Graph
    kernels: list[tuple[Emitter, Cost]]
    chosen: Emitter


def drawn_models(rng: np.random.Generator) -> bytes:
    """Return a layer; of half of them packed kernels cannot compute."""
    pick: Callable[..., Any] = lambda *values: values[rng.integers(len(values))]  # noqa: E731
    kind, density = pick(*FINISHES), pick(1, 1, 0.5, 0.3, 0.2, 0.1)
    made = {"pairs": pick(True, False), "lowest": pick(-127, -128)}
    if pick(True, False):
        depth, rows = int(rng.integers(8, 400)), pick(1, 3, 8, 16, 21, 48)
        return fully_connected(depth, rows, density, kind, **made)
    kernel = pick((1, 1), (3, 3), (5, 1), (7, 1), (2, 2))
    width = 1 if kernel[1] < kernel[0] else int(rng.integers(4, 11))
    size = (int(rng.integers(8, 30)) if width == 1 else width, width, pick(1, 4, 6, 12, 24))
    rows = pick(4, 8, 16, 5, 10)
    return conv(size, kernel, rows, density, kind, pick(1, 2), pick(*Padding), **made)


def draw(seed: int) -> Layer | None:
    """Return a layer, None where too few weights are left of it."""
    graph = parse_tflite(drawn_models(np.random.default_rng(seed)), f"layer {seed}")
    verify(graph, f"layer {seed}")
    op = graph.ops[0]
    if np.count_nonzero(graph.need(op, 1).data) < FEWEST:
        return None
    twin = TWINS[op.name](graph, op)
    dense = [EMITTERS[op.name], *([] if isinstance(twin, str) else [twin])]
    kernels = [(emitter, dense_cost(graph, op, emitter)) for emitter in dense]
    for variants_of in PRUNED[op.name].values():
        variants = variants_of(graph, op)
        kernels += [] if isinstance(variants, str) else variants[:1]
    return Layer(graph, kernels, choose(graph, op, EMITTERS[op.name]).emitter)


@pytest.fixture(scope="module")
def layers() -> list[Layer]:
    found = (draw(seed) for seed in range(2 * LAYERS))
    return [layer for layer in found if layer is not None][:LAYERS]


def test_kernels_of_all_kinds_are_chosen(layers: list[Layer]) -> None:
    chosen = {layer.chosen.header for layer in layers}
    families = ("nn_conv_2d", "nn_fully_connected")
    forms = ("", "_packed", "_sparse")
    assert chosen >= {f"{family}{form}.h" for family in families for form in forms}


@pytest.fixture(scope="module")
def counts(layers: list[Layer], tmp_path_factory: pytest.TempPathFactory) -> list[list[int]]:
    """Return what each layer executes with each of its kernels and, last, with the chosen one."""
    pytest.importorskip("unicorn", reason="the emulator extra is not installed")
    from benchmarks.support.bare_core import BareCore

    folder = tmp_path_factory.mktemp("choice")
    emitters = [[*(emitter for emitter, _ in layer.kernels), layer.chosen] for layer in layers]
    names = [f"m{i}" for i in range(sum(map(len, emitters)))]
    free = iter(names)
    for layer, of_layer in zip(layers, emitters, strict=True):
        source = Source(layer.graph)
        for emitter in of_layer:
            choices = [Choice(layer.graph.ops[0], emitter, "")]
            code = generate(source, next(free), choices=choices)
            for file, text in two_files(source, code).items():
                (folder / file).write_text(text)
    for header in KERNELS.glob("nn_*.h"):
        shutil.copy(header, folder)
    (folder / "all.c").write_text("".join(f'#include "{name}.c"\n' for name in names))
    core = BareCore(folder, names, sources=["all.c"])
    found = iter([core.layer(0, i)[0].instructions for i in range(len(names))])
    return [[next(found) for _ in of_layer] for of_layer in emitters]


def test_chosen_kernel_executes_least(layers: list[Layer], counts: list[list[int]]) -> None:
    for layer, (*each, chosen) in zip(layers, counts, strict=True):
        assert chosen <= BESIDE * min(each), (layer.chosen.header, layer.graph.ops[0].options)


def test_costs_are_what_is_executed(layers: list[Layer], counts: list[list[int]]) -> None:
    for layer, (*each, _) in zip(layers, counts, strict=True):
        for (emitter, cost), count in zip(layer.kernels, each, strict=True):
            expected = pytest.approx(count, rel=ESTIMATES_BESIDE)
            assert cost.instructions == expected, (emitter.header, layer.graph.ops[0].options)
