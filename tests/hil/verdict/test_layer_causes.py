"""Each kind of wrong layer is told from its tensors; the record is all the rules see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import good_run, layer

from hil.record import Constants, Explanation, LayerEvidence, Memory, Run, TensorPair
from hil.verdict.rules.exactness import device_differs

rng = np.random.default_rng(5)
#: Three windows of a layer with 20 places and 8 channels, clamped below at -9 (its zero point).
EXPECTED = np.clip(rng.normal(10, 30, (3, 160)).round(), -9, 127).astype(np.int64)


def run_with(actual: np.ndarray, op: str = "CONV_2D", **changes: Any) -> Run:
    """Return a run in which layer1 gives `actual` for EXPECTED."""
    pairs = tuple(
        TensorPair(i, e.astype(np.int8).tobytes().hex(), a.astype(np.int8).tobytes().hex())
        for i, (e, a) in enumerate(zip(EXPECTED, actual, strict=True))
    )
    found = LayerEvidence(
        layer=1, alone=True, dtype="int8", zero_point=-9, stateful=False, repeats=True,
        remembers=None, kept_state=None, explained=None, constants=None, pairs=pairs,
    )  # fmt: skip
    wrong = layer(
        1, op=op, shape=(1, 20, 8), size=160, differing=3, first_difference=0, alone_differs=True
    )
    layers = (layer(0), wrong, layer(2, differing=3, alone_differs=False))
    return good_run(device_layers=layers, layer_evidence=(replace(found, **changes),))


def cause(run: Run) -> str:
    (found,) = device_differs(run)
    assert found.location == "layer1"
    assert found.above_limit
    assert found.evidence
    return found.cause


def clamp(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -9, 127)


def one_channel() -> np.ndarray:
    actual = EXPECTED.copy().reshape(3, 20, 8)
    actual[:, :, 5] = clamp(actual[:, :, 5] + rng.integers(-30, 30, (3, 20)))
    return actual.reshape(3, 160)


def single_steps() -> np.ndarray:
    return clamp(EXPECTED + (rng.random(EXPECTED.shape) < 0.3))


def tail_unwritten() -> np.ndarray:
    actual = EXPECTED.copy()
    actual[:, 120:] = rng.integers(-100, 100, 40)
    return actual


PLANTED = {
    "zero-point": clamp(EXPECTED + 6),
    "permuted": EXPECTED.reshape(3, 20, 8).transpose(0, 2, 1).reshape(3, 160),
    "never-written": tail_unwritten(),
    "saturation": np.minimum(EXPECTED, 40),
    "stale-weights": one_channel(),
    "rounding": single_steps(),
    "scale": clamp((EXPECTED * 0.7).round()),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_pattern_is_told_by_its_tensors(name: str) -> None:
    assert cause(run_with(PLANTED[name])) == name


def test_rails_at_both_ends_that_are_too_near_are_a_saturation_fault() -> None:
    assert cause(run_with(np.clip(EXPECTED, 5, 12))) == "saturation"


def test_wrapped_values_are_a_saturation_fault() -> None:
    wide = EXPECTED * 3
    right, wrapped = np.clip(wide, -128, 127), (wide + 128) % 256 - 128
    pairs = tuple(
        TensorPair(i, e.astype(np.int8).tobytes().hex(), a.astype(np.int8).tobytes().hex())
        for i, (e, a) in enumerate(zip(right, wrapped, strict=True))
    )
    assert cause(run_with(EXPECTED, pairs=pairs)) == "saturation"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("single rounding", "rounding"), ("wrapping", "saturation"), ("no bias", "stale-weights"),
     ("input zero point", "zero-point")],
)  # fmt: skip
def test_a_rule_that_gives_every_byte_beats_resemblance(rule: str, expected: str) -> None:
    assert cause(run_with(one_channel(), explained=Explanation(rule, rule))) == expected


def test_constants_that_were_fitted_are_said_to_be() -> None:
    run = run_with(one_channel(), explained=Explanation("other constants", "other weights"))
    (found,) = device_differs(run)
    assert found.cause == "stale-weights"
    assert "fitted to its outputs" in found.evidence[0]
    assert "device's bytes" not in found.evidence[0]


def test_state_and_repeats_come_before_patterns() -> None:
    kept = {"stateful": True, "remembers": True, "kept_state": True, "repeats": False}
    assert cause(run_with(single_steps(), **kept)) == "left-over-state"
    assert cause(run_with(single_steps(), repeats=False)) == "not-repeatable"
    assert cause(run_with(tail_unwritten(), alone=False)) == "overwritten"


@given(st.integers(0, 2**32 - 1))
def test_noise_has_no_name(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(-128, 128, EXPECTED.shape)
    assert cause(run_with(noise, op="MAX_POOL_2D")) == "kernel"
    assert cause(run_with(noise)) == "kernel"


#: 8 rows of which 7 could be told, with weights in 3 of them that are not the model's.
TOLD = Constants(
    rows=8, told=7, affine=7, other_rows=3, other_weights=90, other_biases=2, lost=40, weights=700
)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (TOLD, "stale-weights"),
        (replace(TOLD, other_weights=0, lost=0), "stale-weights"),  # biases alone
        (replace(TOLD, lost=90), "kernel"),  # every other weight is 0: inputs left out
        (replace(TOLD, affine=6), "kernel"),  # a row that is no sum of its inputs
        (replace(TOLD, other_rows=0, other_weights=0, other_biases=0, lost=0), "kernel"),
        (None, "kernel"),
    ],
)
def test_other_weights_are_named_only_where_they_were_told(
    told: Constants | None, expected: str
) -> None:
    noise = np.random.default_rng(1).integers(-128, 128, EXPECTED.shape)
    assert cause(run_with(noise, constants=told)) == expected


def test_a_full_stack_explains_wrong_results() -> None:
    memory = Memory(1, 2, 1, 2, 1, stack_size=4096, stack_peak=4096)
    (found,) = device_differs(replace(run_with(single_steps()), memory=memory))
    assert (found.cause, found.location) == ("stack-overrun", "stack")


def test_without_tensors_the_first_layer_is_still_named() -> None:
    assert cause(replace(run_with(EXPECTED), layer_evidence=())) == "kernel"
