"""Bytes of code of each kernel: in every layer that is on it, and of functions that layers share.

    python -m benchmarks.code_size

Of the committed models, those of tests/engine/converted and, where TINYHIL_MLPERF_DIR names their
folder, MLPerf Tiny's; each with its fastest kernels, the next ones, and the plain ones. What the
emitter reckons with when it chooses for size (pipeline/emit_c/flash.py) is taken from here.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Final

from benchmarks.engine import MLPERF_VARIABLE, MODELS
from benchmarks.support.emitted import core_of
from hil.board import PROJECT_DIR
from pipeline.emit_c.choice import candidates
from pipeline.emit_c.model import EMITTERS, Source, generate
from pipeline.verify import read_verified

RUN: Final = re.compile(r"m_(\d+)_\w*run")


def paths() -> list[Path]:
    found = sorted(MODELS.glob("*/int8.tflite"))
    found += sorted((PROJECT_DIR / "tests" / "engine" / "converted").glob("*.tflite"))
    if folder := os.environ.get(MLPERF_VARIABLE):
        found += sorted(Path(folder).glob("*.tflite"))
    return found


def main() -> None:
    """Print both tables."""
    layers: dict[str, list[int]] = defaultdict(list)
    shared: dict[str, set[int]] = defaultdict(set)
    for path in paths():
        graph = read_verified(path)
        found = [candidates(graph, op, EMITTERS[op.name]) for op in graph.ops]
        for which in (0, 1, -1):
            chosen = [choices[min(which, len(choices) - 1)] for choices in found]
            code = generate(Source(graph), "m", choices=chosen)
            for name, size in core_of(Source(graph), code).functions.items():
                if layer := RUN.fullmatch(name):
                    layers[code.kernels[int(layer[1])]].append(size)
                elif name.startswith("nn_"):
                    shared[name.partition(".")[0]].add(size)
    print("kernel                          layers  least   most   mean")
    for kernel, sizes in sorted((k, v) for k, v in layers.items() if k):
        mean = sum(sizes) / len(sizes)
        print(f"{kernel:30} {len(sizes):>7} {min(sizes):>6} {max(sizes):>6} {mean:>6.0f}")
    print("\nfunctions that layers share")
    for name, some in sorted(shared.items()):
        print(f"{name:30} {', '.join(map(str, sorted(some)))}")


if __name__ == "__main__":
    main()
