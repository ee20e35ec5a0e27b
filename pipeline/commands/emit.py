"""`tinyhil emit`: a model as C."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

from hil.board import board_names, load_board
from hil.errors import clean
from hil.strict_json import to_json
from pipeline.emit_c import Emitted, emit_model
from pipeline.emit_c.choice import GOALS
from pipeline.ops import OPERATORS

#: As --board: a device that tinyhil does not know.
ANY: Final = "any"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Write an int8 model as plain C11 (and C++): no heap, no library, every byte of every\n"
        "layer that of TensorFlow Lite Micro's reference kernels. NAME.h says how to call it;\n"
        "above each layer in NAME.c stand its shapes, quantization, cost and kernel."
    )
    parser.epilog = (
        "example:\n"
        "  tinyhil emit test_vectors/models/cnn --name gesture --out build/gesture\n"
        "  cc -std=c11 -O2 -Ibuild/gesture -c build/gesture/gesture.c"
    )
    parser.add_argument("model", type=Path, help="an int8 .tflite, or a model folder")
    parser.add_argument("--name", required=True, help="prefix of files, macros and symbols in C")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the folder to write into"
    )
    parser.add_argument(
        "--single-header", action="store_true", help="write NAME.h alone, kernels included"
    )
    parser.add_argument(
        "--optimize",
        choices=sorted(GOALS),
        default="speed",
        help="choose each layer's kernel for the fewest instructions (speed, the default), the "
        "fewest bytes of flash (size) or the smallest arena (ram); the results are the same bytes",
    )
    parser.add_argument(
        "--board",
        choices=[*board_names(), ANY],
        help="refuse a model that cannot fit this board (default: one that fits none of them); "
        "any: refuse nothing for its size",
    )


def execute(args: argparse.Namespace) -> int:
    """Write the C; print what was written and what it needs."""
    names = {None: board_names(), ANY: []}.get(args.board, [args.board])
    emitted = emit_model(
        args.model,
        args.name,
        args.out,
        single_header=args.single_header,
        boards=[load_board(name) for name in names],
        goal=args.optimize,
    )
    if args.json:
        print(json.dumps(_as_json(emitted), indent=1))
        return 0
    for path in emitted.files:
        print(clean(str(path)))
    macs = sum(OPERATORS[op.name].macs(emitted.graph, op) for op in emitted.graph.ops)
    print(
        f"{len(emitted.graph.ops)} layers, {macs:,} multiply-accumulates, "
        f"{emitted.code.constant_bytes:,} bytes of weights, "
        f"{emitted.code.plan.size:,} bytes of arena"
    )
    return 0


def _as_json(emitted: Emitted) -> dict[str, object]:
    graph = emitted.graph
    return {
        "files": [str(path) for path in emitted.files],
        "model_hash": graph.sha256.hex(),
        "arena_bytes": emitted.code.plan.size,
        "constant_bytes": emitted.code.constant_bytes,
        "arena": to_json(emitted.code.plan.placed),
        "layers": [
            {
                "name": graph.layer_name(op),
                "operator": op.name,
                "shape": list(graph.output_of(op).shape),
                "macs": OPERATORS[op.name].macs(graph, op),
                "kernel": kernel,
            }
            for op, kernel in zip(graph.ops, emitted.code.kernels, strict=True)
        ],
    }
