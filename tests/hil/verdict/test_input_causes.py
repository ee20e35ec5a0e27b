"""Each way to prepare samples wrongly is told from raw windows and the codes made of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import good_run, same

from hil.record import InputEvidence, RawPair
from hil.verdict.rules.exactness import preprocessing_differs
from hil.verdict.rules.input_causes import input_causes

CHANNELS = ("ax", "ay", "az", "wx", "wy", "wz")
MEAN = np.array([-50.0, 870.0, -1060.0, 65.0, -1.0, 12.0])
STD = np.array([4500.0, 1450.0, 2600.0, 975.0, 2090.0, 870.0])
SCALE, ZERO = 0.04, 3
TYPES = ("<i2", "i1", "i1")


def movement(seed: int = 1) -> np.ndarray:
    """Eight windows of 50 samples that move as an arm does: smooth, each channel its own way."""
    rng = np.random.default_rng(seed)
    walk = rng.normal(size=(8, 60, 6)).cumsum(axis=1)
    smooth = sum(walk[:, i : i + 50] for i in range(10)) / 10
    return np.clip(MEAN + STD * smooth * 0.4, -32768, 32767).astype(np.int16)


def clip(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -128, 127)


def codes(raw: np.ndarray, mean: np.ndarray = MEAN, std: np.ndarray = STD) -> np.ndarray:
    value = (raw.astype(float) - mean) / (std * SCALE)
    return np.clip(np.sign(value) * np.floor(np.abs(value) + 0.5) + ZERO, -128, 127)


def evidence(actual: np.ndarray, raw: np.ndarray) -> InputEvidence:
    pairs = tuple(
        RawPair(i, *(a.astype(t).tobytes().hex() for a, t in zip(row, TYPES, strict=True)))
        for i, row in enumerate(zip(raw, codes(raw), actual, strict=True))
    )
    return InputEvidence(
        CHANNELS, ("g",) * 3 + ("rad/s",) * 3, (0.000244,) * 3 + (0.00122,) * 3, tuple(MEAN),
        tuple(STD), SCALE, ZERO, pairs,
    )  # fmt: skip


def on(channel: int, change: Callable[[np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    """Return a function that changes one channel of the raw samples before they are prepared."""

    def prepare(raw: np.ndarray) -> np.ndarray:
        changed = raw.astype(float)
        changed[..., channel] = change(changed[..., channel])
        return codes(changed)

    return prepare


def late(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x[:, :1], x[:, :1], x[:, :1], x[:, :-3]], axis=1)


def doubled(x: np.ndarray) -> np.ndarray:
    return x[:, np.minimum(np.arange(50) * 2, 49)]


def smoothed(x: np.ndarray) -> np.ndarray:
    return (x + np.roll(x, 1, axis=1) + np.roll(x, 2, axis=1)) / 3


def other(values: np.ndarray, channel: int, value: float) -> np.ndarray:
    return np.where(np.arange(6) == channel, value, values)


PLANTED: dict[str, tuple[str | None, Callable[[np.ndarray], np.ndarray]]] = {
    "gain": ("ay", lambda raw: codes(raw, std=other(STD, 1, 1300.0))),
    "offset": ("wz", lambda raw: codes(raw, mean=other(MEAN, 5, 150.0))),
    "constants": ("az", lambda raw: codes(raw, other(MEAN, 2, 900.0), other(STD, 2, 3100.0))),
    "unit": ("ax, ay, az", lambda raw: codes(raw * np.array([9.80665] * 3 + [1] * 3))),
    "swapped": ("ax, ay", lambda raw: codes(raw[..., [1, 0, 2, 3, 4, 5]])),
    "negated": ("wx", on(3, np.negative)),
    "endianness": (None, lambda raw: codes(raw.byteswap())),
    "delay": ("ax", on(0, late)),
    "rate": ("wy", on(4, doubled)),
    "filter": ("az", on(2, smoothed)),
    "rounding": (
        None,
        lambda raw: np.clip(np.floor((raw - MEAN) / (STD * SCALE)) + ZERO, -128, 127),
    ),
}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_named_with_its_channels(name: str, seed: int) -> None:
    location, prepare = PLANTED[name]
    raw = movement(seed)
    run = good_run(
        comparisons=(same("device-raw", "input", differing=[0, 1]),),
        input_evidence=evidence(prepare(raw), raw),
    )
    (found,) = preprocessing_differs(run)
    assert (found.cause, found.location) == (name, location)


def test_wrapping_codes_are_named() -> None:
    raw = movement() * 3
    wide = np.rint((raw - MEAN) / (STD * SCALE)) + ZERO
    causes = input_causes(evidence((wide + 128) % 256 - 128, raw))
    assert causes
    assert {cause.name for cause in causes} == {"wrap"}


@settings(max_examples=30)
@given(st.integers(0, 5), st.floats(0.5, 2.0).filter(lambda f: abs(f - 1) > 0.02))
def test_a_gain_is_measured(channel: int, factor: float) -> None:
    raw = movement()
    actual = codes(raw, std=other(STD, channel, STD[channel] / factor))
    (cause,) = input_causes(evidence(actual, raw))
    assert (cause.name, cause.channel) == ("gain", channel)
    measured = float(cause.text.removeprefix("is multiplied by ").split(":")[0])
    assert measured == pytest.approx(factor, rel=0.01)  # a hundredth of a gain is no other gain


def averaged(raw: np.ndarray, count: int) -> np.ndarray:
    at = np.arange(raw.shape[1])
    return sum(raw[:, np.maximum(at - i, 0)].astype(float) for i in range(count)) / count


def remembered(raw: np.ndarray, share: float) -> np.ndarray:
    made = raw.astype(float)
    for t in range(1, raw.shape[1]):
        made[:, t] = share * raw[:, t] + (1 - share) * made[:, t - 1]
    return made


def played(raw: np.ndarray, rate: float) -> np.ndarray:
    at = np.arange(raw.shape[1])
    rows = [[np.interp(at * rate, at, w[:, c]) for c in range(6)] for w in raw]
    return np.array(rows).transpose(0, 2, 1)


def with_a_slow_channel(raw: np.ndarray) -> np.ndarray:
    """Let az move by a code now and then: alone it could not tell a filter from a rounding."""
    made = raw.copy()
    made[..., 2] = MEAN[2] + 150 * np.sin(np.arange(50) / 8 + np.arange(8)[:, None])
    return made


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("filter", lambda x: averaged(x, 2)),
        ("filter", lambda x: averaged(x, 8)),
        ("filter", lambda x: remembered(x, 0.5)),
        ("delay", lambda x: x[:, np.maximum(np.arange(50) - 9, 0)]),
        ("rate", lambda x: played(x, 0.95)),
        ("rate", lambda x: played(x, 0.637)),
        ("rate", lambda x: played(x, 1.3)),
    ],
)
def test_what_holds_for_all_channels_is_one_cause(
    name: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    raw = with_a_slow_channel(movement())
    causes = input_causes(evidence(codes(change(raw)), raw))
    assert {cause.name for cause in causes} == {name}
    assert {cause.channel for cause in causes} == set(range(6))


def test_the_bytes_of_some_channels_are_exchanged() -> None:
    raw = movement()
    mixed = raw.copy()
    mixed[..., 3:] = raw[..., 3:].byteswap()
    causes = input_causes(evidence(codes(mixed), raw))
    assert [(cause.name, cause.channel) for cause in causes] == [
        ("endianness", c) for c in (3, 4, 5)
    ]


@pytest.mark.parametrize("ratio", [1 / 9.80665, 9.80665, math.pi / 180, 180 / math.pi, 1000.0])
@pytest.mark.parametrize("about_the_mean", [False, True])
def test_units_are_told_even_where_nothing_moves_or_all_is_at_the_rails(
    ratio: float, about_the_mean: bool
) -> None:
    raw = movement()
    scaled = raw * ratio if not about_the_mean else MEAN + (raw - MEAN) * ratio
    scaled[..., :3] = raw[..., :3]
    causes = input_causes(evidence(codes(scaled), raw))
    assert [(cause.name, cause.channel) for cause in causes] == [("unit", c) for c in (3, 4, 5)]


def test_codes_that_stop_too_early_are_told() -> None:
    raw = movement() * 2
    actual = codes(raw)
    actual[..., 1] = np.clip(actual[..., 1], -40, 40)
    (cause,) = input_causes(evidence(actual, raw))
    assert (cause.name, cause.channel) == ("clipped", 1)
    assert "from -40 to 40" in cause.text


def test_a_channel_that_stands_still_is_told() -> None:
    raw = movement()
    still = raw.copy()
    still[..., 4] = 700
    (cause,) = input_causes(evidence(codes(still), raw))
    assert (cause.name, cause.channel) == ("inputs-differ", 4)
    assert "stands at" in cause.text


def test_two_mistakes_are_two_findings() -> None:
    raw = movement()
    actual = codes(raw, other(MEAN, 5, 150.0), other(STD, 1, 1300.0))
    run = good_run(
        comparisons=(same("device-raw", "input", differing=[0]),),
        input_evidence=evidence(actual, raw),
    )
    assert {(f.cause, f.location) for f in preprocessing_differs(run)} == {
        ("gain", "ay"), ("offset", "wz"),
    }  # fmt: skip


def test_without_samples_the_difference_is_still_told() -> None:
    run = good_run(comparisons=(same("device-raw", "input", differing=[0]),))
    run = replace(run, input_evidence=None)
    (found,) = preprocessing_differs(run)
    assert (found.cause, found.location) == ("inputs-differ", None)


def test_noise_has_no_name() -> None:
    raw = movement()
    noise = np.random.default_rng(0).integers(-128, 128, raw.shape)
    assert {cause.name for cause in input_causes(evidence(noise, raw))} == {"inputs-differ"}
