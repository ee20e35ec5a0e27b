"""The run record's fields belong to its version: changed ones without a new one are seen here."""

from __future__ import annotations

import dataclasses
import hashlib
import typing

from hil import record

#: VERSION and the fingerprint of its fields. Where this fails: raise VERSION in hil/record/run.py,
#: then write both here. Records of before are then refused with the reason.
PINNED = (10, "aac5f8b59f4079ae")


def reached(cls: type, found: dict[str, type]) -> dict[str, type]:
    """Return the dataclasses that a record of `cls` consists of, by name."""
    found[cls.__name__] = cls
    for kind in typing.get_type_hints(cls).values():
        for inner in (kind, *typing.get_args(kind)):
            if dataclasses.is_dataclass(inner) and inner.__name__ not in found:
                reached(typing.cast(type, inner), found)
    return found


def fingerprint(cls: type) -> str:
    text = "\n".join(
        f"{name}.{field.name}: {field.type}"
        for name, part in sorted(reached(cls, {}).items())
        for field in dataclasses.fields(part)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_the_fields_are_those_of_the_version() -> None:
    assert (record.VERSION, fingerprint(record.Run)) == PINNED


def test_a_changed_field_anywhere_changes_the_fingerprint() -> None:
    assert {"Run", "Column", "LayerTrials", "Remedy", "RawPair", "Link"} <= set(
        reached(record.Run, {})
    )
    link = [(f.name, f.type) for f in dataclasses.fields(record.Link)]
    before = fingerprint(dataclasses.make_dataclass("Link", link))
    assert before == fingerprint(record.Link)
    assert before != fingerprint(dataclasses.make_dataclass("Link", link[:-1]))
    assert before != fingerprint(
        dataclasses.make_dataclass("Link", [*link[:-1], ("late", "float")])
    )
