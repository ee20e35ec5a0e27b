"""A device in memory: the protocol's other end in Python, with faults that can be asked for."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from zlib import crc32

import numpy as np

from hil.backend.base import Counters
from hil.board import PROJECT_DIR, Board
from hil.errors import LinkError
from hil.firmware.build import source_hash
from hil.model_folder import ModelFolder, load_model_folder
from hil.reference.runtimes import definition
from hil.wire import messages as msg
from hil.wire.frame import BadFrame, Decoder, Frame, encode
from hil.wire.schema import INPUT_LAYER, PROTOCOL_VERSION, REPLY_BIT
from pipeline.ops import OPERATORS
from pipeline.preprocess import Preprocessing
from pipeline.verify import read_verified

MODEL = PROJECT_DIR / "test_vectors" / "models" / "cnn"
PER_LAYER = 1000  # instructions of each layer
STAMP = 40  # of the stamp after each, which CYCLES counts with it


@dataclass
class Faults:
    """What is wrong with the device. Numbers of requests are counted from 1.

    wrong_layer: the lowest bit of its first value is turned; wrong_alone: also when run alone.
    short_output, wrong_tensor: it breaks the protocol's promises. crash_at: the request at which it
    faults and restarts. gone_at: the request at which the port vanishes. raw_offset: added by its
    preprocessing. others: HELLO fields to overwrite.
    """

    wrong_layer: int | None = None
    wrong_alone: bool = True
    raw_offset: int = 0
    crash_at: int | None = None
    gone_at: int | None = None
    old_faults: int = 0
    bad_frames: int = 0
    raw_size: int | None = None
    short_output: bool = False
    wrong_tensor: bool = False
    others: dict[str, Any] = field(default_factory=dict)


class FakeDevice:
    """A transport with the whole device behind it."""

    def __init__(self, folder: ModelFolder, board: Board, faults: Faults) -> None:
        self.folder, self.board, self.faults = folder, board, faults
        self.graph = read_verified(folder.int8)
        self.model = definition(folder.int8, self.graph)
        self.decoder, self.out = Decoder(), bytearray()
        self.requests, self.boot, self.crashes = 0, 7, faults.old_faults
        self.kinds: list[str] = []
        self.estimate = False

    # Transport

    def read(self, timeout: float) -> bytes:
        data = bytes(self.out)
        self.out.clear()
        return data

    def write(self, data: bytes) -> None:
        for frame in self.decoder.feed(data):
            assert not isinstance(frame, BadFrame)
            self.requests += 1
            if self.faults.gone_at is not None and self.requests >= self.faults.gone_at:
                raise LinkError("/dev/fake: the port vanished")
            if self.requests == self.faults.crash_at:
                self.boot, self.crashes = self.boot + 1, self.crashes + 1
                continue  # the request is lost; the host will repeat it
            reply = self.answer(frame)
            self.out += encode(Frame(frame.type | REPLY_BIT, frame.sequence, reply.encode()))

    def close(self) -> None:
        self.kinds.append("CLOSED")

    # Requests

    def answer(self, frame: Frame) -> Any:
        kind = msg.MessageType(frame.type).name
        self.kinds.append(kind)
        parts = "".join(p.title() for p in kind.split("_"))
        request = getattr(msg, f"{parts}Request").decode(frame.body)
        return getattr(self, f"on_{kind.lower()}")(request)

    def on_hello(self, request: msg.HelloRequest) -> msg.HelloReply:
        source, result = (self.graph.tensors[t[0]] for t in (self.graph.inputs, self.graph.outputs))
        raw = 2 * source.elements if self.folder.manifest.preprocessing else 0
        fields: dict[str, Any] = {
            "protocol": PROTOCOL_VERSION, "max_body": 1024, "credits": 4, "arithmetic": 1,
            "reset_cause": 3 if self.crashes else 0, "boot_id": self.boot, "device_id": 0xF00D,
            "clock_hz": self.board.facts.clock_hz, "staging_size": 4096,
            "input_size": source.elements, "output_size": result.elements,
            "raw_size": raw if self.faults.raw_size is None else self.faults.raw_size,
            "input_scale": float(source.scale), "input_zero_point": source.zero_point,
            "output_scale": float(result.scale), "output_zero_point": result.zero_point,
            "layer_count": len(self.graph.ops),
            "model_hash": bytes.fromhex(self.folder.model_hash), "firmware_hash": source_hash(),
            "names": "\0".join([self.board.name, "model", "0.1.0", "g"]),
        }  # fmt: skip
        return msg.HelloReply(**{**fields, **self.faults.others})

    def on_discard(self, request: msg.DiscardRequest) -> msg.DiscardReply:
        return msg.DiscardReply(len(request.data))

    def int8(self, form: int, data: bytes) -> np.ndarray:
        source = self.graph.tensors[self.graph.inputs[0]]
        if form == msg.DataForm.INT8:
            return np.frombuffer(data, np.int8).reshape(source.shape)
        constants = self.folder.manifest.preprocessing
        assert constants is not None
        raw = np.frombuffer(data, "<i2").reshape(-1, len(constants.mean))
        made = Preprocessing(constants.mean, constants.std)
        codes = made.quantize(raw, float(source.scale), source.zero_point)
        wide = codes.astype(int) + self.faults.raw_offset
        return np.clip(wide, -128, 127).astype(np.int8).reshape(source.shape)

    def tensors(self, form: int, data: bytes) -> tuple[bytes, list[np.ndarray]]:
        window = self.int8(form, data)
        self.model.run(window)
        values = [self.model.tensor(op.outputs[0]).copy() for op in self.graph.ops]
        if self.faults.wrong_layer is not None:
            for value in values[self.faults.wrong_layer :]:
                value.flat[0] ^= 1
        return window.tobytes(), values

    def on_infer(self, request: msg.InferRequest) -> msg.InferReply:
        source, values = self.tensors(request.form, request.data)
        cycles = (PER_LAYER + 300 * self.estimate) * len(values)
        output = values[-1].tobytes()
        return msg.InferReply(cycles, crc32(source), output[: -self.faults.short_output or None])

    def on_tap(self, request: msg.TapRequest) -> msg.TapReply:
        source, values = self.tensors(request.form, request.data)
        crcs = [crc32(v.tobytes()) for v in values]
        return msg.TapReply(crc32(source), struct.pack(f"<{len(crcs)}I", *crcs))

    def on_read_layer(self, request: msg.ReadLayerRequest) -> msg.ReadLayerReply:
        source, values = self.tensors(request.form, request.data)
        data = source if request.layer == INPUT_LAYER else values[request.layer].tobytes()
        piece = data[request.offset : request.offset + min(request.length, 1000)]
        return msg.ReadLayerReply(len(data), piece)

    def on_run_layer(self, request: msg.RunLayerRequest) -> msg.RunLayerReply:
        op = self.graph.ops[request.layer]
        values: dict[int, Any] = {}
        rest = request.data
        for tensor in self.graph.activations(op):
            part, rest = rest[: tensor.size], rest[tensor.size :]
            values[tensor.index] = np.frombuffer(part, tensor.dtype).reshape(1, *tensor.shape)
        result = OPERATORS[op.name].evaluate(self.graph, op, values)[0].copy()
        if request.layer == self.faults.wrong_layer and self.faults.wrong_alone:
            result.flat[0] ^= 1
        data = result.tobytes()
        piece = data[request.offset : request.offset + request.length]
        return msg.RunLayerReply(len(data), crc32(data), piece)

    def on_cycles(self, request: msg.CyclesRequest) -> msg.CyclesReply:
        each = PER_LAYER + 300 * self.estimate + STAMP
        n = len(self.graph.ops)
        return msg.CyclesReply(each * n + 5, struct.pack(f"<{n}I", *[each] * n))

    def on_layer(self, request: msg.LayerRequest) -> msg.LayerReply:
        op = self.graph.ops[request.layer]
        tensor = self.graph.tensors[op.outputs[0]]
        size = sum(t.size for t in self.graph.activations(op))
        shape = tuple([*tensor.shape, 0, 0, 0, 0][:4])
        names = f"{self.graph.layer_name(op)}\0{op.name}"
        index = 60_000 if self.faults.wrong_tensor else tensor.index
        return msg.LayerReply(index, size, tensor.size, shape, names)

    def on_memory(self, request: msg.MemoryRequest) -> msg.MemoryReply:
        return msg.MemoryReply(40_000, 9_000, 2_000, 8_192, 700)

    def on_last_fault(self, request: msg.LastFaultRequest) -> msg.LastFaultReply:
        return msg.LastFaultReply(
            self.crashes, 3, 0x10234, 0x101, 0x2000, 0, 0x8200, 0x4000_0000, 0xDEAD, (0,) * 5
        )

    def on_link(self, request: msg.LinkRequest) -> msg.LinkReply:
        return msg.LinkReply(self.requests, self.faults.bad_frames, 0, 0)


class FakeBackend:
    """Looks like the embedded emulator; `faults`, `model` and `emulated` are set by the test."""

    name = "fake"
    description = "device in memory"
    emulated = True
    links: tuple[str, ...] = ("uart", "usb")
    via = "uart"
    faults: ClassVar[Faults] = Faults()
    model: ClassVar[Path]
    last: ClassVar[FakeDevice]

    def check(self, board: Board, port: str | None) -> None:
        return None

    def open(self, board: Board, elf: Path | None, port: str | None) -> FakeDevice:
        type(self).last = FakeDevice(load_model_folder(self.model), board, self.faults)
        self.via = "uart" if self.via == "auto" else self.via
        return self.last

    def counters(self) -> Counters | None:
        return Counters(1, 2)

    def count_estimate(self, on: bool) -> None:
        self.last.estimate = on

    def crash_report(self) -> str | None:
        return None

    def close(self) -> None:
        return None
