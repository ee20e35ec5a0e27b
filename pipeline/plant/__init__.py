"""Emits a model's C with a named fault planted in it, for the fault zoo (hil/zoo).

The C says that it is the model of the folder: identity cannot tell it from the right one, the
measurements must. Faults are planted in the graph before emission (weights, biases, gates), by
putting a plain kernel with a known defect in a layer's place, around a layer's function, or in the
preprocessing. A change is a name of `CHANGES`, the place it is made at, and an amount.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hil.errors import InputError
from pipeline.emit_c import KERNEL_DIR, load_source, two_files
from pipeline.emit_c.model import Source, generate
from pipeline.ir import Graph
from pipeline.plant import around, graph, kernel, preparation
from pipeline.plant.rewriting import quantize_again
from pipeline.tflite import parse_tflite

#: The weights of the model before pruning, of every layer.
UNPRUNED: Final = "unpruned"
#: Name → how it is planted: in the graph, in the text of the C, or in both.
CHANGES: Final = {UNPRUNED, *graph.CHANGES, *kernel.CHANGES, *around.CHANGES, *preparation.CHANGES}

Change = tuple[str, str, float]


def emit_planted(folder: Path, out: Path, changes: Sequence[Change]) -> None:
    """Write model.h, model.c and the kernels of a model folder into `out`, with `changes` planted.

    A change's place is a layer's name (or "reset"), or channels by their numbers, "0,1,2".
    Raises InputError for a change or a place that is not known.
    """
    source = load_source(folder)
    planted = source
    for name, place, amount in changes:
        if name not in CHANGES:
            raise InputError(f"no change {name!r} can be planted")
        if name == UNPRUNED:
            planted = dataclasses.replace(planted, graph=_unpruned(folder, planted.graph))
        if name in graph.CHANGES:
            made = graph.CHANGES[name](planted.graph, graph.layer(planted.graph, place), amount)
            planted = dataclasses.replace(planted, graph=made)
    files = two_files(planted, generate(planted, "model"))
    for change in changes:
        files["model.c"] = _in_text(files["model.c"], source, change)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8")
    for header in KERNEL_DIR.glob("nn_*.h"):
        (out / header.name).write_bytes(header.read_bytes())


def _unpruned(folder: Path, pruned: Graph) -> Graph:
    """Return the graph with constants of the model before pruning; identity and ranges stay."""
    int8, floats = ((folder / f"{name}.tflite").read_bytes() for name in ("int8", "float"))
    made = parse_tflite(quantize_again(int8, floats, {}), "unpruned")
    return dataclasses.replace(made, sha256=pruned.sha256)


def _in_text(text: str, source: Source, change: Change) -> str:
    name, place, amount = change
    if name in kernel.CHANGES:
        op = graph.layer(source.graph, place)
        return kernel.replace(text, source.graph, op, kernel.CHANGES[name](amount))
    if name in around.CHANGES:
        return around.CHANGES[name](text, source.graph, place, amount)
    if name in preparation.CHANGES:
        return preparation.replace(text, source, preparation.CHANGES[name](place, amount))
    return text
