"""ARCHITECTURE.md's "What may import what", held against the code's own import statements."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: What pipeline may use of the harness.
FROM_PIPELINE = {
    "hil", "hil.__version__", "hil.board", "hil.errors", "hil.files", "hil.model_folder",
    "hil.sensor.resample", "hil.strict_json", "hil.vectors",
}  # fmt: skip

#: Package → the only folder that may import it.
CONFINED = {
    "unicorn": "hil/emulator",
    "tensorflow": "pipeline/train",
    "tf_keras": "pipeline/train",
    "tensorflow_model_optimization": "pipeline/train",
    "serial": "hil",
}

#: Pure parts → what they must not import, however indirectly it is written.
PURE = (
    "hil/wire",
    "hil/report",
    "hil/verdict/drift.py",
    "hil/verdict/diagnose.py",
    "hil/verdict/stats.py",
)
IMPURE = {"serial", "socket", "subprocess", "hil.device", "hil.backend", "hil.run", "time"}


def modules() -> list[Path]:
    return [p for folder in ("hil", "pipeline") for p in sorted((ROOT / folder).rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module
            if node.module in ("hil", "pipeline"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, packages: set[str]) -> bool:
    return any(name == p or name.startswith(p + ".") for p in packages)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_the_right_way(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    for name in imports(path):
        if place.startswith("hil/"):
            assert not within(name, {"pipeline"}), f"{place} imports {name}: load it by name"
        if place.startswith("pipeline/") and within(name, {"hil"}):
            assert name in FROM_PIPELINE or name.rpartition(".")[0] in FROM_PIPELINE - {"hil"}, (
                f"{place} imports {name}"
            )
        top = name.partition(".")[0]
        if top in CONFINED:
            assert place.startswith(CONFINED[top]), f"{place} imports {name}"
        if place.startswith(PURE):
            assert not within(name, IMPURE), f"{place} is pure, but imports {name}"


def test_firmware_libraries_do_not_reach_into_the_application() -> None:
    for path in (ROOT / "firmware" / "lib").rglob("*.[ch]"):
        for line in path.read_text().splitlines():
            if line.lstrip().startswith("#include"):
                assert "hal.h" not in line, f"{path.name}: {line}"
                assert "src/" not in line, f"{path.name}: {line}"
