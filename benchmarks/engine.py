"""Speed and size of the emitted engine, layer by layer, on an emulated Cortex-M4.

    python -m benchmarks.engine            one table of the models
    python -m benchmarks.engine --layers   and one of every model's layers

Instructions are exact for this compiler; cycles are the emulator's estimate. The baseline are exact
counts of TFLM of 2026-08 with its pinned CMSIS-NN, GCC 12.2 -O2, of one inference of a model of the
same shape. MLPerf Tiny's models are read from the folder that TINYHIL_MLPERF_DIR names. The CNN is
pruned to 80 % zeros; "full" is the same with kernels that compute with them. Of SWW, the streaming
wake word, the baseline has not been counted. Exit code 1 where a model is above its goal.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.support.bare_core import Count
from benchmarks.support.emitted import core_of
from hil.board import PROJECT_DIR
from pipeline.emit_c.choice import GOALS, full_kernels
from pipeline.emit_c.model import EMITTERS, ModelCode, Source, generate
from pipeline.interp import run_layers
from pipeline.ir import Graph
from pipeline.ops import OPERATORS
from pipeline.plan import make_plan
from pipeline.verify import read_verified

MODELS: Final = PROJECT_DIR / "test_vectors" / "models"
MLPERF_VARIABLE: Final = "TINYHIL_MLPERF_DIR"


@dataclass(frozen=True)
class Model:
    """A model; instructions and estimated cycles of the baseline on its shape, None: not counted.

    goal: most instructions, None: there is none. full: kernels for pruned layers are left out.
    """

    title: str
    path: Path
    instructions: int | None
    cycles: int | None
    goal: int | None
    full: bool = False


def committed() -> list[Model]:
    """Return the models that the repository carries."""
    return [
        Model("dense", MODELS / "dense" / "int8.tflite", 36_000, 44_000, 20_000),
        Model("cnn", MODELS / "cnn" / "int8.tflite", 405_000, 495_000, 75_000),
        Model("full", MODELS / "cnn" / "int8.tflite", 405_000, 495_000, 150_000, full=True),
        Model("lstm", MODELS / "lstm" / "int8.tflite", 1_460_000, 1_860_000, 600_000),
    ]


def mlperf_tiny(folder: Path) -> list[Model]:
    """Return MLPerf Tiny's models in a folder."""
    return [
        Model("AD", folder / "ad01_int8.tflite", 583_000, 713_000, 390_000),
        Model("KWS", folder / "kws_ref_model.tflite", 7_700_000, 9_070_000, 3_700_000),
        Model("VWW", folder / "vww_96_int8.tflite", 24_100_000, 28_700_000, 11_000_000),
        Model("SWW", folder / "str_ww_ref_model.tflite", None, None, None),
        Model("IC", folder / "pretrainedResnet_quant.tflite", 29_900_000, 35_500_000, 14_500_000),
    ]


#: The emitted arrays that hold weights and what says where they belong, and bytes of an element.
WEIGHTS: Final = re.compile(r"static const (.+) \w+_(weights|counts|rows)\[([0-9]+)\]")
ELEMENT: Final = {"int8_t": 1, "uint8_t": 1, "uint32_t": 4, "struct nn_sparse_row": 2}


@dataclass(frozen=True)
class Measured:
    """One model's layers: counts in the order of the graph. weights: bytes, with their indices."""

    graph: Graph
    counts: list[Count]
    weights: int
    constants: int
    flash: int
    arena: int
    least: int

    def total(self) -> Count:
        """Return the sum over all layers."""
        return Count(sum(c.instructions for c in self.counts), sum(c.cycles for c in self.counts))


def measure(path: Path, goal: str = "speed", *, full: bool = False) -> Measured:
    """Emit, build and run a model on one window; its layers must be the interpreter's.

    full: without kernels for pruned layers.
    """
    graph = read_verified(path)
    every = [full_kernels(graph, op, EMITTERS[op.name])[0] for op in graph.ops]
    code = generate(Source(graph), "m", goal, every if full else None)
    core = core_of(Source(graph), code)
    shape = graph.tensors[graph.inputs[0]].shape
    window = np.random.default_rng(1).integers(-128, 128, (1, *shape), dtype=np.int8)
    values, counts = run_layers(graph, window), []
    core.start(window.tobytes())
    for op in graph.ops:
        count, output = core.layer(op.index)
        assert output == values[op.outputs[0]].astype(np.int8).tobytes(), (path.name, op.index)
        counts.append(count)
    return Measured(
        graph, counts, weight_bytes(code), code.constant_bytes, core.flash_bytes, code.plan.size,
        make_plan(graph, {}).size,
    )  # fmt: skip


def weight_bytes(code: ModelCode) -> int:
    """Return the bytes of all weights, places and counts in the emitted C; two of a sparse row."""
    found = WEIGHTS.findall(code.implementation)
    return sum(ELEMENT[kind] * int(count) for kind, _, count in found)


def print_model(model: Model, measured: Measured) -> bool:
    """Print a model's line: counts, their ratios to the baseline, sizes; return if it is good."""
    total = measured.total()
    goal = "–" if model.goal is None else f"{model.goal:,}"
    print(
        f"{model.title:6} {total.instructions:>11,} {goal:>11}"
        f" {_ratio(total.instructions, model.instructions):>6}"
        f" {total.cycles:>12,} {_ratio(total.cycles, model.cycles):>6}"
        f" {measured.flash - measured.constants:>8,} {measured.weights:>8,}"
        f" {measured.constants:>10,} {measured.arena:>8,}"
    )
    return model.goal is None or total.instructions <= model.goal


def _ratio(count: int, baseline: int | None) -> str:
    return "–" if baseline is None else f"{count / baseline:.2f}"


def print_layers(model: Model, measured: Measured) -> None:
    """Print what each layer takes."""
    print(f"\n{model.title}")
    for op, count in zip(measured.graph.ops, measured.counts, strict=True):
        macs = OPERATORS[op.name].macs(measured.graph, op)
        each = f"{count.instructions / macs:6.2f} per multiply-accumulate" if macs else ""
        print(f"  {op.index:3} {op.name:28} {count.instructions:>9,} {count.cycles:>10,} {each}")


def print_goals(known: list[Model]) -> None:
    """Print what `tinyhil emit --optimize` gives for each goal."""
    print("\ngoal    model  instructions     code  constants    arena  ratio to least arena")
    for model in (m for m in known if not m.full):
        for goal in GOALS:
            m = measure(model.path, goal)
            print(
                f"{goal:7} {model.title:6} {m.total().instructions:>11,}"
                f" {m.flash - m.constants:>8,} {m.constants:>10,} {m.arena:>8,}"
                f" {m.arena / m.least:>6.2f}"
            )


def print_operators(results: list[Measured]) -> None:
    """Print instructions per multiply-accumulate of each operator, over all models.

    Of an operator that multiplies nothing, instructions per element of its output.
    """
    spent: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for measured in results:
        for op, count in zip(measured.graph.ops, measured.counts, strict=True):
            spent[op.name][0] += count.instructions
            spent[op.name][1] += OPERATORS[op.name].macs(measured.graph, op)
            spent[op.name][2] += measured.graph.output_of(op).elements
    print("\ninstructions of each operator, per multiply-accumulate (zeros counted) or per output")
    for name, (instructions, macs, outputs) in sorted(spent.items()):
        each = "multiply-accumulate" if macs else "output"
        print(f"  {name:28} {instructions / (macs or outputs):6.2f} per {each}")


def main() -> int:
    """Print the tables; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", action="store_true", help="also every layer of every model")
    layers = parser.parse_args().layers
    known = committed()
    if folder := os.environ.get(MLPERF_VARIABLE):
        known += mlperf_tiny(Path(folder))
    else:
        print(f"{MLPERF_VARIABLE} does not name a folder: MLPerf Tiny's models are left out\n")
    results = [(model, measure(model.path, full=model.full)) for model in known]
    print("one inference; ratios to TFLM of 2026-08 with its CMSIS-NN, GCC 12.2 -O2; bytes")
    print(
        "model  instructions       goal  ratio  est. cycles  ratio     code  weights  constants"
        "    arena"
    )
    good = [print_model(model, measured) for model, measured in results]
    print_goals(known)
    print_operators([measured for _, measured in results])
    for model, measured in results if layers else []:
        print_layers(model, measured)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
