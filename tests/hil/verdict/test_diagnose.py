"""Each finding on a record made to have it, and none on one that has not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from records import (
    LINK,
    MEMORY,
    answers,
    col,
    good_run,
    layer,
    quantized,
    same,
    with_answers,
)

from hil.record import Run
from hil.verdict.diagnose import diagnose, failed
from hil.verdict.findings import Finding

EVERY = range(0, 300, 10)  # the windows that good_run has wrong in every column


def causes(run: Run) -> dict[str, Finding]:
    return {f"{f.stage}/{f.cause}": f for f in diagnose(run)}


def wrong(also: Sequence[int]) -> tuple[int, ...]:
    return answers(300, wrong=[*EVERY, *also])


def test_nothing_is_wrong() -> None:
    found = diagnose(good_run())
    assert found[0].cause == "nothing-wrong"
    assert [f.severity for f in found if f.severity == "problem"] == []
    assert not failed(found)
    assert "300 windows" in " ".join(found[0].evidence)
    assert "3 layers" in " ".join(found[0].evidence)


def test_an_incomplete_run_says_why_and_how_much() -> None:
    run = good_run(incomplete="/dev/ttyACM0: the port vanished")
    run = with_answers(run, device=answers(300)[:42] + (-1,) * 258)
    found = causes(run)["link/incomplete"]
    assert found.above_limit
    assert "vanished" in found.headline
    assert "device: 42 of 300" in found.evidence[0]


def test_a_device_that_agreed_as_far_as_it_came_needs_no_statistics() -> None:
    run = good_run(incomplete="unplugged")
    run = with_answers(run, device=run.columns[2].predicted[:20] + (-1,) * 280)
    assert not any(cause.startswith("device/") for cause in causes(run))


def test_a_crash() -> None:
    found = causes(good_run(fault="HardFault at pc 0x00010234\nlr 0x0001\x1b[31m"))["device/fault"]
    assert found.above_limit
    assert "0x00010234" in found.evidence[0]
    assert "\x1b" not in found.evidence[1]


@pytest.mark.parametrize(
    ("changes", "above"),
    [
        ({"retransmissions": 1}, False),
        ({"bad_frames_device": 7, "retransmissions": 7}, False),
        ({"bad_frames_host": 8, "retransmissions": 8}, True),  # more than 1 % of 700
        ({"overruns": 3}, False),
        ({"line_errors": 1}, False),
    ],
)
def test_link_trouble(changes: dict[str, int], above: bool) -> None:
    found = causes(good_run(link=replace(LINK, **changes)))["link/damaged-frames"]
    assert found.above_limit == above
    assert (found.severity == "problem") == above


def test_answers_that_were_only_slow_are_no_trouble() -> None:
    link = replace(LINK, retransmissions=2, late=2)
    assert "link/damaged-frames" not in causes(good_run(link=link))
    link = replace(LINK, retransmissions=3, late=2)
    assert "2 of them needlessly" in causes(good_run(link=link))["link/damaged-frames"].evidence[0]


@pytest.mark.parametrize(
    ("changes", "location", "severity"),
    [
        ({"stack_peak": 8192}, "stack", "problem"),
        ({"stack_peak": 8000}, "stack", "note"),
        ({"ram_static": 262_000}, "RAM", "note"),
        ({"flash_used": 983_041}, "flash", "problem"),
    ],
)
def test_memory(changes: dict[str, int], location: str, severity: str) -> None:
    found = causes(good_run(memory=replace(MEMORY, **changes)))["device/memory"]
    assert (found.location, found.severity) == (location, severity)


def differing(*alone: bool | None) -> Run:
    """A run in which the first len(alone) of four layers from number 1 on differ."""
    layers = [layer(0)]
    layers += [
        layer(i, differing=12, first_difference=7, max_difference_lsb=3, alone_differs=a)
        for i, a in enumerate(alone, 1)
    ]
    comparisons = (same("device", differing=range(12), lsb=3), same("device", "input"))
    return good_run(device_layers=tuple(layers), comparisons=comparisons)


def test_a_layer_that_is_wrong_alone_is_the_cause() -> None:
    found = causes(differing(False, True, False))["device/kernel"]
    assert found.location == "layer2"
    assert found.above_limit
    text = " ".join(found.evidence)
    assert "12 of 300 differ, by at most 3 steps" in text
    assert "first window 7" in text


def test_layers_that_are_right_alone_point_at_memory() -> None:
    found = causes(differing(False, False))["device/overwritten"]
    assert found.location == "layer1"
    assert "overwritten" in found.headline


def test_layers_that_were_not_run_alone() -> None:
    assert causes(differing(None, None))["device/layer"].location == "layer1"


def test_outputs_that_differ_though_no_layer_was_looked_at() -> None:
    run = good_run(comparisons=(same("device", differing=[3], lsb=1),), device_layers=())
    found = causes(run)["device/output"]
    assert found.location is None
    assert "windows 3" in found.evidence[0]


def test_layers_that_differ_though_outputs_agree_are_found() -> None:
    run = good_run(device_layers=(layer(0, differing=1, first_difference=4, alone_differs=True),))
    assert causes(run)["device/kernel"].location == "layer0"


def test_preprocessing_on_the_device() -> None:
    run = good_run(
        comparisons=(same("device"), same("device-raw", "input", differing=[1, 2], lsb=4),
                     same("device-raw", differing=[2], lsb=9))
    )  # fmt: skip
    found = causes(run)["preprocessing/inputs-differ"]
    assert found.above_limit
    assert "in 2 of 300 windows" in found.headline
    assert "device/output" not in causes(run)


def test_raw_outputs_differ_though_inputs_agree() -> None:
    run = good_run(comparisons=(same("device-raw", "input"), same("device-raw", differing=[0])))
    assert causes(run)["preprocessing/outputs-differ"].above_limit


def test_quantization_loss_names_numbers_and_the_layer() -> None:
    bad = wrong(range(1, 90, 2))
    run = with_answers(good_run(), int8=bad, device=bad, device_raw=bad)
    run = replace(
        run,
        quantization=(
            quantized("conv1", 31.0), quantized("conv2", 14.0, saturated_share=0.2),
            quantized("dense", 12.0),
        ),
    )  # fmt: skip
    found = causes(run)["quantization/loss"]
    assert found.above_limit
    assert found.location == "conv2"
    assert found.effect == pytest.approx(-45 / 300)
    assert found.effect_low is not None
    assert found.effect_high is not None
    assert found.effect_low < -45 / 300 < found.effect_high < -0.02
    text = " ".join(found.evidence)
    assert "17.0 dB lower" in text
    assert "20.0 % of its values are at" in text
    assert "45 windows went from right to wrong, 0 from wrong to right" in text
    assert "pruning/loss" in causes(run)  # looked at, in order
    assert causes(run)["pruning/loss"].severity == "ok"
    assert "device/loss" not in causes(run)  # equal to int8: no statistics needed


def test_pruning_loss_is_put_where_it_happens() -> None:
    bad = wrong(range(1, 90, 2))
    run = with_answers(good_run(), pruned=bad, int8=bad, device=bad, device_raw=bad)
    found = causes(run)
    assert found["pruning/loss"].severity == "problem"
    assert found["quantization/loss"].severity == "ok"


def test_what_is_in_order_says_how_it_is() -> None:
    mended = answers(300, wrong=[n for n in EVERY if n >= 50])
    run = with_answers(good_run(), int8=mended, device=mended, device_raw=mended)
    found = causes(run)
    assert found["pruning/loss"].headline.startswith("Pruning changes none of 300 predictions")
    assert "costs no accuracy: it changes by +1.7 points" in found["quantization/loss"].headline


def test_losses_that_only_together_are_above_the_limit() -> None:
    first = wrong([n for n in range(1, 300) if n % 25 == 1])
    both = wrong([n for n in range(1, 300) if n % 25 in (1, 2)])
    run = with_answers(good_run(), pruned=first, int8=both, device=both, device_raw=both)
    found = causes(run)
    for stage in ("pruning", "quantization"):  # more than chance, but not surely above the limit
        told = found[f"{stage}/loss"]
        assert (told.severity, told.above_limit) == ("note", False)
        assert "more than chance; whether more than the limit of 2, about " in told.headline
    assert found["chain/loss"].above_limit


def test_too_few_windows_say_how_many_would_do() -> None:
    bad = wrong([1, 2, 3, 4])  # 1.3 points of 300: the interval reaches beyond 2
    run = with_answers(good_run(), int8=bad, device=bad, device_raw=bad)
    found = causes(run)["quantization/too-few-windows"]
    assert not found.above_limit
    assert found.headline.startswith("300 windows cannot tell whether quantization costs more")
    assert re.search(r"; about 1,\d00 more windows would tell, if", found.headline)
    assert "accuracy changes by −" in found.headline  # as everywhere: a loss is negative
    assert not failed(diagnose(run))
    first = causes(run)["chain/nothing-wrong"].headline
    assert first.startswith("Nothing was found wrong along")
    assert first.endswith("as far as these windows can tell")


def test_a_loss_of_exactly_the_limit_is_never_settled() -> None:
    bad = wrong([1, 2, 3, 4, 5, 6])
    run = with_answers(good_run(), int8=bad, device=bad, device_raw=bad)
    headline = causes(run)["quantization/too-few-windows"].headline
    assert "; no number of windows would tell, if" in headline


def test_more_windows_than_anybody_records_are_not_advised() -> None:
    bad = wrong([1, 2, 3, 4, 5])  # 1.7 points: tens of thousands of windows away from 1.8
    run = with_answers(good_run(max_drop=1.8), int8=bad, device=bad, device_raw=bad)
    headline = causes(run)["quantization/too-few-windows"].headline
    assert "no number of windows that people record would tell (over 10,000 more)" in headline


def test_the_limit_is_the_runs() -> None:
    bad = wrong(range(1, 90, 2))
    run = with_answers(good_run(max_drop=30.0), int8=bad, device=bad, device_raw=bad)
    assert not failed(diagnose(run))


@pytest.mark.parametrize(
    ("column", "stage"),
    [("float", "training"), ("pruned", "pruning"), ("int8", "quantization"),
     ("device", "device"), ("device_raw", "preprocessing")],
)  # fmt: skip
def test_predominance_is_put_where_it_begins(column: str, stage: str) -> None:
    names = ["float", "pruned", "int8", "device", "device_raw"]
    always = dict.fromkeys(names[names.index(column) :], (1,) * 300)
    found = causes(with_answers(good_run(), **always))[f"{stage}/predominance"]
    assert found.above_limit
    assert found.location == "FEL"
    assert "FEL for 100.0 % of the windows, though only 33.3 % are" in found.headline


def test_a_model_that_is_only_often_wrong_is_not_predominant() -> None:
    # half the windows get the next class: shares stay even
    bad = answers(300, wrong=range(0, 300, 2))
    always = dict.fromkeys(["float", "pruned", "int8", "device", "device_raw"], bad)
    assert not [f for f in diagnose(with_answers(good_run(), **always)) if "predom" in f.cause]


def test_without_labels_agreement_is_all_that_can_be_told() -> None:
    run = good_run()
    run = replace(run, windows=replace(run.windows, label=(-1,) * 300))
    found = causes(run)
    assert found["data/no-labels"].severity == "note"
    assert not [c for c in found if c.endswith("/loss")]
    always = (1,) * 290 + (0,) * 10
    run = with_answers(
        run, float=always, pruned=always, int8=always, device=always, device_raw=always
    )
    assert "96.7 %" in causes(run)["data/predominance"].headline


def test_a_model_no_better_than_the_commonest_class() -> None:
    run = with_answers(good_run(), float=answers(300, wrong=range(0, 300, 3)))
    assert "training/weak-model" not in causes(run)
    # A third right, as any one answer is: no better. 34 %: perhaps no better.
    one_class = with_answers(good_run(), float=(2,) * 300)
    assert causes(one_class)["training/weak-model"].above_limit
    little = with_answers(good_run(), float=tuple((i + i // 3) % 3 for i in range(300)))
    assert not causes(little)["training/weak-model"].above_limit


def with_another_runtime() -> Run:
    """Return a run in order but for a runtime of the computer that differs in a class."""
    run = good_run()
    other = list(run.columns[2].predicted)
    other[5] = (other[5] + 1) % 3
    return replace(
        run,
        columns=(*run.columns, col("int8-xnnpack", "int8", "int8", other, side=True)),
        comparisons=(*run.comparisons, same("int8-xnnpack", differing=[5, 9], lsb=18)),
    )


def test_a_runtime_that_decides_otherwise_is_a_note_of_its_own_stage() -> None:
    run = with_another_runtime()
    found = causes(run)["runtime/other-classes"]
    assert (found.severity, found.location) == ("note", "int8-xnnpack")
    assert "by at most 18 steps; 1 of them change class" in found.evidence[0]
    assert "1 from ROW to PEN: windows 5; accuracy changes by −0.3 points" in found.evidence[1]
    assert found.effect == pytest.approx(-1 / 300)
    last = replace(run.columns[-1], predicted=run.columns[2].predicted)
    alike = replace(run, columns=(*run.columns[:-1], last))
    assert causes(alike)["runtime/other-bytes"].severity == "ok"


def test_problems_come_first_and_what_is_fine_last() -> None:
    run = good_run(incomplete="unplugged", link=replace(LINK, retransmissions=1))
    order = [f.severity for f in diagnose(run)]
    assert order == sorted(order, key=["problem", "note", "ok"].index)


def test_a_note_of_the_last_rule_comes_before_what_is_fine() -> None:
    first, *others = diagnose(with_another_runtime())
    assert first.cause == "nothing-wrong"
    order = [f.severity for f in others]
    assert set(order) == {"note", "ok"}
    assert order == sorted(order)


def test_an_empty_chain_is_no_crash() -> None:
    run = good_run(columns=(), comparisons=(), device_layers=(), memory=None, link=None)
    assert diagnose(run)[0].headline == "Nothing was found wrong"


def test_several_causes_are_separated_and_the_costliest_comes_first() -> None:
    """Preprocessing costs more than the wrong layer; the bare losses are not told beside them."""
    run = with_answers(
        good_run(
            device_layers=(layer(0, differing=9, first_difference=4, alone_differs=True),),
            comparisons=(
                same("device", differing=range(9), lsb=1),
                same("device-raw", "input", differing=range(200), lsb=9),
            ),
        ),
        device=answers(300, wrong=[*range(0, 300, 10), *range(1, 300, 12)]),
        device_raw=answers(300, wrong=[*range(0, 300, 10), *range(1, 300, 12), *range(3, 300, 4)]),
    )
    problems = [f for f in diagnose(run) if f.severity == "problem"]
    assert [(f.stage, f.cause) for f in problems if f.cause != "predominance"] == [
        ("preprocessing", "inputs-differ"), ("device", "kernel"),
    ]  # fmt: skip
    costs = [f.effect for f in problems if f.effect is not None]
    assert costs == sorted(costs)
    assert not [
        f for f in diagnose(run) if f.stage in ("device", "preprocessing") and f.cause == "loss"
    ]
