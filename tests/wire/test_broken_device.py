"""A device that frames its replies well and fills them with nonsense: one clear error each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from memory_link import Clock, MemoryTransport

from hil.device import MAX_TENSOR, Device
from hil.errors import IdentityError, LinkError, RemoteError, UnsteadyError
from hil.wire import messages as m
from hil.wire.codec import Body
from hil.wire.frame import Decoder, Frame, encode
from hil.wire.schema import INPUT_LAYER, REPLY_BIT

HELLO = m.HelloReply(
    protocol=1, max_body=1024, credits=4, arithmetic=1, reset_cause=0, boot_id=1, device_id=2,
    clock_hz=64_000_000, staging_size=8192, input_size=24, output_size=8, raw_size=0,
    input_scale=1.0, input_zero_point=0, output_scale=1.0, output_zero_point=0, layer_count=3,
    model_hash=bytes(32), firmware_hash=b"firmware", names="board\0model\0001.0\0unit",
)  # fmt: skip


Answer = Callable[[Frame], bytes]


class Liar:
    """Answers each request with the body given for its type, or as a function of the frame says."""

    def __init__(self, *answers: Body, special: dict[int, Answer] | None = None) -> None:
        self.bodies = {a.TYPE & ~REPLY_BIT: a.encode() for a in answers}
        self.special = special or {}
        self.decoder = Decoder()

    def exchange(self, data: bytes, piece: int = 0) -> bytes:
        return b"".join(self.answer(f) for f in self.decoder.feed(data) if isinstance(f, Frame))

    def answer(self, frame: Frame) -> bytes:
        if frame.type in self.special:
            return self.special[frame.type](frame)
        return encode(Frame(frame.type | REPLY_BIT, frame.sequence, self.bodies[frame.type]))


def refuse(code: int, text: str) -> Answer:
    def answer(frame: Frame) -> bytes:
        error = m.ErrorReply(frame.type, code, 7, text)
        return encode(Frame(error.TYPE, frame.sequence, error.encode()))

    return answer


def join(liar: Any) -> Device:
    clock = Clock()
    return Device(MemoryTransport(liar, clock), clock=clock)


def device(*answers: Body, hello: m.HelloReply = HELLO) -> Device:
    return join(Liar(hello, *answers))


def saying(hello: bytes) -> Device:
    """A device whose HELLO has this body."""
    liar = Liar()
    liar.bodies[m.HelloRequest.TYPE] = hello
    return join(liar)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"protocol": 0}, IdentityError, r"version 0, .* firmware is older; `tinyhil flash"),
        ({"protocol": 2}, IdentityError, r"version 2, this program 1: its firmware is newer"),
        ({"max_body": 63}, LinkError, r"a largest body of 63 bytes makes no sense"),
        ({"arithmetic": 9}, IdentityError, r"arithmetic is unknown \(9\).*TFLM_REFERENCE.*flash"),
    ],
)  # fmt: skip
def test_a_hello_that_makes_no_sense(
    change: dict[str, int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        device(hello=replace(HELLO, **change)).identify()  # type: ignore[arg-type]


def test_the_least_body_that_makes_sense_is_taken() -> None:
    assert device(hello=replace(HELLO, max_body=64)).identify().model == "model"


@pytest.mark.parametrize("size", [2, 3, 96, 98, 500])
def test_a_hello_of_another_version_may_have_any_length(size: int) -> None:
    with pytest.raises(IdentityError, match="version 7"):
        saying(b"\x07\0" + bytes(size - 2)).identify()


@pytest.mark.parametrize("body", [b"\1", b"\1\0", b"\1\0\0\4"])
def test_a_hello_that_is_too_short(body: bytes) -> None:
    with pytest.raises(LinkError, match=f"HELLO: a body of {len(body)} bytes, at least 97"):
        saying(body).identify()


def test_names_are_made_safe_and_may_be_missing() -> None:
    hello = replace(HELLO, names="bo\x1b[2Jard\0a\nb", reset_cause=77)
    identity = device(hello=hello).identify()
    assert (identity.board, identity.model) == ("bo\ufffd[2Jard", "a\ufffdb")
    assert (identity.firmware_version, identity.raw_unit) == ("", "")
    assert identity.reset_cause == "unknown (77)"


def test_a_device_that_gives_no_credit_gets_one_request_at_a_time() -> None:
    d = device(m.DiscardReply(5), hello=replace(HELLO, credits=0))
    assert d.discard([b"", b""]) == 10


def test_an_output_of_the_wrong_size() -> None:
    with pytest.raises(LinkError, match="INFER: an output of 3 bytes"):
        list(device(m.InferReply(1, 2, b"abc")).infer([bytes(24)]))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"", "a table of 0 layers: the model has 3"),
        (bytes(16), "a table of 4 layers: the model has 3"),
        (bytes(10), "a table of 10 bytes: it should hold whole numbers"),
    ],
)
def test_a_table_of_the_wrong_size(table: bytes, message: str) -> None:
    d = device(m.TapReply(0, table), m.CyclesReply(0, table))
    for ask in (d.tap, d.cycles):
        with pytest.raises(LinkError, match=message):
            ask(bytes(24))


@pytest.mark.parametrize(
    ("reply", "got"),
    [
        (m.ReadLayerReply(10, b""), 0),
        (m.ReadLayerReply(2, b"abc"), 3),
        (m.ReadLayerReply(MAX_TENSOR + 1, b"abc"), 3),
        (m.ReadLayerReply(10, b"1234567"), 14),
    ],
)
def test_a_tensor_that_does_not_add_up(reply: m.ReadLayerReply, got: int) -> None:
    with pytest.raises(LinkError, match=f"READ_LAYER: {got} bytes of a tensor of {reply.size}"):
        device(reply).read_layer(INPUT_LAYER, bytes(24))


def test_an_output_whose_crc_is_another() -> None:
    with pytest.raises(UnsteadyError, match="RUN_LAYER 1: the pieces do not make"):
        device(m.RunLayerReply(3, 0, b"abc")).run_layer(1, [b"x"])


def test_staging_that_never_holds() -> None:
    hello = replace(HELLO, input_size=2000)
    forget = {int(m.MessageType.INFER): refuse(m.ErrorCode.STAGING, "other bytes")}
    d = join(Liar(hello, m.StageReply(8192), special=forget))
    with pytest.raises(LinkError, match="INFER: staged bytes were lost 5 times"):
        list(d.infer([bytes(2000)]))


def test_an_error_code_of_the_future_is_shown_as_a_number() -> None:
    d = join(Liar(special={int(m.MessageType.HELLO): refuse(99, "be\x07cause")}))
    with pytest.raises(RemoteError, match=r"refused HELLO: error 99, be\ufffdcause \(7\)"):
        d.identify()
