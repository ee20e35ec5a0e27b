"""The device's preprocessing with one defect: constants, source of the samples, rounding.

Without a defect it computes what pipeline/preprocess.py says, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from hil.errors import InputError
from pipeline.emit_c.model import Source
from pipeline.emit_c.text import array

Rule = Literal["half-away", "floor", "truncate", "half-even", "fused"]

#: `v` in float to int32 by each rule; `x` is the sample, `c` its channel.
RULES: Final[dict[Rule, str]] = {
    "half-away": "(int32_t)(v < 0.0f ? v - 0.5f : v + 0.5f)",
    "floor": "(int32_t)v - ((float)(int32_t)v > v)",
    "truncate": "(int32_t)v",
    "half-even": "(int32_t)((double)v + 6755399441055744.0 - 6755399441055744.0)",
    # One rounding less: what a compiler makes of x · gain − mean · gain where it may contract.
    "fused": "(int32_t)(f < 0.0f ? f - 0.5f : f + 0.5f)",
}


@dataclass(frozen=True)
class Defect:
    """What is wrong; the defaults are right. `channels` are those that are concerned.

    factor: of the samples' deviation from the mean. offset: added to the mean, in standard
    deviations. exchange: channel → the one it is read from. bytes: exchanged. wrap: samples are
    multiplied by so much in int16. codes_wrap: at the int8 rails. delay: samples. rate: of the true
    one. smoothing: samples in a running mean. channel_major: the window is read channel by channel.
    own_statistics: it is standardised by its own mean and deviation.
    """

    channels: tuple[int, ...] = ()
    factor: float = 1.0
    offset: float = 0.0
    exchange: dict[int, int] | None = None
    swap_bytes: bool = False
    codes_wrap: bool = False
    delay: int = 0
    rate: float = 1.0
    smoothing: int = 1
    channel_major: bool = False
    own_statistics: bool = False
    rule: Rule = "half-away"


def _channels(place: str) -> tuple[int, ...]:
    return tuple(int(c) for c in place.split(","))


def _turned(place: str) -> dict[int, int]:
    channels = _channels(place)
    return dict(zip(channels, (*channels[1:], channels[0]), strict=True))


CHANGES: Final[dict[str, Callable[[str, float], Defect]]] = {
    "pre-plain": lambda _place, _amount: Defect(),
    "pre-factor": lambda place, amount: Defect(_channels(place), factor=amount),
    "pre-offset": lambda place, amount: Defect(_channels(place), offset=amount),
    "pre-constants": lambda place, amount: Defect(
        _channels(place), factor=1 + amount, offset=amount
    ),
    "pre-exchange": lambda place, _amount: Defect(exchange=_turned(place)),
    "pre-endianness": lambda place, _amount: Defect(_channels(place), swap_bytes=True),
    "pre-wrap": lambda place, amount: Defect(_channels(place), codes_wrap=True, factor=amount),
    "pre-delay": lambda place, amount: Defect(_channels(place), delay=int(amount)),
    "pre-rate": lambda place, amount: Defect(_channels(place), rate=amount),
    "pre-smoothing": lambda place, amount: Defect(_channels(place), smoothing=int(amount)),
    "pre-channel-major": lambda _place, _amount: Defect(channel_major=True),
    "pre-own-statistics": lambda _place, _amount: Defect(own_statistics=True),
    "pre-rounding": lambda _place, amount: Defect(
        rule=("half-even", "floor", "truncate")[int(amount)]
    ),
    "pre-fused": lambda _place, _amount: Defect(rule="fused"),
}


def replace(text: str, source: Source, defect: Defect) -> str:
    """Return the C with model_preprocess replaced by one that has `defect`."""
    found = re.search(r"^void model_preprocess\(.*?^\}\n", text, re.MULTILINE | re.DOTALL)
    if found is None or source.preprocessing is None:
        raise InputError("the model has no preprocessing to plant a fault in")
    return text[: found.start()] + _function(source, defect) + text[found.end() :]


def _function(source: Source, defect: Defect) -> str:
    assert source.preprocessing is not None
    tensor = source.graph.tensors[source.graph.inputs[0]]
    mean = np.array(source.preprocessing.mean, np.float32)
    gain = source.preprocessing.gains(float(tensor.scale))
    channels = len(mean)
    for c in defect.channels:
        mean[c] += np.float32(defect.offset * source.preprocessing.std[c])
        gain[c] *= np.float32(defect.factor)
    places = np.arange(channels)
    for c, other in (defect.exchange or {}).items():
        places[c] = other
    touched = np.isin(np.arange(channels), defect.channels).astype(np.int64)
    length = tensor.elements // channels
    at = f"c * {length} + t" if defect.channel_major else f"t * {channels} + planted_from[c]"
    limit = "code" if defect.codes_wrap else "(code < -128 ? -128 : (code > 127 ? 127 : code))"
    constants = array("float", "planted_mean", mean, "counts, per channel")
    constants += array("float", "planted_gain", gain, "codes per count, per channel")
    own = _own_statistics(channels, length, float(tensor.scale)) if defect.own_statistics else ""
    return f"""\
{own or constants}\
{array("uint8_t", "planted_from", places, "channel that is read, per channel")}\
{array("uint8_t", "planted_touched", touched, "whether the channel is concerned")}\
static float planted_sample(const int16_t *raw, int t, int c) {{
    const int last = {length - 1};
    uint16_t bits;
    t = t < 0 ? 0 : (t > last ? last : t);
    bits = (uint16_t)raw[{at}];
    if (planted_touched[c] && {int(defect.swap_bytes)})
        bits = (uint16_t)(bits << 8 | bits >> 8);
    return (float)(int16_t)bits;
}}

static float planted_read(const int16_t *raw, int t, int c) {{
    float sum = 0.0f, place, rest;
    int i;
    if (!planted_touched[c])
        return planted_sample(raw, t, c);
    place = (float)t * {defect.rate!r}f;
    rest = place - (float)(int)place;
    if (rest > 0.0f)
        return planted_sample(raw, (int)place, c) * (1.0f - rest) +
               planted_sample(raw, (int)place + 1, c) * rest;
    for (i = 0; i < {defect.smoothing}; i++)
        sum += planted_sample(raw, (int)place - {defect.delay} - i, c);
    return sum / {defect.smoothing}.0f;
}}

void model_preprocess(const int16_t *raw, int8_t *input) {{
    int i;
    {"planted_measure(raw);" if own else ""}
    for (i = 0; i < model_INPUT_SIZE; i++) {{
        const int c = i % {channels};
        const float x = planted_read(raw, i / {channels}, c);
        volatile float scaled = (x - planted_mean[c]) * planted_gain[c];
        volatile float offset = planted_mean[c] * planted_gain[c];
        const float f = (float)((double)x * planted_gain[c] - offset);
        float v = scaled;
        int32_t code;
        v = v < -30000.0f ? -30000.0f : (v > 30000.0f ? 30000.0f : v);
        (void)f;
        code = {RULES[defect.rule]} + model_INPUT_ZERO_POINT;
        input[i] = (int8_t){limit};
    }}
}}
"""


def _own_statistics(channels: int, length: int, scale: float) -> str:
    """Return C that takes the constants from the window; a channel at rest has no deviation."""
    return f"""\
static float planted_mean[{channels}], planted_gain[{channels}];

static void planted_measure(const int16_t *raw) {{
    int t, c;
    for (c = 0; c < {channels}; c++) {{
        double sum = 0.0, squares = 0.0, root = 1.0, variance;
        for (t = 0; t < {length}; t++)
            sum += raw[t * {channels} + c];
        for (t = 0; t < {length}; t++) {{
            const double rest = raw[t * {channels} + c] - sum / {length};
            squares += rest * rest;
        }}
        variance = squares / {length} + 1e-6;
        for (t = 0; t < 64; t++)
            root = (root + variance / root) / 2.0; /* Newton: no libm */
        planted_mean[c] = (float)(sum / {length});
        planted_gain[c] = (float)(1.0 / (root * {scale!r}));
    }}
}}

"""
