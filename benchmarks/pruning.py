"""What pruning in pairs costs in accuracy, and what it wins on the device, beside single weights.

    python -m benchmarks.pruning [--seeds 5] [--arch cnn] [--keep DIR]

Both are pruned from the same float model, per seed, to the architecture's sparsity, on the default
data; accuracy is of the int8 models on the windows of subjects never trained on. Instructions of
one inference are exact, counted on an emulated Cortex-M4 from the emitted C; bytes are of weights
with their indices. The baseline is the unpruned model of the same seed.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.engine import measure
from pipeline.commands.train import ARCHS, PATTERNS
from pipeline.data.load import choose_classes, load
from pipeline.data.recordings import cut
from pipeline.data.split import Split, split_by_subject
from pipeline.evaluate import accuracy, int8_scores, weight_sparsity

VARIANTS: Final = ("unpruned", *PATTERNS)


@dataclass(frozen=True)
class Result:
    """One int8 model: accuracy on the test windows, share of zeros, cost on the device."""

    accuracy: float
    sparsity: float
    instructions: int
    weights: int


def train(arch: str, split: Split, seed: int, folder: Path) -> dict[str, Result]:
    """Train one seed; return a result per variant, whose files are left in `folder`."""
    from pipeline.train import build, convert, fit
    from pipeline.train.runtime import seed_everything

    seed_everything(seed)
    preprocessing = build.fit_preprocessing(split.train)
    task = build.task_of(arch, split, preprocessing, seed, None)
    float_model = fit.train(task)
    models = {"unpruned": float_model}
    models |= {pattern: fit.prune(task, float_model, pattern) for pattern in PATTERNS}
    some = preprocessing.normalise(split.train.raw[: build.REPRESENTATIVE])
    results = {}
    for variant, model in models.items():
        path = folder / f"{arch}-{seed}-{variant}.tflite"
        path.write_bytes(convert.to_int8(model, some))
        scores = int8_scores(path, split.test.raw, preprocessing)
        cost = measure(path)
        results[variant] = Result(
            accuracy(scores, split.test.label),
            weight_sparsity(path),
            cost.total().instructions,
            cost.weights,
        )
    return results


def print_table(arch: str, results: list[dict[str, Result]]) -> None:
    """Print means over the seeds, and the difference to single weights seed by seed."""
    print(f"\n{arch}: mean of {len(results)} seeds, ± standard deviation")
    print("pruned    zeros  accuracy         to unpruned      instructions     bytes of weights")
    for variant in VARIANTS:
        rows = [seed[variant] for seed in results]
        scores = np.array([r.accuracy for r in rows])
        change = scores - np.array([seed["unpruned"].accuracy for seed in results])
        spread = 1 if len(rows) > 1 else 0
        print(
            f"{variant:9} {np.mean([r.sparsity for r in rows]):5.1%}"
            f"  {scores.mean():.4f} ± {scores.std(ddof=spread):.4f}"
            f"  {change.mean():+.4f} ± {change.std(ddof=spread):.4f}"
            f" {np.mean([r.instructions for r in rows]):>13,.0f}"
            f" {np.mean([r.weights for r in rows]):>20,.0f}"
        )


def main() -> None:
    """Train and print a table per architecture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="trained with seeds 1 to this")
    parser.add_argument("--arch", choices=ARCHS, nargs="+", default=["cnn"])
    parser.add_argument("--keep", type=Path, help="a folder to leave the int8 models in")
    args = parser.parse_args()
    data = load("watch")
    split = split_by_subject(cut(data, choose_classes("watch", None, data)))
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for arch in args.arch:
            results = [train(arch, split, s, folder) for s in range(1, args.seeds + 1)]
            print_table(arch, results)


if __name__ == "__main__":
    main()
