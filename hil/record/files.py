"""Writing and reading records."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hil.errors import InputError, clean
from hil.record.checks import check
from hil.record.run import FORMAT, VERSION, Run
from hil.strict_json import from_json, read_json, write_json

#: What is told with a file that is something else.
WANTED: Final = "give a run record, the JSON that `tinyhil run --record RUN.json` writes"

#: Files that people give for a record, by the end of their names.
OTHERS: Final = {
    ".html": "a report, which is made of run records",
    ".npz": "windows, which a run streams",
    ".tflite": "a model, which a run tests",
    ".xml": "JUnit results of a run",
    ".csv": "a recording",
}


def save_run(path: Path, run: Run) -> None:
    """Write a run record, whole or not at all."""
    write_json(path, run)


def load_run(path: Path) -> Run:
    """Read a run record. Raises InputError naming the file, the place in it and the reason."""
    kind = _other_kind(path)
    if kind is not None:
        raise InputError(f"{clean(str(path), 300)}: {kind}; {WANTED}")
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise InputError(f"{clean(str(path), 300)}: JSON, but no run record; {WANTED}")
    if raw.get("version") != VERSION:
        raise InputError(
            f"{path}: made by another version of tinyhil (a record of version {VERSION} is read "
            "here); run again"
        )
    run = from_json(Run, raw, path.name)
    check(path, run)
    return run


def _other_kind(path: Path) -> str | None:
    """Return what is there instead of a record, as far as its name tells; None where it may be."""
    if path.is_dir():
        return "a model folder" if (path / "manifest.json").is_file() else "a folder"
    return OTHERS.get(path.suffix.lower()) if path.is_file() else None
