"""Writing and reading records."""

from __future__ import annotations

from pathlib import Path

from hil.errors import InputError
from hil.record.checks import check
from hil.record.run import FORMAT, VERSION, Run
from hil.strict_json import from_json, read_json, write_json


def save_run(path: Path, run: Run) -> None:
    """Write a run record, whole or not at all."""
    write_json(path, run)


def load_run(path: Path) -> Run:
    """Read a run record. Raises InputError naming the file, the place in it and the reason."""
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise InputError(f"{path}: not a {FORMAT} record")
    if raw.get("version") != VERSION:
        raise InputError(
            f"{path}: made by another version of tinyhil (a record of version {VERSION} is read "
            "here); run again"
        )
    run = from_json(Run, raw, path.name)
    check(path, run)
    return run
