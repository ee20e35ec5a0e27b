"""The shared exchanges: the C server must answer, and Python must write and read, these bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import oracle
import pytest
from c_end import CDevice
from conftest import ROOT

from hil.wire import messages
from hil.wire.codec import Body
from hil.wire.emit_python import camel
from hil.wire.frame import Decoder, Frame, encode
from hil.wire.messages import ErrorCode, MessageType

EXCHANGES = json.loads((ROOT / "test_vectors" / "wire" / "exchanges.json").read_text())["exchanges"]
Exchange = dict[str, Any]


def message(described: dict[str, Any], kind: str) -> Body:
    cls = getattr(messages, camel(described["message"]) + kind)
    values = described["fields"]
    assert list(values) == [f.name for f in fields(cls)]
    types = {f.name: f.type for f in fields(cls)}
    for name, value in values.items():
        if types[name] == "bytes":
            values = {**values, name: bytes.fromhex(value)}
        elif isinstance(value, list):
            values = {**values, name: tuple(value)}
    made: Body = cls(**values)
    return made


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda e: e["name"])
def test_python_writes_the_request_and_reads_the_reply(exchange: Exchange) -> None:
    request, reply = message(exchange["request"], "Request"), message(exchange["reply"], "Reply")
    line = bytes.fromhex(exchange["line"])
    assert encode(Frame(request.TYPE, exchange["sequence"], request.encode())) == line
    (frame,) = Decoder().feed(bytes.fromhex(exchange["reply_line"]))
    assert frame == Frame(reply.TYPE, exchange["sequence"], reply.encode())
    assert type(reply).decode(reply.encode()) == reply
    assert type(request).decode(request.encode()) == request


@pytest.mark.parametrize("step", [0, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda e: e["name"])
def test_the_server_answers(device: Callable[..., CDevice], exchange: Exchange, step: int) -> None:
    end = device(**exchange.get("device", {}))
    for before in exchange.get("before", []):
        end.exchange(bytes.fromhex(before))
    line = bytes.fromhex(exchange["line"])
    pieces = [line[i : i + step] for i in range(0, len(line), step)] if step else [line]
    out = b"".join(end.exchange(piece, step or 4096) for piece in pieces)
    assert out.hex() == exchange["reply_line"]
    assert end.reset_wanted == (exchange["name"] == "reset")


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda e: e["name"])
def test_a_repeated_request_gets_the_same_answer(
    device: Callable[..., CDevice], exchange: Exchange
) -> None:
    """Except where the answer is a count."""
    end = device(**exchange.get("device", {}))
    for before in exchange.get("before", []):
        end.exchange(bytes.fromhex(before))
    line = bytes.fromhex(exchange["line"])
    answers = [end.exchange(line).hex() for _ in range(3)]
    if exchange["request"]["message"] == "LINK":
        assert len(set(answers)) == 3
    else:
        assert answers == [exchange["reply_line"]] * 3


def test_every_message_and_every_error_is_among_the_exchanges() -> None:
    """BAD_FRAME and UNKNOWN_TYPE answer what no message can say: see test_server.py."""
    asked = {e["request"]["message"] for e in EXCHANGES}
    assert asked == {m.name for m in MessageType}
    refused = {e["reply"]["fields"]["code"] for e in EXCHANGES if e["reply"]["message"] == "ERROR"}
    missing = {c.name for c in ErrorCode if c not in refused}
    assert missing == {"BAD_FRAME", "UNKNOWN_TYPE"}


def test_the_lines_are_framed_as_documented() -> None:
    for exchange in EXCHANGES:
        for key, line, kind in (("request", "line", "Request"), ("reply", "reply_line", "Reply")):
            body = message(exchange[key], kind)
            framed = oracle.line(body.TYPE, exchange["sequence"], body.encode())
            assert framed.hex() == exchange[line]
