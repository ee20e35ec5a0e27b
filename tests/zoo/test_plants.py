"""Planted kernels are right but for what is planted: else the zoo would test them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hil.backend.host import HostBackend, build_host
from hil.board import load_board
from hil.device import Device
from hil.model_folder import load_model_folder
from hil.run.steps import Job, Options, prepare, run_on
from hil.run.target import Target
from hil.vectors import load_vectors
from hil.zoo import recordings
from hil.zoo.faults import ALL, FAULTS, SEVERITIES
from hil.zoo.specimen import BOARDS, MODELS, Observation, Specimen, observe
from pipeline.evaluate import float_scores
from pipeline.model_folder import is_stale
from pipeline.plant import CHANGES, emit_planted
from pipeline.plant.files import change_folder
from pipeline.preprocess import Preprocessing

BOARD = load_board("nano33")


def differing(arch: str, changes: list[tuple[str, str, float]], folder: Path) -> int:
    """Return in how many places the device with `changes` differs from the definition."""
    options = Options(BOARD, "host", None, MODELS / arch, None, 8, 2.0, "", quiet=True)
    job: Job = prepare(options)
    emit_planted(options.model, folder, changes)
    backend = HostBackend()
    try:
        program = build_host(BOARD, options.model, code=folder, flags=["-w"])
        device = Device(backend.open(BOARD, program, None))
        run = run_on(Target(BOARD, backend, device, device.identify(), program), options, job)
    finally:
        backend.close()
    compared = [c for c in run.comparisons if c.actual.startswith("device")]
    assert len(compared) == 4
    return sum(len(c.differing) for c in compared) + sum(x.differing for x in run.device_layers)


@pytest.mark.parametrize(
    ("arch", "layers"),
    [("cnn", ["conv1", "conv2", "scores"]), ("dense", ["dense1", "dense2"]), ("lstm", ["scores"])],
)
def test_the_plain_kernel_and_preprocessing_are_exact(
    arch: str, layers: list[str], tmp_path: Path
) -> None:
    changes = [("plain", layer, 0.0) for layer in layers] + [("pre-plain", ALL, 0.0)]
    assert differing(arch, changes, tmp_path) == 0


def test_a_planted_kernel_is_what_is_run(tmp_path: Path) -> None:
    assert differing("dense", [("zero-point", "dense1", 1.0)], tmp_path) > 0


@pytest.mark.parametrize("name", [n for n, f in FAULTS.items() if f.plane == "code"])
def test_every_fault_in_code_can_be_planted_everywhere(name: str, tmp_path: Path) -> None:
    fault = FAULTS[name]
    assert fault.how in CHANGES
    plain = emitted("cnn", [], tmp_path)
    for arch in fault.places:
        plain = emitted(arch, [], tmp_path)
        for severity in range(len(SEVERITIES)):
            change = (fault.how, fault.place(arch, severity), fault.amounts[severity])
            assert emitted(arch, [change], tmp_path) != plain, (arch, severity)


def emitted(arch: str, changes: list[tuple[str, str, float]], folder: Path) -> str:
    emit_planted(MODELS / arch, folder, changes)
    return (folder / "model.c").read_text()


@pytest.mark.parametrize("name", [n for n, f in FAULTS.items() if f.plane == "recordings"])
def test_every_fault_of_recordings_changes_them(name: str) -> None:
    vectors = load_vectors(MODELS / "cnn" / "vectors.npz").take(slice(64))
    fault = FAULTS[name]
    for severity, amount in enumerate(fault.amounts):
        planted = recordings.plant(vectors, fault.how, fault.place("cnn", severity), amount)
        assert planted.raw.shape == vectors.raw.shape
        assert planted.raw.dtype == np.int16
        assert (planted.raw != vectors.raw).any()
        assert (planted.label == vectors.label).all()


def test_recordings_are_what_they_say() -> None:
    vectors = load_vectors(MODELS / "cnn" / "vectors.npz").take(slice(8))
    raw = vectors.raw.astype(np.int64)
    swapped = recordings.plant(vectors, "sensor-swap", ALL, 0).raw
    assert (swapped[:, :, :3] == raw[:, :, 3:]).all()
    back = recordings.plant(replace(vectors, raw=swapped), "sensor-swap", ALL, 0).raw
    assert (back == raw).all()
    quarter = recordings.plant(vectors, "rotate", ALL, 90).raw
    assert (quarter[:, :, 0] == -raw[:, :, 1]).all()
    assert (quarter[:, :, 2] == raw[:, :, 2]).all()
    railed = recordings.plant(vectors, "gain", "0", 1e6).raw[:, :, 0]
    assert set(np.unique(railed)) <= {-32768, 0, 32767}
    assert (recordings.plant(vectors, "rate", ALL, 1.0).raw == raw).all()


def test_a_refused_device_is_an_observation() -> None:
    seen: Observation = observe(Specimen("dense", "nano33", (("build-other-model", 1),)))
    assert seen.refused is not None
    assert seen.refused[0] == "IdentityError"
    assert "carries model" in seen.refused[1]
    assert seen.findings == ()


@pytest.mark.parametrize("name", [n for n, f in FAULTS.items() if f.plane == "model"])
def test_every_fault_of_a_model_gives_a_whole_folder(name: str, tmp_path: Path) -> None:
    fault = FAULTS[name]
    for arch in fault.places:
        severest = len(SEVERITIES) - 1
        change_folder(
            MODELS / arch, tmp_path / arch, fault.how, fault.place(arch, severest), fault.amounts[2]
        )
        changed, was = load_model_folder(tmp_path / arch), load_model_folder(MODELS / arch)
        assert changed.model_hash != was.model_hash
        assert not is_stale(tmp_path / arch)


def test_an_outlier_channel_leaves_the_float_model_as_it_computes(tmp_path: Path) -> None:
    folder = load_model_folder(MODELS / "dense")
    assert folder.manifest.preprocessing is not None
    change_folder(folder.path, tmp_path / "made", "outlier-channel", "dense1", 64)
    raw = load_vectors(folder.path / "vectors.npz").raw[:32]
    constants = folder.manifest.preprocessing
    windows = Preprocessing(constants.mean, constants.std).normalise(raw)
    before = float_scores(folder.path / "pruned.tflite", windows)
    after = float_scores(tmp_path / "made" / "pruned.tflite", windows)
    # 64 is a power of two: scaling by it and back loses nothing but in sums' last bits.
    np.testing.assert_allclose(after, before, atol=1e-5)


@pytest.mark.parametrize("board", BOARDS)
def test_a_board_s_image_with_planted_c_boots_and_shows_it(board: str) -> None:
    seen = observe(Specimen("dense", board, (("memory-late-write", 1),)))
    assert seen.refused is None
    assert seen.differing["layers"] > 0
    assert seen.differing["crash"] == seen.differing["incomplete"] == 0
