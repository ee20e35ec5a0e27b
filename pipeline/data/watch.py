"""The watch recordings of seglearn: real wrist-worn motion, 10 people × 7 exercises × 2 arms.

PEN pendulum swing, ABD abduction, FEL forward elevation, IR and ER internal and external rotation,
TRAP trapezius extension, ROW upright row; 140 recordings at 50 Hz, accelerometer and gyroscope.
The units are not documented with the data: the accelerometer's median norm of 1.07 makes it g,
and the gyroscope fits rad/s.

The file is a pickle inside a .npy. It is found through the installed distribution's file list (so
that seglearn itself, and scikit-learn with it, is never imported), and it is unpickled, the only
unpickling in this project, only after its SHA-256 is the pinned one, and then by an unpickler that
knows nothing but NumPy's arrays.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

import numpy as np

from hil.errors import InputError, ToolError
from pipeline.data.recordings import CHANNELS, Recording, RecordingSet

SHA256: Final = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"
RATE_HZ: Final = 50.0
SOURCE: Final = "seglearn 1.2.5, watch_dataset.npy: wrist-worn smart watch, D. M. Burns, 2018"
ALL_CLASSES: Final = ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
DEFAULT_CLASSES: Final = ("PEN", "FEL", "ROW")


def load_watch() -> RecordingSet:
    """Return the 140 recordings. Raises ToolError without seglearn, InputError on another file."""
    try:
        package = distribution("seglearn")
    except PackageNotFoundError:
        raise ToolError(
            "the watch recordings come with seglearn, which is not installed: "
            "pip install -e '.[train]'"
        ) from None
    data = read_checked(_installed(package, "watch_dataset.npy"))
    content = unpickle_array(data)
    return RecordingSet(
        recordings=tuple(_recording(content, i) for i in range(len(content["X"]))),
        rate_hz=RATE_HZ,
        source=SOURCE,
        license="BSD-3-Clause",
        notice=_installed(package, "LICENSE").read_text(encoding="utf-8"),
        sha256=SHA256,
    )


def _installed(package: Distribution, name: str) -> Path:
    for file in package.files or ():
        if file.name == name:
            return Path(str(file.locate()))
    raise ToolError(f"seglearn is installed without {name}: pip install seglearn==1.2.5")


def read_checked(path: Path) -> bytes:
    """Return the file's bytes, if they are the pinned ones. Raises InputError otherwise."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise InputError(
            f"{path}: not the file of seglearn 1.2.5 (its SHA-256 differs), not opened: "
            "pip install --force-reinstall --no-deps seglearn==1.2.5"
        )
    return data


def _latin1(text: str, encoding: str) -> bytes:
    """Stand in for `_codecs.encode`, by which Python 2 pickles write bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding!r} is not expected")
    return text.encode("latin1")


class ArrayUnpickler(pickle.Unpickler):
    """Builds NumPy arrays and the plain containers; any other symbol is refused."""

    SYMBOLS: Final = {
        # Asked of NumPy itself: its module has another name before NumPy 2.
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _latin1,
    }

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return one of the four symbols. Raises UnpicklingError for any other."""
        try:
            return self.SYMBOLS[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} is refused") from None


def unpickle_array(data: bytes) -> Any:
    """Return the one object inside a .npy of object dtype. Only for bytes already verified."""
    stream = io.BytesIO(data)
    np.lib.format.read_magic(stream)
    np.lib.format.read_array_header_1_0(stream)
    return ArrayUnpickler(stream).load().item()


def _recording(content: dict[str, Any], i: int) -> Recording:
    if tuple(content["X_labels"]) != CHANNELS:
        raise InputError("watch_dataset.npy: its channels are not ax ay az wx wy wz")
    return Recording(
        number=i,
        label=content["y_labels"][content["y"][i]],
        subject=str(content["subject"][i]),
        side=int(content["side"][i]),
        samples=np.asarray(content["X"][i], np.float64),
    )
