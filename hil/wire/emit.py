"""Write what is generated from the schema: `python -m hil.wire.emit` (`--check`: only compare).

Both ends and the documentation come from `schema.py`, so that they cannot drift apart.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hil.board import PROJECT_DIR
from hil.wire.emit_c import c_source
from hil.wire.emit_python import python_source
from hil.wire.emit_tables import fill


def generate(root: Path = PROJECT_DIR) -> dict[Path, str]:
    """Return every generated file's path and text. PROTOCOL.md keeps what is not a table."""
    protocol = root / "PROTOCOL.md"
    return {
        root / "hil" / "wire" / "messages.py": python_source(),
        root / "firmware" / "lib" / "wire" / "wire_schema.h": c_source(),
        protocol: fill(protocol.read_text(encoding="utf-8")),
    }


def stale(files: dict[Path, str]) -> list[Path]:
    """Return the files whose content on disk differs from what is generated."""
    return [p for p, text in files.items() if not p.is_file() or p.read_text("utf-8") != text]


def main(argv: list[str] | None = None) -> int:
    """Write the generated files, or with --check exit 1 when one is stale."""
    parser = argparse.ArgumentParser(prog="python -m hil.wire.emit", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    args = parser.parse_args(argv)
    files = generate()
    old = stale(files)
    for path in old:
        name = path.relative_to(PROJECT_DIR)
        if args.check:
            print(f"{name} is stale: run `python -m hil.wire.emit`", file=sys.stderr)
        else:
            path.write_text(files[path], encoding="utf-8")
            print(f"wrote {name}")
    return int(bool(old) and args.check)


if __name__ == "__main__":
    sys.exit(main())
