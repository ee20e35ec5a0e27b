"""Speed and size of the emitted engine, layer by layer, on an emulated Cortex-M4.

    python -m benchmarks.engine            one table of the models
    python -m benchmarks.engine --layers   and one of every model's layers

Instructions are exact for this compiler; cycles are the emulator's estimate. The baseline are exact
counts of TFLM of 2026-08 with its pinned CMSIS-NN, GCC 12.2 -O2, of one inference of a model of the
same shape. MLPerf Tiny's models are read from the folder that TINYHIL_MLPERF_DIR names.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.support.bare_core import BareCore, Count
from hil.board import PROJECT_DIR
from pipeline.emit_c import emit_model
from pipeline.emit_c.choice import GOALS
from pipeline.interp import run_layers
from pipeline.ir import Graph
from pipeline.ops import OPERATORS
from pipeline.plan import make_plan

MODELS: Final = PROJECT_DIR / "test_vectors" / "models"
MLPERF_VARIABLE: Final = "TINYHIL_MLPERF_DIR"


@dataclass(frozen=True)
class Model:
    """A model; instructions and estimated cycles of the baseline on its shape."""

    title: str
    path: Path
    instructions: int
    cycles: int


def models() -> list[Model]:
    """Return the models at hand; say which are not."""
    found = [
        Model("dense", MODELS / "dense" / "int8.tflite", 36_000, 44_000),
        Model("cnn", MODELS / "cnn" / "int8.tflite", 405_000, 495_000),
        Model("lstm", MODELS / "lstm" / "int8.tflite", 1_460_000, 1_860_000),
    ]
    if not (folder := os.environ.get(MLPERF_VARIABLE)):
        print(f"{MLPERF_VARIABLE} does not name a folder: MLPerf Tiny's models are left out\n")
        return found
    return [
        *found,
        Model("AD", Path(folder) / "ad01_int8.tflite", 583_000, 713_000),
        Model("KWS", Path(folder) / "kws_ref_model.tflite", 7_700_000, 9_070_000),
        Model("VWW", Path(folder) / "vww_96_int8.tflite", 24_100_000, 28_700_000),
        Model("IC", Path(folder) / "pretrainedResnet_quant.tflite", 29_900_000, 35_500_000),
    ]


@dataclass(frozen=True)
class Measured:
    """One model's layers: counts in the order of the graph."""

    graph: Graph
    counts: list[Count]
    weights: int
    flash: int
    arena: int
    least: int

    def total(self) -> Count:
        """Return the sum over all layers."""
        return Count(sum(c.instructions for c in self.counts), sum(c.cycles for c in self.counts))


def measure(path: Path, goal: str = "speed") -> Measured:
    """Emit, build and run a model on one window; its layers must be the interpreter's."""
    with tempfile.TemporaryDirectory() as scratch:
        emitted = emit_model(path, "m", Path(scratch), goal=goal)
        core, graph = BareCore(Path(scratch)), emitted.graph
    shape = graph.tensors[graph.inputs[0]].shape
    window = np.random.default_rng(1).integers(-128, 128, (1, *shape), dtype=np.int8)
    values, counts = run_layers(graph, window), []
    core.start(window.tobytes())
    for op in graph.ops:
        count, output = core.layer(op.index)
        assert output == values[op.outputs[0]].astype(np.int8).tobytes(), (path.name, op.index)
        counts.append(count)
    plan = emitted.code.plan
    least = make_plan(graph, {}).size
    return Measured(graph, counts, emitted.code.constant_bytes, core.flash_bytes, plan.size, least)


def print_model(model: Model, measured: Measured) -> None:
    """Print a model's line: counts, their ratios to the baseline, and sizes."""
    total = measured.total()
    print(
        f"{model.title:6} {total.instructions:>11,} {total.instructions / model.instructions:>6.2f}"
        f" {total.cycles:>12,} {total.cycles / model.cycles:>6.2f}"
        f" {measured.flash - measured.weights:>8,} {measured.weights:>8,} {measured.arena:>8,}"
    )


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
    for model in known:
        for goal in GOALS:
            m = measure(model.path, goal)
            print(
                f"{goal:7} {model.title:6} {m.total().instructions:>11,} {m.flash - m.weights:>8,}"
                f" {m.weights:>10,} {m.arena:>8,} {m.arena / m.least:>6.2f}"
            )


def print_operators(results: list[Measured]) -> None:
    """Print instructions per multiply-accumulate of each operator, over all models."""
    spent: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for measured in results:
        for op, count in zip(measured.graph.ops, measured.counts, strict=True):
            spent[op.name][0] += count.instructions
            spent[op.name][1] += OPERATORS[op.name].macs(measured.graph, op)
    print("\ninstructions per multiply-accumulate of the dense model")
    for name, (instructions, macs) in sorted(spent.items()):
        if macs:
            print(f"  {name:28} {instructions / macs:6.2f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", action="store_true", help="also every layer of every model")
    layers = parser.parse_args().layers
    known = models()
    results = [(model, measure(model.path)) for model in known]
    print("one inference; ratios to TFLM of 2026-08 with its CMSIS-NN, GCC 12.2 -O2; bytes")
    print("model  instructions  ratio  est. cycles  ratio     code  constants  arena")
    for model, measured in results:
        print_model(model, measured)
    print_goals(known)
    print_operators([measured for _, measured in results])
    for model, measured in results if layers else []:
        print_layers(model, measured)


if __name__ == "__main__":
    main()
