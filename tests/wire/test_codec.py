"""Bodies of messages: there and back, and what is refused."""

from __future__ import annotations

import dataclasses
import inspect
import struct
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import LinkError
from hil.wire import messages
from hil.wire.codec import Body
from hil.wire.schema import (
    ERROR_BODY,
    ERROR_TYPE,
    MESSAGES,
    REPLY_BIT,
    Field,
    fixed_size,
    split_type,
)

CLASSES: list[type[Body]] = [
    c for _, c in inspect.getmembers(messages, inspect.isclass)
    if issubclass(c, Body) and c is not Body
]  # fmt: skip
RANGES = {
    "u8": (0, 255), "u16": (0, 2**16 - 1), "u32": (0, 2**32 - 1), "u64": (0, 2**64 - 1),
    "i16": (-(2**15), 2**15 - 1), "i32": (-(2**31), 2**31 - 1),
}  # fmt: skip
BODIES = {m.type: m.request for m in MESSAGES} | {m.type | REPLY_BIT: m.reply for m in MESSAGES}
BODIES[ERROR_TYPE] = ERROR_BODY


def values(field: Field) -> st.SearchStrategy[typing.Any]:
    if field.type == "bytes":
        return st.binary(max_size=50)
    if field.type == "str":
        return st.text(max_size=20)
    base, count = split_type(field.type)
    if count > 1 and base == "u8":
        return st.binary(min_size=count, max_size=count)
    number = st.floats(width=32, allow_nan=False) if base == "f32" else st.integers(*RANGES[base])
    return number if count == 1 else st.tuples(*[number] * count)


def test_every_body_has_its_class() -> None:
    assert sorted(c.TYPE for c in CLASSES) == sorted(BODIES)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
@given(data=st.data())
def test_there_and_back(cls: type[Body], data: st.DataObject) -> None:
    schema = BODIES[cls.TYPE]
    assert [f.name for f in dataclasses.fields(cls)] == [f.name for f in schema]
    message = cls(*(data.draw(values(f)) for f in schema))
    body = message.encode()
    assert cls.decode(body) == message
    open_ended = bool(schema) and schema[-1].type in ("bytes", "str")
    size = fixed_size(schema)
    assert len(body) >= size if open_ended else len(body) == size


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_a_wrong_length_is_refused_with_the_messages_name(cls: type[Body]) -> None:
    schema = BODIES[cls.TYPE]
    size = fixed_size(schema)
    open_ended = bool(schema) and schema[-1].type in ("bytes", "str")
    for wrong in [size - 1] * (size > 0) + [size + 1] * (not open_ended):
        with pytest.raises(LinkError, match=rf"^{cls.NAME}: a body of {wrong} bytes, .*{size} exp"):
            cls.decode(bytes(wrong))


@given(body=st.binary(max_size=200))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    for cls in CLASSES:
        try:
            cls.decode(body)
        except LinkError:
            continue


def test_text_that_is_not_utf8_is_shown_as_far_as_it_can_be() -> None:
    assert messages.ErrorReply.decode(bytes(6) + b"a\xff").text == "a\N{REPLACEMENT CHARACTER}"


def test_a_number_that_does_not_fit_is_a_bug_of_the_caller() -> None:
    with pytest.raises(struct.error):
        messages.LayerRequest(65536).encode()
