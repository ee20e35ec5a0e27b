"""A device as a Python object: every request of the protocol as a blocking call.

Inputs larger than a frame go through the device's staging buffer unasked. Requests are pure
functions, so whatever the line loses is sent again without a wrong result; see PROTOCOL.md.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from zlib import crc32

from hil import identity as who
from hil.backend.base import Transport
from hil.connection import Clock, Connection, Rescue, check
from hil.errors import (
    IdentityError,
    InputError,
    LinkError,
    RemoteError,
    UnsteadyError,
    clean,
)
from hil.identity import Identity
from hil.record import Link
from hil.wire import messages as msg
from hil.wire.codec import Body
from hil.wire.messages import DataForm, ErrorCode
from hil.wire.session import Counters

R = TypeVar("R", bound=Body)
P = TypeVar("P", msg.ReadLayerReply, msg.RunLayerReply)
PieceRequest = msg.ReadLayerRequest | msg.RunLayerRequest
DataRequest = msg.InferRequest | msg.TapRequest | msg.CyclesRequest | PieceRequest

_STAGED: Final = {
    DataForm.INT8: DataForm.STAGED_INT8,
    DataForm.RAW: DataForm.STAGED_RAW,
}

#: A piece that was lost arrives behind the request that needs it; once more is then enough.
STAGING_ATTEMPTS: Final = 5
#: No tensor of a microcontroller comes near this; bounds what a broken device can make us ask for.
MAX_TENSOR: Final = 16 * 2**20


@dataclass(frozen=True)
class LayerInfo:
    """One layer as the device lists it. Sizes in bytes; input_size: of all inputs together."""

    index: int
    name: str
    op: str
    tensor: int
    shape: tuple[int, ...]
    input_size: int
    output_size: int


class Device:
    """The blocking client. Call `identify` first.

    timeout: seconds before an unanswered request is repeated, at first. patience: seconds of
    silence after which LinkError is raised; it must exceed the longest single inference.
    Every call may raise LinkError, and RemoteError where the device refuses.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        timeout: float = 2.0,
        patience: float = 10.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self._clock = clock
        self._link = Connection(transport, timeout=timeout, patience=patience, clock=clock)
        self._identity: Identity | None = None

    @property
    def identity(self) -> Identity:
        """Who the device is, as it said in `identify`."""
        if self._identity is None:
            self.identify()
        assert self._identity is not None
        return self._identity

    @property
    def counters(self) -> Counters:
        """What this end of the line saw since the last `identify`."""
        return self._link.counters

    def identify(
        self,
        *,
        expect_board: str | None = None,
        expect_model_hash: bytes | None = None,
        expect_firmware_hash: bytes | None = None,
        model: str = "MODEL_DIR",
        deadline: float = 5.0,
    ) -> Identity:
        """Say hello until answered, for at most `deadline` seconds, and check who it is.

        Raises IdentityError, with the command that mends it, when the device is another board,
        carries other firmware or another model, or speaks another version of the protocol.
        """
        expected = who.Expected(expect_board, expect_model_hash, expect_firmware_hash, model)
        hello = self._link.hello(deadline, expected.flash("BOARD"))
        self._identity = who.from_hello(hello)
        who.verify(self._identity, expected)
        return self._identity

    def guard(self, rescue: Rescue | None, succeeded: Callable[[], None] = lambda: None) -> None:
        """From now on, go on after `rescue` where the device goes away or hangs; None: no more.

        What comes back must be the device that was identified, IdentityError otherwise; then
        `succeeded` is called.
        """

        def welcome(hello: msg.HelloReply) -> None:
            self._welcome_back(hello)
            succeeded()

        self._link.guard(rescue, welcome)

    def _welcome_back(self, hello: msg.HelloReply) -> None:
        back, gone = who.from_hello(hello), self.identity
        if replace(back, boot_id=0, reset_cause="") != replace(gone, boot_id=0, reset_cause=""):
            raise IdentityError(
                f"another device came back: {back.board} with model {back.model!r} "
                f"({back.model_hash.hex()[:16]}…) and number {back.device_id:016x}, not "
                f"{gone.board} with {gone.model_hash.hex()[:16]}… and {gone.device_id:016x}"
            )
        self._identity = back

    def infer(
        self, inputs: Iterable[bytes], form: DataForm = DataForm.INT8
    ) -> Iterator[msg.InferReply]:
        """Run the model on each input; yield its replies in order, as they come.

        form: INT8 (the model's input) or RAW (int16 counts, preprocessed on the device).
        """
        requests = (msg.InferRequest(form, self._sized(data, form)) for data in inputs)
        if not self._fits(msg.InferRequest(form, bytes(self._input_size(form)))):
            # One at a time: there is one staging buffer.
            for request in requests:
                yield self._inferred(self._ask_on(request, msg.InferReply))
            return
        for reply in self._link.stream(requests):
            yield self._inferred(msg.InferReply.decode(check(reply, "INFER")))

    def tap(self, data: bytes, form: DataForm = DataForm.INT8) -> tuple[int, list[int]]:
        """Run the model; return the CRC-32 of its int8 input and of every layer's output."""
        crcs: list[int] = []
        while True:
            request = msg.TapRequest(len(crcs), form, self._sized(data, form))
            reply = self._ask_on(request, msg.TapReply)
            crcs += _numbers(reply.crcs)
            if self._complete(crcs, reply.crcs):
                return reply.input_crc, crcs

    def cycles(self, data: bytes, form: DataForm = DataForm.INT8) -> tuple[int, list[int]]:
        """Run the model; return the cycles of the whole and of every layer.

        On an emulator the counter counts instructions, or an estimate of cycles: see
        hil/emulator.
        """
        cycles: list[int] = []
        while True:
            request = msg.CyclesRequest(len(cycles), form, self._sized(data, form))
            reply = self._ask_on(request, msg.CyclesReply)
            cycles += _numbers(reply.cycles)
            if self._complete(cycles, reply.cycles):
                return reply.total, cycles

    def read_layer(self, layer: int, data: bytes, form: DataForm = DataForm.INT8) -> bytes:
        """Run the model up to `layer`; return its whole output. INPUT_LAYER: its int8 input."""
        room = self._link.max_body - msg.ReadLayerReply.LAYOUT.size
        request = msg.ReadLayerRequest(layer, 0, room, form, self._sized(data, form))
        return self._whole(request, msg.ReadLayerReply)[0]

    def run_layer(self, layer: int, inputs: Iterable[bytes]) -> bytes:
        """Run one layer alone on its inputs, in table order; return its whole output.

        Raises UnsteadyError where its pieces, each of a run of its own, are not of one output.
        """
        room = self._link.max_body - msg.RunLayerReply.LAYOUT.size
        request = msg.RunLayerRequest(layer, 0, room, DataForm.INT8, b"".join(inputs))
        tensor, reply = self._whole(request, msg.RunLayerReply)
        if crc32(tensor) != reply.crc:
            raise UnsteadyError(f"RUN_LAYER {layer}: the pieces do not make the output's CRC-32")
        return tensor

    def layers(self) -> list[LayerInfo]:
        """Return the model's layer table."""
        requests = [msg.LayerRequest(i) for i in range(self.identity.layer_count)]
        replies = self._link.stream(requests)
        return [_layer_info(i, check(reply, "LAYER")) for i, reply in enumerate(replies)]

    def memory(self) -> msg.MemoryReply:
        """Return sizes as linked, and the stack's high-water mark."""
        return self._ask(msg.MemoryRequest(), msg.MemoryReply)

    def last_fault(self) -> msg.LastFaultReply | None:
        """Return the registers of the last fault since power-on, or None."""
        fault = self._ask(msg.LastFaultRequest(), msg.LastFaultReply)
        return fault if fault.count else None

    def link(self) -> Link:
        """Return what both ends saw of the line."""
        device = self._ask(msg.LinkRequest(), msg.LinkReply)
        return Link(
            frames=device.frames,
            retransmissions=self.counters.retransmissions,
            bad_frames_device=device.bad_frames,
            bad_frames_host=self.counters.bad_frames,
            overruns=device.overruns,
            line_errors=device.line_errors,
            late=min(self.counters.ignored, self.counters.retransmissions),
        )

    def discard(self, payloads: Iterable[bytes]) -> int:
        """Send payloads that are only acknowledged; return how many bytes arrived."""
        replies = self._link.stream(msg.DiscardRequest(p) for p in payloads)
        return sum(msg.DiscardReply.decode(check(r, "DISCARD")).size for r in replies)

    def reset(self, deadline: float = 5.0) -> Identity:
        """Restart the device and say hello to it again. Raises LinkError when it did not."""
        before = self.identity.boot_id
        self._ask(msg.ResetRequest(before), msg.ResetReply)
        until = self._clock() + deadline
        while self._clock() < until:
            identity = self.identify(deadline=deadline)
            if identity.boot_id != before:
                return identity
        raise LinkError("the device acknowledged a reset and did not restart")

    def close(self) -> None:
        """Release the transport."""
        self._link.close()

    def ask(self, request: Body, kind: type[R]) -> R:
        """Send any request whose reply is of `kind`; what has no method of its own."""
        return self._ask(request, kind)

    def _ask(self, request: Body, kind: type[R]) -> R:
        return kind.decode(check(self._link.call(request), request.NAME))

    def _ask_on(self, request: DataRequest, kind: type[R]) -> R:
        """Ask something of an input, which is staged first when it does not fit the frame."""
        if self._fits(request):
            return self._ask(request, kind)
        data = request.data
        room = self._link.max_body - msg.StageRequest.LAYOUT.size
        pieces = [msg.StageRequest(i, data[i : i + room]) for i in range(0, len(data), room)]
        form = _STAGED[DataForm(request.form)]
        staged = replace(request, form=form, data=crc32(data).to_bytes(4, "little"))
        for _ in range(STAGING_ATTEMPTS):
            *stages, answer = self._link.stream([*pieces, staged])
            for stage in stages:
                check(stage, "STAGE")
            try:
                return kind.decode(check(answer, request.NAME))
            except RemoteError as error:
                if error.code != ErrorCode.STAGING.name:
                    raise
        raise LinkError(f"{request.NAME}: staged bytes were lost {STAGING_ATTEMPTS} times")

    def _whole(self, first: PieceRequest, kind: type[P]) -> tuple[bytes, P]:
        """Ask for a tensor piece by piece; return it and the last reply."""
        reply = self._ask_on(first, kind)
        tensor = reply.data
        while len(tensor) < reply.size <= MAX_TENSOR:
            reply = self._ask_on(replace(first, offset=len(tensor)), kind)
            if not reply.data:
                break
            tensor += reply.data
        if len(tensor) != reply.size:
            raise LinkError(f"{first.NAME}: {len(tensor)} bytes of a tensor of {reply.size}")
        return tensor, reply

    def _input_size(self, form: DataForm) -> int:
        return self.identity.raw_size if form is DataForm.RAW else self.identity.input_size

    def _sized(self, data: bytes, form: DataForm) -> bytes:
        size = self._input_size(form)
        if form is DataForm.RAW and size == 0:
            raise InputError(f"model {self.identity.model!r} came without preprocessing: use int8")
        if len(data) != size:
            raise InputError(f"an input of {len(data)} bytes: the model on the board takes {size}")
        return data

    def _fits(self, request: DataRequest) -> bool:
        return request.LAYOUT.size + len(request.data) <= self._link.max_body

    def _inferred(self, reply: msg.InferReply) -> msg.InferReply:
        if len(reply.output) != self.identity.output_size:
            raise LinkError(f"INFER: an output of {len(reply.output)} bytes")
        return reply

    def _complete(self, table: list[int], piece: bytes) -> bool:
        count = self.identity.layer_count
        if len(table) > count or (not piece and len(table) < count):
            raise LinkError(f"a table of {len(table)} layers: the model has {count}")
        return len(table) == count


def _numbers(table: bytes) -> list[int]:
    if len(table) % 4:
        raise LinkError(f"a table of {len(table)} bytes: it should hold whole numbers")
    return list(struct.unpack(f"<{len(table) // 4}I", table))


def _layer_info(index: int, body: bytes) -> LayerInfo:
    layer = msg.LayerReply.decode(body)
    name, _, op = layer.names.partition("\0")
    shape = tuple(n for n in layer.shape if n)
    sizes = (layer.input_size, layer.output_size)
    return LayerInfo(index, clean(name), clean(op), layer.tensor, shape, *sizes)
