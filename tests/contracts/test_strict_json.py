"""Untrusted JSON: what fits the dataclass is read, everything else is refused with its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import InputError, clean
from hil.strict_json import from_json, read_json, to_json, write_json


@dataclass(frozen=True)
class Inner:
    x: int


@dataclass(frozen=True)
class Outer:
    name: str
    ratio: float
    parts: tuple[Inner, ...]
    table: dict[str, int]
    kind: Literal["a", "b"]
    extra: Inner | None
    flag: bool = False


GOOD: dict[str, Any] = {
    "name": "n",
    "ratio": 1,
    "parts": [{"x": 1}],
    "table": {"k": 2},
    "kind": "a",
    "extra": None,
}


def test_a_good_object_is_read() -> None:
    outer = from_json(Outer, GOOD, "f")
    assert outer == Outer("n", 1.0, (Inner(1),), {"k": 2}, "a", None)
    assert from_json(Outer, to_json(outer), "f") == outer


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": 3}, r"f\.name: must be of type str"),
        ({"ratio": True}, r"f\.ratio: must be a number"),
        ({"ratio": float("inf")}, r"f\.ratio: must be a finite number"),
        ({"ratio": 10**400}, r"f\.ratio: must be a finite number"),
        ({"parts": [{"x": 2**63}]}, r"f\.parts\[0\]\.x: must be a number of 64 bits"),
        ({"parts": {"x": 1}}, r"f\.parts: must be a list"),
        ({"parts": [{"x": "1"}]}, r"f\.parts\[0\]\.x: must be of type int"),
        ({"parts": [{"x": True}]}, r"f\.parts\[0\]\.x: must be of type int"),
        ({"parts": [{"y": 1}]}, r"f\.parts\[0\]: unknown key 'y'"),
        ({"parts": [{}]}, r"f\.parts\[0\]: missing key 'x'"),
        ({"table": {"k": None}}, r"f\.table\.k: must be of type int"),
        ({"kind": "c"}, r"f\.kind: must be one of a, b"),
        ({"extra": 3}, r"f\.extra: must be an object"),
        ({"flag": 1}, r"f\.flag: must be of type bool"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        from_json(Outer, {**GOOD, **change}, "f")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "flag", "zzz"]), json_values))
def test_any_json_is_read_or_refused_in_one_line(value: dict[str, Any]) -> None:
    try:
        outcome: object = from_json(Outer, value, "f")
    except InputError as error:
        outcome = str(error).splitlines()
    assert isinstance(outcome, Outer) or len(outcome) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["{", '{"a": NaN}', "[" * 100_000, "\udcff"])
def test_what_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"x\.json: not JSON"):
        read_json(path)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


@given(st.text())
def test_cleaned_text_is_one_printable_line(text: str) -> None:
    safe = clean(text, 40)
    assert len(safe) <= 40
    assert safe.isprintable()


def test_escape_codes_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in clean("\x1b[2Jgone")
