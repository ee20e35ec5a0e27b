"""Test vectors: raw recorded windows with all that is known of them.

A set is two files side by side: `NAME.npz` (arrays, no pickles) and `NAME.json` (the manifest).
The manifest holds the SHA-256 of the .npz, so a tampered or truncated file is refused.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, clean
from hil.files import read_file
from hil.strict_json import from_json, read_json, write_json

FORMAT: Final = "tinyhil-vectors"
VERSION: Final = 1

#: More windows than any board session streams in a day; bounds what a hostile file can allocate.
MAX_ARRAY_BYTES: Final = 512 * 2**20

#: Arrays of the .npz: name → (dtype, number of axes). Row i of each is window i.
ARRAYS: Final = {
    "raw": ("int16", 3),  # [N, T, C] sensor counts
    "label": ("int16", 1),  # index into `classes`, -1 where unknown
    "subject": ("int16", 1),  # index into `subjects`
    "recording": ("int32", 1),  # windows of one recording share a number
    "side": ("int8", 1),  # 0 left, 1 right, -1 unknown
    "start": ("int32", 1),  # first sample of the window in its recording
}


@dataclass(frozen=True)
class VectorManifest:
    """The JSON beside the arrays.

    counts_per_unit is not stored; `unit_per_count[c]` is the real value of one count of channel c,
    in `units[c]`. `bandwidth_hz`: nothing above it is real (upsampled data says so), None: unknown.
    """

    format: str
    version: int
    classes: tuple[str, ...]
    subjects: tuple[str, ...]
    channels: tuple[str, ...]
    units: tuple[str, ...]
    unit_per_count: tuple[float, ...]
    rate_hz: float
    bandwidth_hz: float | None
    split: str
    source: str
    license: str
    notice: str
    npz_sha256: str


@dataclass(frozen=True)
class Vectors:
    """Windows in memory; arrays as in ARRAYS, row i of each being window i."""

    manifest: VectorManifest
    raw: NDArray[np.int16]
    label: NDArray[np.int16]
    subject: NDArray[np.int16]
    recording: NDArray[np.int32]
    side: NDArray[np.int8]
    start: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.raw)

    def take(self, index: NDArray[np.intp] | slice) -> Vectors:
        """Return the windows that `index` selects, in its order."""
        return Vectors(self.manifest, *(getattr(self, name)[index] for name in ARRAYS))


def save_vectors(path: Path, vectors: Vectors) -> None:
    """Write `path` (.npz) and its manifest; the same content gives the same bytes."""
    data = _npz_bytes({name: getattr(vectors, name) for name in ARRAYS})
    path.write_bytes(data)
    fields = {**vars(vectors.manifest), "npz_sha256": hashlib.sha256(data).hexdigest()}
    write_json(path.with_suffix(".json"), VectorManifest(**fields))


def _npz_bytes(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Return an .npz without the time stamps that numpy's own writer puts into it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(info, member.getvalue(), zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def load_vectors(path: Path) -> Vectors:
    """Read a set by its .npz, checking hash, names, dtypes, shapes and ranges.

    Raises InputError with the file, the reason and, where there is one, the mend.
    """
    manifest_path = path.with_suffix(".json")
    if not os.path.exists(path):
        raise InputError(f"{clean(str(path), 300)}: No such file or directory")
    if not os.path.exists(manifest_path):
        raise InputError(
            f"{clean(str(path), 300)}: {clean(manifest_path.name)} is missing beside it: it names "
            "the classes, channels and units; hil.vectors.save_vectors writes both files"
        )
    manifest = from_json(VectorManifest, read_json(manifest_path), manifest_path.name)
    if (manifest.format, manifest.version) != (FORMAT, VERSION):
        raise InputError(f"{manifest_path}: not a {FORMAT} version {VERSION} manifest")
    arrays = _read_arrays(path, manifest)
    _check_shapes(path, manifest, arrays)
    return Vectors(manifest, **arrays)


def _read_arrays(path: Path, manifest: VectorManifest) -> dict[str, NDArray[Any]]:
    data = read_file(path, MAX_ARRAY_BYTES)
    if hashlib.sha256(data).hexdigest() != manifest.npz_sha256:
        raise InputError(
            f"{path}: its SHA-256 is not the one in {path.stem}.json: "
            "truncated or changed since it was written; restore both files together"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(i.file_size for i in archive.infolist()) > MAX_ARRAY_BYTES:
                raise InputError(f"{path}: arrays larger than {MAX_ARRAY_BYTES} bytes")
        with np.load(io.BytesIO(data), allow_pickle=False) as content:
            return {name: content[name] for name in ARRAYS}
    except KeyError as error:
        raise InputError(f"{path}: array {error} is missing") from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(f"{path}: not a readable .npz: {clean(str(error))}") from None


def _check_shapes(path: Path, manifest: VectorManifest, arrays: dict[str, NDArray[Any]]) -> None:
    for name, (dtype, axes) in ARRAYS.items():
        array = arrays[name]
        if array.dtype != np.dtype(dtype) or array.ndim != axes:
            raise InputError(
                f"{path}: {name} is {array.dtype} with {array.ndim} axes, "
                f"must be {dtype} with {axes}"
            )
        if len(array) != len(arrays["raw"]):
            raise InputError(f"{path}: {name} has {len(array)} rows, raw {len(arrays['raw'])}")
    if arrays["raw"].size == 0:
        raise InputError(f"{path}: holds no windows")
    channels = arrays["raw"].shape[2]
    for field in ("channels", "units", "unit_per_count"):
        if len(getattr(manifest, field)) != channels:
            raise InputError(f"{path}: {channels} channels, but the manifest's {field} differ")
    if not all(np.isfinite(u) and u > 0 for u in manifest.unit_per_count):
        raise InputError(f"{path}: unit_per_count must be finite and positive")
    for name, bound in (("label", len(manifest.classes)), ("subject", len(manifest.subjects))):
        low = -1 if name == "label" else 0
        column = arrays[name].astype(np.int64)
        if column.min() < low or column.max() >= bound:
            raise InputError(f"{path}: {name} outside {low}…{bound - 1}")
