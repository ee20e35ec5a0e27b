"""Device against the C server, whole and byte by byte, held against the model in numpy."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import fake_model
import numpy as np
import pytest
from c_end import MAX_LAYERS, CDevice
from memory_link import Clock, MemoryTransport

from hil.device import Device
from hil.errors import IdentityError, InputError, LinkError, NoAnswerError, RemoteError
from hil.record import Link
from hil.wire.frame import Decoder, Frame
from hil.wire.messages import DataForm, LastFaultReply, MemoryReply
from hil.wire.schema import INPUT_LAYER

MakeDevice = Callable[..., CDevice]
SIZES = [24, 300, 1023, 1024, 3000]  # 1023: fills INFER's frame; from 1024 on it is staged


def join(end: CDevice, chunk: int = 0) -> Device:
    clock = Clock()
    return Device(MemoryTransport(end, clock, chunk=chunk), clock=clock)


def windows(size: int, count: int) -> list[bytes]:
    random = np.random.default_rng(size)
    return [random.bytes(size) for _ in range(count)]


@pytest.fixture(params=[0, 1, 7], ids=["whole", "byte by byte", "sevens"])
def chunk(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_identity(device: MakeDevice, chunk: int) -> None:
    identity = join(device(boot_id=5), chunk).identify(
        expect_board="fakeboard",
        expect_model_hash=bytes(range(32)),
        expect_firmware_hash=bytes((8, 7, 6, 5, 4, 3, 2, 1)),
    )
    assert vars(identity) == {
        "protocol": 1, "board": "fakeboard", "model": "fake", "firmware_version": "1.2.3",
        "firmware_hash": bytes((8, 7, 6, 5, 4, 3, 2, 1)), "model_hash": bytes(range(32)),
        "arithmetic": "TFLM_REFERENCE", "reset_cause": "SOFTWARE", "boot_id": 5,
        "device_id": 0x1122334455667788, "clock_hz": 64_000_000, "max_body": 1024, "credits": 4,
        "staging_size": 8192, "input_size": 24, "output_size": 8, "raw_size": 48,
        "raw_unit": "millifakes", "input_scale": 0.5, "input_zero_point": -3,
        "output_scale": 1 / 256, "output_zero_point": -128, "layer_count": 4,
    }  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_inference(device: MakeDevice, chunk: int, size: int) -> None:
    inputs = windows(size, 9)
    replies = list(join(device(input_size=size), chunk).infer(inputs))
    assert [r.output for r in replies] == [fake_model.layers(w, 4)[-1] for w in inputs]
    assert [r.input_crc for r in replies] == [crc32(w) for w in inputs]
    assert {r.cycles for r in replies} == {3}


@pytest.mark.parametrize("size", [24, 511, 512, 3000])
def test_inference_on_raw_samples(device: MakeDevice, chunk: int, size: int) -> None:
    raw = windows(2 * size, 9)
    replies = list(join(device(input_size=size), chunk).infer(raw, DataForm.RAW))
    inputs = [fake_model.preprocess(w) for w in raw]
    assert [r.input_crc for r in replies] == [crc32(w) for w in inputs]
    assert [r.output for r in replies] == [fake_model.layers(w, 4)[-1] for w in inputs]


@pytest.mark.parametrize("layers", [3, 255, 256, MAX_LAYERS])
@pytest.mark.parametrize("size", [24, 3000])
def test_tap_and_cycles_of_every_layer(device: MakeDevice, size: int, layers: int) -> None:
    """More layers than a reply holds take several requests."""
    (window,) = windows(size, 1)
    d = join(device(input_size=size, layers=layers))
    expected = [crc32(t) for t in fake_model.layers(window, layers)]
    assert d.tap(window) == (crc32(window), expected)
    assert d.cycles(window) == (3 * layers, [3] * layers)


@pytest.mark.parametrize("size", [24, 1020, 1021, 3000])
def test_every_layer_can_be_read_and_run_alone(device: MakeDevice, chunk: int, size: int) -> None:
    (window,) = windows(size, 1)
    d = join(device(input_size=size), chunk)
    tensors = fake_model.layers(window, 4)
    assert [d.read_layer(i, window) for i in range(4)] == tensors
    assert d.read_layer(INPUT_LAYER, window) == window
    assert d.run_layer(0, [window]) == tensors[0]
    assert d.run_layer(1, [tensors[0]]) == tensors[1]
    assert d.run_layer(1, [tensors[0]]) == tensors[1], "its state is reset each time"
    assert d.run_layer(2, tensors[:2]) == tensors[2]
    assert d.run_layer(3, [tensors[2]]) == tensors[3]


def test_reading_the_input_made_of_raw_samples(device: MakeDevice) -> None:
    (raw,) = windows(48, 1)
    assert join(device()).read_layer(INPUT_LAYER, raw, DataForm.RAW) == fake_model.preprocess(raw)


def test_layer_table(device: MakeDevice) -> None:
    layers = join(device(input_size=24)).layers()
    assert [(x.index, x.name, x.op, x.tensor) for x in layers] == [
        (0, "double", "DOUBLE", 5), (1, "sum", "SUM", 6), (2, "add", "ADD", 7),
        (3, "next", "NEXT", 8),
    ]  # fmt: skip
    assert [x.shape for x in layers] == [(24,), (24,), (1, 8), (1, 8)]
    assert [(x.input_size, x.output_size) for x in layers] == [(24, 24), (24, 24), (48, 8), (8, 8)]


def test_figures(device: MakeDevice) -> None:
    d = join(device())
    d.identify()
    assert d.memory() == MemoryReply(11, 12, 13, 14, 15)
    registers = (0x08001234, 0x08005679, 0x20017FE0, 0x21000000, 0x8200, 0x40000000, 0xDEADBEEF)
    assert d.last_fault() == LastFaultReply(2, 3, *registers, (1, 2, 3, 4, 0xFFFFFFFF))
    assert d.link() == Link(
        frames=4, retransmissions=0, bad_frames_device=0, bad_frames_host=0, overruns=21,
        line_errors=22,
    )  # fmt: skip


def test_discard_counts_the_bytes(device: MakeDevice, chunk: int) -> None:
    assert join(device(), chunk).discard([bytes(1024), b"", b"\0", bytes(range(256))]) == 1281


def test_reset_needs_the_present_boot(device: MakeDevice) -> None:
    class Rebooting(MemoryTransport):
        def write(self, data: bytes) -> None:
            super().write(data)
            if self.device.reset_wanted:
                self.device = device(boot_id=78)

    clock = Clock()
    d = Device(Rebooting(device(boot_id=77), clock), clock=clock)
    assert d.identify().boot_id == 77
    assert d.reset().boot_id == 78
    assert d.identity.boot_id == 78


def test_a_reset_that_does_not_happen_is_an_error(device: MakeDevice) -> None:
    clock = Clock()

    class Ticking(MemoryTransport):
        def write(self, data: bytes) -> None:
            clock.now += 0.01
            super().write(data)

    with pytest.raises(LinkError, match="did not restart"):
        Device(Ticking(device(), clock), clock=clock).reset()


@pytest.mark.parametrize("size", [24, 3000])
def test_one_stream_inside_another(device: MakeDevice, size: int) -> None:
    """A window that differs is tapped at once, while the next ones are on their way."""
    inputs = windows(size, 9)
    d = join(device(input_size=size))
    for window, reply in zip(inputs, d.infer(inputs), strict=True):
        tensors = fake_model.layers(window, 4)
        assert reply.output == tensors[-1]
        assert d.tap(window)[1] == [crc32(t) for t in tensors]


def test_a_stream_that_is_left_early(device: MakeDevice) -> None:
    inputs = windows(24, 9)
    d = join(device())
    for _ in d.infer(inputs):
        break
    assert [r.output for r in d.infer(inputs)] == [fake_model.layers(w, 4)[-1] for w in inputs]
    assert d.counters.retransmissions == 0
    assert not d._link._session._requests, "nothing is kept for a caller who has gone"


def test_a_session_begins_at_a_random_number(device: MakeDevice) -> None:
    """So that a reply to an earlier program's request is not taken for one's own."""
    firsts = set()
    for _ in range(8):
        transport = MemoryTransport(device(), Clock())
        lines: list[bytes] = []
        transport.to_device = lambda data, lines=lines: lines.append(data) or data  # type: ignore[misc]
        Device(transport).identify()
        (frame,) = Decoder().feed(lines[0])
        assert isinstance(frame, Frame)
        firsts.add(frame.sequence)
    assert len(firsts) > 1
    assert 0 not in firsts


@pytest.mark.parametrize("rest", [b"\0", b"\x05half of a frame", bytes(range(1, 255)) * 20])
def test_connecting_to_a_device_in_the_middle_of_something(device: MakeDevice, rest: bytes) -> None:
    end = device()
    end.exchange(rest)
    clock = Clock()
    transport = MemoryTransport(end, clock)
    transport.waiting += b"the rest of an old reply\0\x02\x01\0"
    assert Device(transport, clock=clock).identify().board == "fakeboard"


def test_nobody_there() -> None:
    class Silent:
        def exchange(self, data: bytes, piece: int = 0) -> bytes:
            return b""

    clock = Clock()
    d = Device(MemoryTransport(Silent(), clock), clock=clock)  # type: ignore[arg-type]
    with pytest.raises(LinkError, match=r"no answer for 3 s"):
        d.identify(deadline=3)
    assert clock.now == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize("noise", [b"temperature 21.5\r\n", b"\0", bytes(range(256))])
def test_a_line_full_of_something_else_is_not_a_device(noise: bytes) -> None:
    clock = Clock()

    class Talker:
        def read(self, timeout: float) -> bytes:
            clock.now += 0.01
            assert clock.now < 20, "waits for ever"
            return noise

        def write(self, data: bytes) -> None:
            pass

        def close(self) -> None:
            pass

    with pytest.raises(NoAnswerError, match="no answer for 5 s"):
        Device(Talker(), clock=clock).identify()
    assert clock.now == pytest.approx(5, abs=0.1)


def test_a_line_that_echoes_is_not_a_device() -> None:
    class Echo:
        def exchange(self, data: bytes, piece: int = 0) -> bytes:
            return data

    clock = Clock()
    d = Device(MemoryTransport(Echo(), clock), clock=clock)  # type: ignore[arg-type]
    with pytest.raises(LinkError, match="no answer"):
        d.identify()


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"expect_board": "nano33"}, r"this is board 'fakeboard', not 'nano33'.*--port"),
        ({"expect_model_hash": bytes(32)}, r"carries model 'fake' \(0001.*tinyhil flash .*my/cnn"),
        ({"expect_firmware_hash": bytes(8)}, r"1\.2\.3, 0807060504030201\).*tinyhil flash"),
    ],
)  # fmt: skip
def test_the_wrong_device(device: MakeDevice, expected: dict[str, object], message: str) -> None:
    with pytest.raises(IdentityError, match=message):
        join(device()).identify(model="my/cnn", **expected)  # type: ignore[arg-type]


def test_wrong_inputs_are_the_callers_fault(device: MakeDevice) -> None:
    d = join(device(has_preprocessing=0))
    with pytest.raises(InputError, match="23 bytes: the model on the board takes 24"):
        list(d.infer([bytes(23)]))
    with pytest.raises(InputError, match="without preprocessing"):
        d.tap(bytes(48), DataForm.RAW)


def test_a_layer_that_fails_is_named(device: MakeDevice) -> None:
    d = join(device(failing_layer=1))
    with pytest.raises(RemoteError, match=r"refused TAP: INVOKE, sum \(7\)") as caught:
        d.tap(bytes(24))
    assert (caught.value.code, caught.value.detail) == ("INVOKE", 7)


def test_an_input_larger_than_the_staging_buffer(device: MakeDevice) -> None:
    d = join(device(input_size=3000, staging_size=2999))
    with pytest.raises(RemoteError, match=r"TOO_LARGE, staging buffer \(2999\)"):
        list(d.infer([bytes(3000)]))
