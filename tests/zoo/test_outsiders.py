"""The outsiders are planted in real artefacts, and are no part of the zoo's own list."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hil.emulator.link_faults import KINDS
from hil.model_folder import load_model_folder
from hil.vectors import load_vectors
from hil.verdict.causes import known
from hil.zoo import recordings
from hil.zoo.collection import specimens
from hil.zoo.expected import expected
from hil.zoo.faults import FAULTS, SEVERITIES, Fault
from hil.zoo.outsiders import ANSWERS, MEDIUM, OUTSIDERS, PLACES, admitted
from hil.zoo.outsiders import specimens as outsiders
from hil.zoo.specimen import MODELS
from pipeline.plant import emit_planted
from pipeline.plant.files import change_folder


def of(*planes: str) -> list[str]:
    return [name for name, fault in OUTSIDERS.items() if fault.plane in planes]


def planted(name: str) -> tuple[Fault, str, str]:
    """Return a fault, its one model, and where it is planted there."""
    fault = OUTSIDERS[name]
    (arch,) = fault.places
    return fault, arch, fault.place(arch, MEDIUM)


def emitted(arch: str, changes: list[tuple[str, str, float]], folder: Path) -> str:
    emit_planted(MODELS / arch, folder, changes)
    return (folder / "model.c").read_text()


def test_each_is_run_once_and_has_an_answer_in_the_vocabulary() -> None:
    run = [s.faults for s in outsiders() if s.faults]
    assert run == [((name, MEDIUM),) for name in OUTSIDERS]
    assert set(ANSWERS) == set(OUTSIDERS)
    assert set(PLACES) <= set(OUTSIDERS)
    assert all(known(*answer) for answer in ANSWERS.values())


def test_they_are_admitted_for_a_while_only() -> None:
    before, changes = list(FAULTS), list(recordings.CHANGES)
    with admitted():
        assert list(FAULTS) == [*before, *OUTSIDERS]
        assert expected("device-unsigned-max", "cnn", MEDIUM).places == (frozenset({"pool1"}),)
    assert list(FAULTS) == before
    assert list(recordings.CHANGES) == changes
    assert not {name for s in specimens(quick=False, only=None) for name, _ in s.faults} & set(
        OUTSIDERS
    )


@pytest.mark.parametrize("name", of("recordings"))
def test_recordings_are_changed(name: str) -> None:
    fault, arch, place = planted(name)
    vectors = load_vectors(MODELS / arch / "vectors.npz").take(slice(16))
    for amount in fault.amounts:
        with admitted():
            made = recordings.plant(vectors, fault.how, place, amount)
        assert made.raw.shape == vectors.raw.shape
        assert (made.raw != vectors.raw).any(axis=(1, 2)).all()


@pytest.mark.parametrize("name", of("code", "board-code"))
def test_c_is_changed(name: str, tmp_path: Path) -> None:
    fault, arch, place = planted(name)
    plain = emitted(arch, [], tmp_path)
    for severity in range(len(SEVERITIES)):
        assert emitted(arch, [(fault.how, place, fault.amounts[severity])], tmp_path) != plain


@pytest.mark.parametrize("name", of("model"))
def test_a_model_is_changed(name: str, tmp_path: Path) -> None:
    fault, arch, place = planted(name)
    change_folder(MODELS / arch, tmp_path / "made", fault.how, place, fault.amounts[MEDIUM])
    assert load_model_folder(tmp_path / "made").model_hash != (
        load_model_folder(MODELS / arch).model_hash
    )


def test_the_damaged_word_is_a_bias_whose_top_bit_is_clear(tmp_path: Path) -> None:
    fault, arch, place = planted("memory-bias-sign")
    found = re.search(
        rf"static const int32_t model_{fault.how}\[\d+\] = \{{([^}}]*)\}};",
        emitted(arch, [], tmp_path),
    )
    assert found is not None
    assert int(found[1].split(",")[int(place)]) > 0


def test_the_line_knows_the_disturbance() -> None:
    assert {OUTSIDERS[name].how for name in of("wire")} <= set(KINDS)
