"""Emitted C on the bare core."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from benchmarks.support.bare_core import BareCore
from pipeline.emit_c import KERNEL_DIR, two_files
from pipeline.emit_c.model import ModelCode, Source


def core_of(source: Source, code: ModelCode) -> BareCore:
    """Compile and load a model that was emitted under the name `m`."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, text in two_files(source, code).items():
            (folder / name).write_text(text)
        for header in KERNEL_DIR.glob("nn_*.h"):
            shutil.copy(header, folder)
        return BareCore(folder)
