"""What quantization-aware training gains: counted by hand, and named only where it is sure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from records import answers, col, good_run, with_answers

from hil.record import LayerTrials, QuantizationTrials, Remedy, Run, Trial
from hil.verdict.diagnose import diagnose
from hil.verdict.findings import Finding
from hil.verdict.retrained import Gain, gains

TENTH = [*range(0, 300, 10)]


def lossy(retrained: tuple[int, ...] | None, clip: int = 201, name: str = "retrained") -> Run:
    """Return a run whose int8 model loses 75 of 300 windows; clip: windows right with it."""
    error = 0.5 if clip == 201 else 0.05
    layer = LayerTrials(
        name="layer1", op="CONV_2D", only_weights=None, only_output=Trial(200, 0.5),
        only=Trial(200, 0.5), all_but=Trial(266, 0.03), saturation=0.9, used_range=0.8,
        outlier_ratio=1.5, remedies=(Remedy("clip", Trial(clip, error)),),
    )  # fmt: skip
    made = QuantizationTrials(300, Trial(270, 0.0), Trial(200, 0.51), (layer,))
    wrong = answers(300, wrong=[*TENTH, *range(1, 300, 4)])
    run = with_answers(replace(good_run(), trials=made), int8=wrong, device=wrong, device_raw=wrong)
    if retrained is None:
        return run
    return replace(run, columns=(*run.columns, col(name, "int8", "int8", retrained, side=True)))


def blamed(run: Run) -> Finding:
    return next(f for f in diagnose(run) if f.stage == "quantization" and f.above_limit)


def test_a_gain_is_counted_against_int8() -> None:
    (gain,) = gains(lossy(answers(300, wrong=[*TENTH, 3, 7])))
    assert (gain.windows, gain.right, gain.mended, gain.broken, gain.net) == (300, 268, 75, 2, 73)
    assert gain.gain.value == pytest.approx(73 / 300)
    assert gain.gain.low < 73 / 300 < gain.gain.high
    assert gain.sure
    assert gain.p < 1e-15


def test_without_such_a_model_or_labels_there_is_no_gain() -> None:
    assert list(gains(lossy(None))) == []
    run = lossy(answers(300))
    bare = replace(run, windows=replace(run.windows, label=(-1,) * 300))
    assert list(gains(bare)) == []


def test_what_helps_most_is_the_remedy() -> None:
    found = blamed(lossy(answers(300, wrong=TENTH)))
    assert found.remedy == (
        "train quantization-aware from this float model (--retrain): measured, +75 windows right"
    )
    assert any(
        "(--retrain): 270 of 300 right, +75 against int8: 25.0 points (95 %: " in line
        for line in found.evidence
    )


def test_a_smaller_remedy_that_gains_more_is_preferred() -> None:
    found = blamed(lossy(answers(300, wrong=[*TENTH, *range(1, 300, 8)]), clip=269))
    assert found.remedy is not None
    assert found.remedy.startswith("clip its calibrated range")
    assert "+69 windows right" in found.remedy


@pytest.mark.parametrize("name", ["qat", "retrained"])
def test_what_was_tried_for_nothing_is_not_advised(name: str) -> None:
    as_bad = answers(300, wrong=[*TENTH, *range(1, 300, 4)])
    found = blamed(lossy(as_bad, name=name))
    assert found.remedy == (
        "calibrate on more typical windows; quantization-aware training was tried and does not "
        "surely help (+0 of 300 windows)"
    )


def test_it_is_told_where_no_layer_is_blamed() -> None:
    run = replace(lossy(answers(300, wrong=TENTH)), trials=None)
    found = blamed(run)
    assert found.cause == "loss"
    assert any("(--retrain): 270 of 300 right" in line for line in found.evidence)
    assert "tried" not in " ".join(
        line for f in diagnose(run) if f.stage == "pruning" for line in f.evidence
    )


def test_one_window_more_is_not_sure() -> None:
    found = next(iter(gains(lossy(answers(300, wrong=[*TENTH, *range(1, 297, 4)])))))
    assert isinstance(found, Gain)
    assert (found.net, found.sure) == (1, False)
