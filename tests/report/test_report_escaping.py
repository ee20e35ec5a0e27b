"""Names from files and devices change nothing of the page but its text."""

from __future__ import annotations

import dataclasses
import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from page_outline import Outline
from sample_runs import fine, full_run, problem

from hil.errors import InputError
from hil.record import Column, RawPair, Run, Signal, TensorPair, load_run
from hil.report import render
from hil.report.text import MAX_TEXT
from hil.strict_json import to_json
from hil.verdict.diagnose import diagnose
from hil.verdict.findings import Finding

HOSTILE = (
    "</script><script>alert(1)</script>",
    "</style></title></pre><b>",
    "\"><img src=x onerror=alert(1)> '",
    "{{ 7 * 7 }}{% include 'x' %}",
    "\x1b[2J\x1b]0;title\x07\x00\r",
    "\u202egnp.exe\u2066",
    "\ud800",
    "&lt;&amp;",
    "../../etc/passwd */ -->",
)

RUN = dataclasses.replace(
    full_run(windows=6),
    fault="one line",
    incomplete="one reason",
    notes=("one note",),
)

#: Fields whose strings are structure, not names.
STRUCTURE = {"kind", "severity", "what", "format", "dtype", "stage", "target"}

#: Samples and tensors in hexadecimal.
BYTES = (TensorPair, RawPair, Signal)


def renamed(value: Any, name: str) -> Any:
    """Return a record with every string that is not structure replaced by `name`."""
    if isinstance(value, str):
        return name
    if isinstance(value, tuple):
        return tuple(renamed(v, name) for v in value)
    if isinstance(value, dict):
        return {renamed(k, name): renamed(v, name) for k, v in value.items()}
    if isinstance(value, Column):
        # A column's name links it to others; it gets the hostile text as well, in front.
        changed = {"name": name + value.name, "runtime": name,
                   "after": value.after and name + value.after}  # fmt: skip
        return dataclasses.replace(value, **changed)
    if dataclasses.is_dataclass(value) and not isinstance(value, (type, *BYTES)):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        changed = {k: renamed(v, name) for k, v in fields.items() if k not in STRUCTURE}
        return dataclasses.replace(value, **changed)
    return value


def page(name: str) -> str:
    found: list[Finding] = [renamed(problem(), name), renamed(fine(), name)]
    return render([renamed(RUN, name)], [found])


def shape(outline: Outline) -> list[tuple[str, tuple[str, ...]]]:
    return [(e.tag, tuple(e.attributes)) for e in outline.everything()]


BENIGN = shape(Outline(page("x")))


def check(name: str) -> None:
    text = page(name)
    assert shape(Outline(text)) == BENIGN
    assert not re.search(
        r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text
    )
    text.encode("utf-8")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    check(name)


@settings(max_examples=8)
@given(st.text(min_size=1, max_size=60))
@example("\u2028")
def test_any_name_stays_text(name: str) -> None:
    check(name)


def test_a_huge_name_does_not_make_a_huge_page() -> None:
    assert MAX_TEXT < 10_000
    assert len(page("<" * 10**6)) < len(page("<" * MAX_TEXT)) + 10_000


LEAVES = st.sampled_from(
    [None, True, -1, 0, 1, 2**63 - 1, -(2**63) + 1, 1e308, -1e308, 5e-324, 0.0, "", "x", [], {}]
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a record; of a list the first two entries stand for all."""
    items = value.items() if isinstance(value, dict) else list(enumerate(value))[:2]
    found = []
    for key, inner in items:
        found.append((*at, key))
        if isinstance(inner, (dict, list)):
            found += paths(inner, (*at, key))
    return found


SMALL = to_json(full_run(windows=6))
PATHS = paths(SMALL)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(PATHS), LEAVES), min_size=1, max_size=3))
def test_a_record_with_wrong_values_is_refused_or_rendered(
    tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    data = json.loads(json.dumps(SMALL))
    for path, leaf in changes:
        _put(data, path, leaf)
    file = tmp_path / "run.json"
    file.write_text(json.dumps(data))
    try:
        run: Run = load_run(file)
    except InputError:
        return
    Outline(render([run], [diagnose(run)]))


def _put(data: Any, path: tuple[Any, ...], leaf: Any) -> None:
    """Set the leaf; a path that an earlier change has removed is left alone."""
    try:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = deepcopy(leaf)
    except (KeyError, IndexError, TypeError):
        return
