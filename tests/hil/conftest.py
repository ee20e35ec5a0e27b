"""The device in memory, put in the place of a back end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_device import MODEL, FakeBackend, Faults

import hil.commands.run  # noqa: F401 - see below
from hil.backend import base
from hil.board import load_board
from hil.run.steps import Options, prepare


@pytest.fixture(scope="session", autouse=True)
def _import_runtimes() -> None:
    """Import the native runtimes before pytester does.

    A pytest run inside this process forgets the modules that it was the first to import, and
    native ones cannot be imported twice.
    """
    prepare(Options(load_board("nano33"), "host", None, MODEL, None, 1, 2.0, "", quiet=True))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Options]:
    """Return a function: faults of the device → options of a run on it (30 windows)."""
    elf = tmp_path / "firmware.elf"
    elf.write_bytes(b"not booted")
    monkeypatch.setitem(base.BACKENDS, "fake", ("fake_device", "FakeBackend"))
    monkeypatch.setattr("hil.run.target.build", lambda board, model: elf)
    monkeypatch.setattr(FakeBackend, "model", MODEL, raising=False)
    options = Options(
        board=load_board("nano33"), backend="fake", port=None, model=MODEL, vectors=None,
        limit=30, max_drop=2.0, command="tinyhil run", quiet=True,
    )  # fmt: skip

    def plan(**faults: object) -> Options:
        monkeypatch.setattr(FakeBackend, "faults", Faults(**faults))  # type: ignore[arg-type]
        return replace(options)

    return plan
