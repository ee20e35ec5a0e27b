"""Model folders are written whole or not at all, and never over something else."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hil.errors import InputError
from hil.model_folder import load_model_folder
from hil.vectors import load_vectors
from pipeline.model_folder import Draft, check_target, complete, is_stale, write_folder

COMMITTED = Path(__file__).resolve().parents[2] / "test_vectors" / "models" / "dense"


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of a committed folder, with the C of today's emitter."""
    folder = tmp_path_factory.mktemp("committed") / "dense"
    shutil.copytree(COMMITTED, folder)
    complete(folder)
    return folder


@pytest.fixture(scope="module")
def draft(dense: Path) -> Draft:
    """Return the content of a committed folder."""
    manifest = load_model_folder(dense).manifest
    shared = {f.name for f in dataclasses.fields(Draft)} & set(vars(manifest))
    models = [f for f in manifest.files if f.endswith(".tflite")]
    return Draft(
        **{name: getattr(manifest, name) for name in shared},
        models={f: (dense / f).read_bytes() for f in models},
        vectors=load_vectors(dense / "vectors.npz"),
        training=load_vectors(dense / "training.npz"),
        validation=load_vectors(dense / "validation.npz"),
    )


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def test_a_committed_folder_is_written_again_byte_for_byte(
    tmp_path: Path, draft: Draft, dense: Path
) -> None:
    write_folder(tmp_path / "new", draft)
    assert files(tmp_path / "new") == files(dense)
    assert [p.name for p in tmp_path.iterdir()] == ["new"], "nothing is left behind"


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path, draft: Draft) -> None:
    write_folder(tmp_path / "m", draft)
    float_only = {n: c for n, c in draft.models.items() if n != "qat.tflite"}
    write_folder(tmp_path / "m", dataclasses.replace(draft, models=float_only, variants={}))
    assert not (tmp_path / "m" / "qat.tflite").exists()
    assert load_model_folder(tmp_path / "m").manifest.variants == {}


def test_a_failure_keeps_the_old_folder(tmp_path: Path, draft: Draft, dense: Path) -> None:
    write_folder(tmp_path / "m", draft)
    broken = dataclasses.replace(draft, models={**draft.models, "int8.tflite": b"TFL3"})
    with pytest.raises(InputError):
        write_folder(tmp_path / "m", broken)
    assert files(tmp_path / "m") == files(dense)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_model_without_vectors_has_no_notice(tmp_path: Path, draft: Draft) -> None:
    bare = dataclasses.replace(draft, vectors=None, training=None, validation=None)
    write_folder(tmp_path / "m", bare)
    folder = load_model_folder(tmp_path / "m")
    assert folder.vectors is None
    assert not any("NOTICE" in f or "npz" in f for f in folder.manifest.files)


def test_an_empty_folder_and_a_missing_one_are_taken(tmp_path: Path, draft: Draft) -> None:
    check_target(tmp_path)
    write_folder(tmp_path / "a" / "b", draft)
    assert load_model_folder(tmp_path / "a" / "b").manifest.arch == "dense"


@pytest.mark.parametrize("present", ["thesis.txt", "manifest.json"])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, present: str, draft: Draft) -> None:
    (tmp_path / present).write_text('{"format": "another"}')
    with pytest.raises(InputError, match="exists and is not a model folder"):
        write_folder(tmp_path, draft)
    assert [p.name for p in tmp_path.iterdir()] == [present]


def test_a_file_of_ones_own_in_a_model_folder_is_not_lost(tmp_path: Path, draft: Draft) -> None:
    write_folder(tmp_path / "m", draft)
    (tmp_path / "m" / "notes\x1b.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds notes.\.txt, which is not of the model") as caught:
        write_folder(tmp_path / "m", draft)
    assert str(caught.value).isprintable()


def test_a_file_in_the_way_is_refused(tmp_path: Path, draft: Draft) -> None:
    (tmp_path / "m").write_text("a file")
    for path in (tmp_path / "m", tmp_path / "m" / "below"):
        with pytest.raises(InputError):
            write_folder(path, draft)
    assert (tmp_path / "m").read_text() == "a file"


def restated(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))


def test_what_is_derived_is_made_anew_where_it_differs(tmp_path: Path, dense: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(dense, folder)
    assert not is_stale(folder)
    assert not complete(folder)
    restated(folder, layers=[])
    assert is_stale(folder)
    assert complete(folder)
    assert files(folder) == files(dense)


@pytest.mark.parametrize("edit", ["changed", "missing", "extra"])
def test_c_that_is_not_the_emitters_is_stale(tmp_path: Path, edit: str, dense: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(dense, folder)
    hashes = load_model_folder(folder).manifest.files
    restated(folder, files={n: h for n, h in hashes.items() if not n.startswith("c/")})
    if edit == "missing":
        (folder / "c" / "model.c").unlink()
    else:
        (folder / "c" / ("model.c" if edit == "changed" else "extra.c")).write_text("int x;\n")
    assert is_stale(folder)
    assert complete(folder)
    assert files(folder) == files(dense)


def test_the_check_is_a_command(tmp_path: Path, dense: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(dense, folder)
    command = [sys.executable, "-m", "pipeline.model_folder", "--check", str(dense), str(folder)]
    assert subprocess.run(command, check=False).returncode == 0
    restated(folder, layers=[])
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, f"{folder}: stale; run make generate\n")
    (folder / "int8.tflite").write_bytes(b"")
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
