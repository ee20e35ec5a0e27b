"""Drift: what changed between two runs is named, what it did is counted by hand here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import MEMORY, answers, good_run, layer, quantized, with_answers

from hil.drift_screen import WINDOWS, drift_screen
from hil.record import Run
from hil.verdict.baseline import StageDrift, compare


def other(run: Run, **identity: Any) -> Run:
    return replace(run, identity=replace(run.identity, **identity))


def stage(drift: Any, name: str) -> StageDrift:
    return next(s for s in drift.stages if s.name == name)


def test_a_run_has_not_drifted_from_itself() -> None:
    run = good_run(60)
    drift = compare(run, run, max_drift=0.0)
    assert (drift.changed, drift.layers, drift.costs) == ((), (), ())
    assert drift.same_windows
    assert not drift.failed
    assert all(s.flips == () and s.change is not None and s.change.value == 0 for s in drift.stages)
    assert drift.first is None
    assert drift.headline == "nothing changed between the runs"


@pytest.mark.parametrize(
    ("changes", "part", "what"),
    [
        ({"model_hash": "00" * 32}, "model", "model hash"),
        ({"firmware_hash": "11" * 8}, "firmware", "firmware hash"),
        ({"elf_sha256": None}, "firmware", "elf sha256"),
        ({"vectors_sha256": "22" * 32}, "data", "vectors sha256"),
        ({"board": "sensortile"}, "device", "board"),
        ({"versions": {"tinyhil": "0.1.0", "numpy": "3"}}, "software", "numpy"),
    ],
)
def test_what_changed_is_named(changes: dict[str, Any], part: str, what: str) -> None:
    run = good_run(60)
    drift = compare(run, other(run, **changes))
    assert [(c.part, c.what) for c in drift.changed] == [(part, what)]
    assert drift.parts == (part,)


def test_windows_that_changed_class_are_counted_stage_by_stage() -> None:
    old = good_run(60)
    right = answers(60, wrong=range(0, 60, 10))
    worse = answers(60, wrong=[*range(0, 60, 10), 1, 2, 3])
    # Windows 0, 10, … were wrong; 0 is mended, 1, 2 and 3 are broken.
    new = tuple(right[0] - 1 if i == 0 else p for i, p in enumerate(worse))
    drift = compare(old, with_answers(old, int8=new, device=new, device_raw=new))
    assert stage(drift, "float").flips == ()
    item = stage(drift, "int8")
    assert item.flips is not None
    assert [(f.window, f.truth, f.before, f.after) for f in item.flips] == [
        (0, "PEN", "FEL", "PEN"), (1, "FEL", "FEL", "ROW"), (2, "ROW", "ROW", "PEN"),
        (3, "PEN", "PEN", "FEL"),
    ]  # fmt: skip
    assert {(f.subject, f.recording) for f in item.flips} == {("S1", 0), ("S2", 0)}
    assert (item.flips[0].before_score, item.flips[0].after_score) == (0.8, 0.8)
    assert stage(drift, "device").turns_as(item)
    assert not item.turns_as(stage(drift, "float"))
    assert (item.broken, item.mended) == (3, 1)
    assert item.change is not None
    assert item.change.value == pytest.approx(-2 / 60)
    assert item.p == pytest.approx(0.625)  # two-sided: 2 · (1 + 4) / 16
    assert drift.first == "int8"


def test_on_the_same_windows_the_limit_is_counted_not_estimated() -> None:
    old = good_run(300)
    worse = answers(300, wrong=[*range(0, 300, 10), 1, 2, 3])  # three windows: one point
    new = with_answers(old, device=worse)
    assert not compare(old, new, max_drift=1.0).failed
    found = compare(old, new, max_drift=0.99)
    assert found.above == ("device",)
    assert compare(old, new).above == ()  # without a limit nothing fails
    assert not compare(new, old, max_drift=0.0).failed  # a gain is none


def test_on_other_windows_only_what_is_sure_is_above() -> None:
    old = good_run(300)
    few = other(good_run(300), vectors_sha256="99" * 32)
    little = with_answers(few, device=answers(300, wrong=range(0, 300, 8)))
    much = with_answers(few, device=answers(300, wrong=range(0, 300, 2)))
    assert not compare(old, little, max_drift=1.0).failed
    drift = compare(old, much, max_drift=1.0)
    assert drift.above == ("device",)
    item = stage(drift, "device")
    assert (item.flips, item.broken, item.p) == (None, None, None)
    assert item.change is not None
    assert item.change.value == pytest.approx(-0.4)
    assert item.change.low <= item.change.value <= item.change.high


def test_other_windows_of_one_set_are_other_windows() -> None:
    drift = compare(good_run(60), good_run(48))
    assert not drift.same_windows
    assert [(c.part, c.what, c.old, c.new) for c in drift.changed] == [
        ("data", "windows chosen", "60", "48")
    ]


def test_layers_and_costs_that_differ_are_named_with_both_figures() -> None:
    old = good_run(60)
    new = replace(
        old,
        quantization=(old.quantization[0], quantized("layer1", 11.0), old.quantization[2]),
        device_layers=(old.device_layers[0], old.device_layers[1], layer(2, instructions=900)),
        memory=replace(MEMORY, flash_used=41_000),
        instructions_per_inference=2900,
    )
    drift = compare(old, new)
    assert [layer.name for layer in drift.layers] == ["layer1", "layer2"]
    assert drift.layers[0].sqnr_db == (28.0, 11.0)
    assert drift.layers[1].instructions == (1000, 900)
    assert [(c.name, c.old, c.new) for c in drift.costs] == [
        ("instructions", 3000, 2900), ("flash", 40_000, 41_000),
    ]  # fmt: skip


def test_the_screen_says_it_in_words() -> None:
    old = good_run(60)
    worse = answers(60, wrong=[*range(0, 60, 10), 1, 2, 3])
    new = with_answers(other(old, model_hash="00" * 32), int8=worse, device=worse)
    text = drift_screen(compare(old, new, max_drift=2.0))
    assert "Drift: model changed; compared on the same windows" in text
    assert "3 windows changed class (3 right to wrong, 0 wrong to right" in text
    assert "  window 1 (person S2, recording 0), truly FEL: FEL → ROW\n" in text
    assert text.count("window 1 (") == 1, "what the device turns as int8 did is told once"
    assert "\n  as int8\n" in text
    assert "The change begins at int8" in text
    assert "✗ above --max-drift 2 points: int8, device" in text


def test_many_windows_are_told_in_part_and_counted() -> None:
    old = good_run(60)
    new = with_answers(old, device=answers(60, wrong=range(1, 60)))
    text = drift_screen(compare(old, new))
    assert text.count("  window ") == WINDOWS
    # Windows 10, 20, … 50 stay wrong; window 0 is mended.
    assert f"  … {59 - 5 + 1 - WINDOWS} more in the report and in --json" in text


def test_without_labels_the_windows_that_changed_class_are_told() -> None:
    run = good_run(6)
    old = replace(run, windows=replace(run.windows, label=(-1,) * 6))
    text = drift_screen(compare(old, with_answers(old, device=answers(6, wrong=(0, 4)))))
    assert "not judged in both runs; 1 window changed class" in text
    assert "window 4 (person S1, recording 0), no label: FEL → ROW" in text


def test_names_of_a_record_cannot_write_to_the_terminal() -> None:
    run = good_run(6)
    text = drift_screen(compare(run, other(run, model_name="\x1b[2J")))
    assert "\x1b" not in text


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2)), min_size=6, max_size=6))
def test_flips_are_those_of_both_measured(pairs: list[tuple[int, int]]) -> None:
    run = good_run(6)
    old = with_answers(run, device=[a for a, _ in pairs])
    new = with_answers(run, device=[b for _, b in pairs])
    item = stage(compare(old, new), "device")
    expected = [i for i, (a, b) in enumerate(pairs) if a != b and min(a, b) >= 0]
    assert item.flips is not None
    assert [f.window for f in item.flips] == expected
    assert item.broken is not None
    assert item.mended is not None
    assert item.broken + item.mended <= len(expected)
