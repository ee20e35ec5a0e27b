"""Peak memory of the harness process, with LiteRT and TFLM loaded, against its budget.

Baseline: 400 MB, what a run may take beside an editor and a browser on a machine of 4 GB. The
emulator is a process of its own and is not counted.
"""

from __future__ import annotations

import resource

from hil.board import PROJECT_DIR, load_board
from hil.run.steps import Options, run

BUDGET_MB = 400


def main() -> int:
    for arch in ("cnn", "lstm", "dense"):
        options = Options(
            board=load_board("nano33"),
            backend="embedded",
            port=None,
            model=PROJECT_DIR / "test_vectors" / "models" / arch,
            vectors=None,
            limit=None,
            max_drop=2.0,
            command="benchmarks/memory.py",
            quiet=True,
        )
        run(options, lambda text: None)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    print(
        f"harness, both host runtimes, three models: {own:.0f} MB, "
        f"{own / BUDGET_MB:.2f} of the {BUDGET_MB} MB budget"
    )
    return int(own > BUDGET_MB)


if __name__ == "__main__":
    raise SystemExit(main())
