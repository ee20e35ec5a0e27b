"""Whole runs against the device in memory: what is recorded, and what a failure leaves behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_device import MODEL, PER_LAYER, STAMP, FakeBackend

from hil.backend.base import EMULATED_DEVICE_ID
from hil.errors import DeviceError, IdentityError, InputError
from hil.record import Run, load_run, save_run
from hil.reference import runtimes
from hil.run.steps import Options, run
from hil.vectors import Vectors, load_vectors, save_vectors
from hil.verdict.diagnose import diagnose, failed
from hil.verdict.drift import column

Fake = Callable[..., Options]


def quiet(text: str) -> None:
    """Nobody reads what the run says."""


def causes(measured: Run) -> set[str]:
    return {f"{f.stage}/{f.cause}" for f in diagnose(measured)}


def test_a_device_in_order(fake: Fake, tmp_path: Path) -> None:
    said: list[str] = []
    got = run(fake(), said.append)
    assert got.incomplete is None
    assert got.fault is None
    assert [c.name for c in got.columns if not c.side_branch] == [
        "float", "pruned", "int8", "device", "device-raw",
    ]  # fmt: skip
    device, int8 = column(got, "device"), column(got, "int8")
    assert device is not None
    assert int8 is not None
    assert device.predicted == int8.predicted
    assert all(not c.differing for c in got.comparisons if c.actual.startswith("device"))
    assert {c.compared for c in got.comparisons} == {30}
    assert all(layer.compared == 30 and layer.differing == 0 for layer in got.device_layers)
    assert {layer.instructions for layer in got.device_layers} == {PER_LAYER + STAMP}
    assert {layer.cycles_estimate for layer in got.device_layers} == {PER_LAYER + 300 + STAMP}
    assert got.instructions_per_inference == PER_LAYER * len(got.device_layers)
    assert got.cycles_per_inference is None
    assert "nothing-wrong" in {f.cause for f in diagnose(got)}
    assert not failed(diagnose(got))
    assert any("back end: device in memory" in line for line in said)
    assert got.origin is not None
    assert got.origin.files["int8.tflite"] == got.identity.model_hash
    for item in got.quantization:
        assert item.histogram is not None
        assert sum(item.histogram.codes) == 30 * next(
            layer.size for layer in got.device_layers if layer.name == item.name
        )
    save_run(tmp_path / "run.json", got)
    assert load_run(tmp_path / "run.json") == got


def test_windows_are_spread_over_the_set(fake: Fake) -> None:
    labels = run(replace(fake(), limit=30), quiet).windows.label
    assert len(labels) == 30
    assert len(set(labels)) == 3  # the set is sorted by person, recording and class


def test_hardware_cycles_are_cycles(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeBackend, "emulated", False)
    monkeypatch.delattr(FakeBackend, "count_estimate")
    got = run(fake(), quiet)
    assert got.cycles_per_inference == PER_LAYER * len(got.device_layers)
    assert got.instructions_per_inference is None
    assert {layer.cycles for layer in got.device_layers} == {PER_LAYER + STAMP}
    assert FakeBackend.last.kinds.count("CYCLES") == 5


def test_an_emulator_behind_a_serial_port_claims_no_time(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeBackend, "emulated", False)
    got = run(fake(others={"device_id": EMULATED_DEVICE_ID}), quiet)
    assert got.identity.emulated
    assert got.identity.backend_description == "device in memory (an emulator)"
    assert got.cycles_per_inference is None
    assert got.instructions_per_inference == PER_LAYER * len(got.device_layers)


@pytest.mark.parametrize(("alone", "cause"), [(True, "kernel"), (False, "overwritten")])
def test_a_wrong_layer_is_found_and_run_alone(fake: Fake, alone: bool, cause: str) -> None:
    got = run(fake(wrong_layer=2, wrong_alone=alone), quiet)
    first, second = got.device_layers[1], got.device_layers[2]
    assert (first.differing, second.differing) == (0, 30)
    assert second.max_difference_lsb == 1
    assert second.first_difference == 0
    assert second.alone_differs is alone
    assert got.device_layers[3].alone_differs is False
    assert f"device/{cause}" in causes(got)
    assert "preprocessing/outputs-differ" not in causes(got)


def test_tensors_are_read_back_only_where_a_crc_differs(fake: Fake) -> None:
    run(fake(), quiet)
    assert not {"READ_LAYER", "RUN_LAYER"} & set(FakeBackend.last.kinds)


def test_wrong_preprocessing_on_the_device(fake: Fake) -> None:
    got = run(fake(raw_offset=3), quiet)
    item = next(c for c in got.comparisons if (c.actual, c.what) == ("device-raw", "input"))
    assert len(item.differing) == 30
    assert item.max_difference_lsb == 3
    assert "preprocessing/offset" in causes(got)
    assert not any(cause.startswith("device/") for cause in causes(got))


def test_a_device_without_preprocessing_is_not_asked_for_it(fake: Fake) -> None:
    got = run(fake(raw_size=0), quiet)
    assert column(got, "device-raw") is None
    assert all(c.actual != "device-raw" for c in got.comparisons)


def test_a_port_that_vanishes_keeps_what_was_measured(fake: Fake) -> None:
    got = run(fake(gone_at=25), quiet)
    assert got.incomplete == "/dev/fake: the port vanished"
    device = column(got, "device")
    assert device is not None
    measured = [i for i, p in enumerate(device.predicted) if p >= 0]
    assert measured == list(range(len(measured)))
    assert 0 < len(measured) < 30
    int8 = column(got, "int8")
    assert int8 is not None
    assert min(int8.predicted) >= 0  # the host's side is whole
    assert got.memory is None
    assert "link/incomplete" in causes(got)
    assert failed(diagnose(got))


@pytest.mark.parametrize(
    ("faults", "words"),
    [({"short_output": True}, "an output of 2 bytes"),
     ({"wrong_tensor": True}, "tensor 60000")],
)  # fmt: skip
def test_a_device_is_not_trusted(fake: Fake, faults: dict[str, bool], words: str) -> None:
    got = run(fake(**faults), quiet)
    assert got.incomplete is not None
    assert words in got.incomplete


def test_a_crash_during_the_run_is_told_though_every_window_was_answered(fake: Fake) -> None:
    got = run(fake(crash_at=12, old_faults=2), quiet)
    assert got.incomplete is None
    assert got.fault is not None
    assert "restarted during the run (FAULT)" in got.fault
    assert "HardFault at pc=0x00010234" in got.fault
    assert "device/fault" in causes(got)
    assert "the device had crashed 2 times before this run" in got.notes


def test_an_old_crash_is_a_note(fake: Fake) -> None:
    got = run(fake(old_faults=1), quiet)
    assert got.fault is None
    assert got.notes


def test_link_counters_are_recorded(fake: Fake) -> None:
    got = run(fake(bad_frames=1), quiet)
    assert got.link is not None
    assert got.link.bad_frames_device == 1
    assert "link/damaged-frames" in causes(got)


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"model_hash": bytes(32)}, "tinyhil flash --board nano33 --model"),
        ({"firmware_hash": b"firmware"}, "built from other sources"),
        ({"names": "sensortile\0m\x000.1\0g"}, "board 'sensortile', not 'nano33'"),
        ({"arithmetic": 9}, "arithmetic"),
    ],
)
def test_another_device_is_refused(fake: Fake, others: dict[str, Any], words: str) -> None:
    with pytest.raises(IdentityError, match=words):
        run(fake(others=others), quiet)


def test_no_device_at_all(fake: Fake) -> None:
    with pytest.raises(DeviceError, match="vanished"):
        run(fake(gone_at=1), quiet)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODEL, tmp_path / "model"))


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": ["PEN", "FEL"]}, "its classes .* are not the model's"),
        ({"channels": ["ax", "ay", "az", "wx", "wz", "wy"]}, "its channels"),
        ({"preprocessing": {"mean": [0.0], "std": [1.0]}}, "not for 6 channels"),
        ({"preprocessing": {"mean": [0.0] * 6, "std": [0.0] * 6}}, "std positive"),
        ({"preprocessing": {"mean": [1e999] * 6, "std": [1.0] * 6}}, "Infinity|finite"),
        ({"preprocessing": {"mean": [1e300] * 6, "std": [1.0] * 6}}, "in counts"),
        ({"preprocessing": {"mean": [0.0] * 6, "std": [1e-300] * 6}}, "in counts"),
        ({"stages": {"int8": "float.tflite"}}, "cannot name a stage"),
        ({"stages": {"a\x1b[2J": "float.tflite"}}, "cannot name a stage"),
        ({"layers": [{"name": "l", "op": "X", "int8_tensor": 9999, "float_tensor": 0}]},
         "no tensor 9999"),
        ({"layers": [{"name": "l", "op": "X", "int8_tensor": 0, "float_tensor": 1}]},
         "does not have its size|not quantized"),
    ],
)  # fmt: skip
def test_folders_that_do_not_fit_are_refused_in_one_line(
    fake: Fake, folder: Path, changes: dict[str, Any], words: str
) -> None:
    rewrite(folder, **changes)
    with pytest.raises(InputError, match=words) as caught:
        run(replace(fake(), model=folder), quiet)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"limit": 0}, "--limit 0"),
        ({"max_drop": -1.0}, "--max-drop -1"),
        ({"max_drop": float("nan")}, "--max-drop nan"),
        ({"vectors": Path("vectors.csv")}, "must be the .npz"),
        ({"model": Path("nowhere")}, "no such model folder"),
        ({"backend": "telepathy"}, "no back end"),
    ],
)
def test_options_that_make_no_sense(fake: Fake, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run(replace(fake(), **changes), quiet)


def test_a_model_that_names_no_classes_takes_vectors_with_as_many_as_it_has_outputs(
    fake: Fake, folder: Path, tmp_path: Path
) -> None:
    rewrite(folder, classes=[], channels=[])
    measured = run(replace(fake(), model=folder, vectors=MODEL / "vectors.npz"), quiet)
    assert measured.windows.classes == ("PEN", "FEL", "ROW")
    whole = load_vectors(MODEL / "vectors.npz")
    manifest = replace(whole.manifest, classes=(*whole.manifest.classes, "fourth"))
    save_vectors(tmp_path / "four.npz", replace(whole, manifest=manifest))
    with pytest.raises(InputError, match="answers 3 values for 4 classes"):
        run(replace(fake(), model=folder, vectors=tmp_path / "four.npz"), quiet)


def test_model_inputs_at_the_ends_of_int8_are_counted(fake: Fake, folder: Path) -> None:
    assert run(fake(), quiet).input_saturated == 0
    rewrite(folder, preprocessing={"mean": [0.0] * 6, "std": [1.0] * 6})  # counts: thousands
    assert run(replace(fake(), model=folder), quiet).input_saturated > 0.9


def test_vectors_of_another_shape(fake: Fake, folder: Path, tmp_path: Path) -> None:
    whole = load_vectors(folder / "vectors.npz")
    fields = {**vars(whole), "raw": whole.raw[:, :40, :]}
    save_vectors(tmp_path / "short.npz", Vectors(**fields))
    with pytest.raises(InputError, match=r"takes 300 values .* window has 240"):
        run(replace(fake(), vectors=tmp_path / "short.npz"), quiet)


def test_without_tflite_micro_the_interpreter_stands_in_and_says_so(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_wheel = run(fake(), quiet)
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None)
    without = run(fake(), quiet)
    ours, theirs = column(without, "int8"), column(with_wheel, "int8")
    assert ours is not None
    assert theirs is not None
    assert "pipeline.interp" in ours.runtime
    assert "tflite-micro 0" in theirs.runtime
    assert ours.predicted == theirs.predicted
    assert ours.scores == theirs.scores
