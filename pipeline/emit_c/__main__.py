"""`python -m pipeline.emit_c [--check]`: the committed reference model in firmware/lib/model.

It is the `cnn` of test_vectors/models, built by `pio run` where no other model is named.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from hil.board import PROJECT_DIR
from hil.errors import TinyhilError
from pipeline.emit_c import emit

SOURCE: Final = PROJECT_DIR / "test_vectors" / "models" / "cnn"
TARGET: Final = PROJECT_DIR / "firmware" / "lib" / "model"


def stale() -> list[str]:
    """Return the names of files that differ from what the emitter writes now."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = emit(SOURCE, "model", Path(scratch), kernels=False)
        return [
            path.name
            for path in fresh
            if not (TARGET / path.name).is_file()
            or (TARGET / path.name).read_bytes() != path.read_bytes()
        ]


def main() -> int:
    """Write the reference model's C, or check that it is current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is current")
    try:
        if not parser.parse_args().check:
            emit(SOURCE, "model", TARGET, kernels=False)
            return 0
        if names := stale():
            print(f"{TARGET.relative_to(PROJECT_DIR)}: stale: {', '.join(names)}; make generate")
            return 1
    except TinyhilError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
