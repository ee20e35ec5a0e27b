"""Messages of the wire protocol.

Generated from hil/wire/schema.py by `python -m hil.wire.emit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from hil.wire.codec import Body, Layout


class MessageType(IntEnum):
    """Types of the requests."""

    HELLO = 0x01
    DISCARD = 0x02
    STAGE = 0x03
    INFER = 0x10
    TAP = 0x20
    READ_LAYER = 0x21
    RUN_LAYER = 0x22
    CYCLES = 0x23
    LAYER = 0x24
    MEMORY = 0x30
    LAST_FAULT = 0x31
    LINK = 0x32
    SENSOR = 0x38
    SENSOR_START = 0x39
    SENSOR_STOP = 0x3A
    SENSOR_SAMPLES = 0x3B
    SENSOR_TEST = 0x3C
    RESET = 0x3F


class ErrorCode(IntEnum):
    """Why a request was refused."""

    #: a frame failed its CRC, its COBS or its length; sequence number is 0
    BAD_FRAME = 1
    #: no such request; detail: the type
    UNKNOWN_TYPE = 2
    #: the body is too short or too long; detail: the length expected
    BAD_LENGTH = 3
    #: a field is out of range; detail: its largest legal value
    BAD_ARGUMENT = 4
    #: the input is not of the model's size; detail: that size in bytes
    INPUT_SIZE = 5
    #: the staging buffer does not hold these bytes; detail: its present CRC-32
    STAGING = 6
    #: more than the staging buffer or a frame holds; detail: what fits
    TOO_LARGE = 7
    #: this firmware or model cannot do that; detail: 0
    UNSUPPORTED = 8
    #: the model returned an error; detail: its return value
    INVOKE = 9
    #: no sensor answers, or no such stream; detail: the running one, 0: none
    SENSOR = 10


class Arithmetic(IntEnum):
    """The int8 arithmetic the device's model was built with."""

    #: TFLM's reference kernels: gemmlowp's double rounding
    TFLM_REFERENCE = 1


class DataForm(IntEnum):
    """What the input bytes of a request are."""

    #: the model's int8 input
    INT8 = 0
    #: int16 sensor counts; the device does the preprocessing
    RAW = 1
    #: as INT8, taken from the staging buffer; data is its CRC-32
    STAGED_INT8 = 2
    #: as RAW, taken from the staging buffer; data is its CRC-32
    STAGED_RAW = 3


class ResetCause(IntEnum):
    """Why the device last started."""

    #: power came on
    POWER_ON = 0
    #: the reset pin
    PIN = 1
    #: a reset request
    SOFTWARE = 2
    #: the fault handler; LAST_FAULT has the registers
    FAULT = 3
    #: the watchdog
    WATCHDOG = 4
    #: none of the above
    OTHER = 5
    #: breaks on the line, while it hung; LAST_FAULT has the place
    HANG = 6


class SensorState(IntEnum):
    """What the motion sensor does."""

    #: nobody answers on its bus, or another chip
    ABSENT = 0
    #: there, and asleep
    IDLE = 1
    #: takes samples
    RUNNING = 2
    #: tests itself
    TESTING = 3
    #: it answered once, and does not any more
    FAILED = 4


class SensorVerdict(IntEnum):
    """What the sensor's self-test said."""

    #: none was asked for
    UNTESTED = 0
    #: not yet known: ask again
    UNDER_TEST = 1
    #: every axis changed by what the limits allow
    PASSED = 2
    #: an axis did not, or the test was cut short
    NOT_PASSED = 3


@dataclass(frozen=True)
class HelloRequest(Body):
    """Request HELLO. Who is there. The first two reply fields never change, in any version."""

    TYPE = 0x01
    NAME = "HELLO"
    LAYOUT = Layout("H")

    #: the host's protocol version
    protocol: int


@dataclass(frozen=True)
class HelloReply(Body):
    """Reply HELLO. Who is there. The first two reply fields never change, in any version."""

    TYPE = 0x81
    NAME = "HELLO"
    LAYOUT = Layout("H H B B B I Q I I I I I f i f i H 32s 8s", "str")

    #: the device's protocol version
    protocol: int
    #: largest body of a frame, either way, in bytes
    max_body: int
    #: requests that may be unanswered at once
    credits: int
    #: an Arithmetic
    arithmetic: int
    #: a ResetCause
    reset_cause: int
    #: differs from one boot to the next
    boot_id: int
    #: the chip's unique number (0: none)
    device_id: int
    #: core clock
    clock_hz: int
    #: bytes the staging buffer holds
    staging_size: int
    #: bytes of the int8 input
    input_size: int
    #: bytes of the int8 output
    output_size: int
    #: bytes of a raw window; 0: no preprocessing on the device
    raw_size: int
    #: real value of one step of the input
    input_scale: float
    #: code of the real value 0
    input_zero_point: int
    #: real value of one step of the output
    output_scale: float
    #: code of the real value 0
    output_zero_point: int
    #: entries of the layer table
    layer_count: int
    #: SHA-256 of the .tflite the model was emitted from
    model_hash: bytes
    #: start of the SHA-256 of the firmware's sources (0: a sketch of somebody's own)
    firmware_hash: bytes
    #: board, model, firmware version, raw unit; NUL between
    names: str


@dataclass(frozen=True)
class DiscardRequest(Body):
    """Request DISCARD. Only acknowledges: measures the link."""

    TYPE = 0x02
    NAME = "DISCARD"
    LAYOUT = Layout("", "bytes")

    #: anything
    data: bytes


@dataclass(frozen=True)
class DiscardReply(Body):
    """Reply DISCARD. Only acknowledges: measures the link."""

    TYPE = 0x82
    NAME = "DISCARD"
    LAYOUT = Layout("I")

    #: bytes received
    size: int


@dataclass(frozen=True)
class StageRequest(Body):
    """Request STAGE. Writes a piece of an input that is larger than a frame into the staging
    buffer."""

    TYPE = 0x03
    NAME = "STAGE"
    LAYOUT = Layout("I", "bytes")

    #: where the piece goes
    offset: int
    #: the piece
    data: bytes


@dataclass(frozen=True)
class StageReply(Body):
    """Reply STAGE. Writes a piece of an input that is larger than a frame into the staging
    buffer."""

    TYPE = 0x83
    NAME = "STAGE"
    LAYOUT = Layout("I")

    #: bytes the staging buffer holds
    size: int


@dataclass(frozen=True)
class InferRequest(Body):
    """Request INFER. One inference. The model's state is reset before it."""

    TYPE = 0x10
    NAME = "INFER"
    LAYOUT = Layout("B", "bytes")

    #: a DataForm: what `data` is
    form: int
    #: the input, or the CRC-32 (u32) of the staged input
    data: bytes


@dataclass(frozen=True)
class InferReply(Body):
    """Reply INFER. One inference. The model's state is reset before it."""

    TYPE = 0x90
    NAME = "INFER"
    LAYOUT = Layout("I I", "bytes")

    #: DWT cycles of the invocation, without preprocessing
    cycles: int
    #: CRC-32 of the int8 input the model got
    input_crc: int
    #: the int8 output
    output: bytes


@dataclass(frozen=True)
class TapRequest(Body):
    """Request TAP. One inference with a CRC-32 of every layer's output."""

    TYPE = 0x20
    NAME = "TAP"
    LAYOUT = Layout("H B", "bytes")

    #: first layer to report
    first: int
    #: a DataForm: what `data` is
    form: int
    #: the input, or the CRC-32 (u32) of the staged input
    data: bytes


@dataclass(frozen=True)
class TapReply(Body):
    """Reply TAP. One inference with a CRC-32 of every layer's output."""

    TYPE = 0xA0
    NAME = "TAP"
    LAYOUT = Layout("I", "bytes")

    #: CRC-32 of the int8 input the model got
    input_crc: int
    #: u32 per layer, as many as fit a frame
    crcs: bytes


@dataclass(frozen=True)
class ReadLayerRequest(Body):
    """Request READ_LAYER. Runs the model up to a layer and returns a piece of that layer's
    output."""

    TYPE = 0x21
    NAME = "READ_LAYER"
    LAYOUT = Layout("H I H B", "bytes")

    #: index into the layer table; 0xFFFF: the quantized input
    layer: int
    #: first byte wanted
    offset: int
    #: bytes wanted
    length: int
    #: a DataForm: what `data` is
    form: int
    #: the input, or the CRC-32 (u32) of the staged input
    data: bytes


@dataclass(frozen=True)
class ReadLayerReply(Body):
    """Reply READ_LAYER. Runs the model up to a layer and returns a piece of that layer's
    output."""

    TYPE = 0xA1
    NAME = "READ_LAYER"
    LAYOUT = Layout("I", "bytes")

    #: bytes of the whole tensor
    size: int
    #: the piece
    data: bytes


@dataclass(frozen=True)
class RunLayerRequest(Body):
    """Request RUN_LAYER. Runs one layer alone, after a reset of its state, on inputs given one
    after the other."""

    TYPE = 0x22
    NAME = "RUN_LAYER"
    LAYOUT = Layout("H I H B", "bytes")

    #: index into the layer table; 0xFFFF: the quantized input
    layer: int
    #: first byte of the output wanted
    offset: int
    #: bytes wanted
    length: int
    #: a DataForm: what `data` is
    form: int
    #: all the layer's inputs in table order, or their CRC-32
    data: bytes


@dataclass(frozen=True)
class RunLayerReply(Body):
    """Reply RUN_LAYER. Runs one layer alone, after a reset of its state, on inputs given one
    after the other."""

    TYPE = 0xA2
    NAME = "RUN_LAYER"
    LAYOUT = Layout("I I", "bytes")

    #: bytes of the whole output
    size: int
    #: CRC-32 of the whole output
    crc: int
    #: the piece
    data: bytes


@dataclass(frozen=True)
class CyclesRequest(Body):
    """Request CYCLES. One inference with the DWT cycles of every layer."""

    TYPE = 0x23
    NAME = "CYCLES"
    LAYOUT = Layout("H B", "bytes")

    #: first layer to report
    first: int
    #: a DataForm: what `data` is
    form: int
    #: the input, or the CRC-32 (u32) of the staged input
    data: bytes


@dataclass(frozen=True)
class CyclesReply(Body):
    """Reply CYCLES. One inference with the DWT cycles of every layer."""

    TYPE = 0xA3
    NAME = "CYCLES"
    LAYOUT = Layout("I", "bytes")

    #: cycles of all layers, with a stamp taken after each
    total: int
    #: u32 per layer, as many as fit a frame
    cycles: bytes


@dataclass(frozen=True)
class LayerRequest(Body):
    """Request LAYER. One entry of the layer table."""

    TYPE = 0x24
    NAME = "LAYER"
    LAYOUT = Layout("H")

    #: index into the layer table; 0xFFFF: the quantized input
    layer: int


@dataclass(frozen=True)
class LayerReply(Body):
    """Reply LAYER. One entry of the layer table."""

    TYPE = 0xA4
    NAME = "LAYER"
    LAYOUT = Layout("H I I 4H", "str")

    #: index of the output tensor in the .tflite
    tensor: int
    #: bytes of all inputs together
    input_size: int
    #: bytes of the output
    output_size: int
    #: shape of the output, unused places 0
    shape: tuple[int, ...]
    #: name and operator, NUL between
    names: str


@dataclass(frozen=True)
class MemoryRequest(Body):
    """Request MEMORY. Sizes as linked, and the high-water mark of the stack."""

    TYPE = 0x30
    NAME = "MEMORY"
    LAYOUT = Layout("")


@dataclass(frozen=True)
class MemoryReply(Body):
    """Reply MEMORY. Sizes as linked, and the high-water mark of the stack."""

    TYPE = 0xB0
    NAME = "MEMORY"
    LAYOUT = Layout("I I I I I")

    #: bytes of the image
    flash_used: int
    #: bytes of .data and .bss, the model's arena included
    ram_static: int
    #: bytes of the model's activations and scratch
    arena: int
    #: bytes reserved for the stack
    stack_size: int
    #: bytes of it ever written
    stack_peak: int


@dataclass(frozen=True)
class LastFaultRequest(Body):
    """Request LAST_FAULT. The registers that were saved before a fault, or a hang, reset the
    device."""

    TYPE = 0x31
    NAME = "LAST_FAULT"
    LAYOUT = Layout("")


@dataclass(frozen=True)
class LastFaultReply(Body):
    """Reply LAST_FAULT. The registers that were saved before a fault, or a hang, reset the
    device."""

    TYPE = 0xB1
    NAME = "LAST_FAULT"
    LAYOUT = Layout("I I I I I I I I I 5I")

    #: faults and hangs since power-on; 0: the rest is void
    count: int
    #: IPSR: 3 HardFault, 4 MemManage, 5 BusFault, 6 UsageFault; 14: a hang
    exception: int
    #: the instruction that faulted, or was next
    pc: int
    #: return address
    lr: int
    #: stack pointer before the exception
    sp: int
    #: program status
    psr: int
    #: configurable fault status
    cfsr: int
    #: hard fault status
    hfsr: int
    #: MMFAR or BFAR where CFSR says it is valid, else 0
    address: int
    #: r0, r1, r2, r3, r12
    r: tuple[int, ...]


@dataclass(frozen=True)
class LinkRequest(Body):
    """Request LINK. What the device saw on the line since it started."""

    TYPE = 0x32
    NAME = "LINK"
    LAYOUT = Layout("")


@dataclass(frozen=True)
class LinkReply(Body):
    """Reply LINK. What the device saw on the line since it started."""

    TYPE = 0xB2
    NAME = "LINK"
    LAYOUT = Layout("I I I I")

    #: good frames received
    frames: int
    #: frames refused (CRC, COBS, length)
    bad_frames: int
    #: bytes lost: receiver overrun or a full ring
    overruns: int
    #: framing, noise and break errors
    line_errors: int


@dataclass(frozen=True)
class SensorRequest(Body):
    """Request SENSOR. The motion sensor: which, what it does, and what it has counted since the
    device started."""

    TYPE = 0x38
    NAME = "SENSOR"
    LAYOUT = Layout("")


@dataclass(frozen=True)
class SensorReply(Body):
    """Reply SENSOR. The motion sensor: which, what it does, and what it has counted since the
    device started."""

    TYPE = 0xB8
    NAME = "SENSOR"
    LAYOUT = Layout("B B H H f f I H H I I I I", "str")

    #: a SensorState
    state: int
    #: what its WHO_AM_I register said
    id: int
    #: of the accelerometer, ± g
    accel_range: int
    #: of the gyroscope, ± degrees per second
    gyro_range: int
    #: g per count
    accel_unit: float
    #: rad/s per count
    gyro_unit: float
    #: nominal samples in 1,000 seconds; the chip's own clock counts
    rate: int
    #: samples the chip holds
    fifo: int
    #: samples the device holds
    ring: int
    #: the running stream, 0: none
    stream: int
    #: samples of that stream so far
    taken: int
    #: times that the chip's FIFO ran over
    overruns: int
    #: transfers that the chip did not answer
    bus_errors: int
    #: the chip
    name: str


@dataclass(frozen=True)
class SensorStartRequest(Body):
    """Request SENSOR_START. Begins a stream of samples, ending another one; one that runs
    already goes on."""

    TYPE = 0x39
    NAME = "SENSOR_START"
    LAYOUT = Layout("I")

    #: a number of the host's choice, not 0: another one begins anew
    stream: int


@dataclass(frozen=True)
class SensorStartReply(Body):
    """Reply SENSOR_START. Begins a stream of samples, ending another one; one that runs already
    goes on."""

    TYPE = 0xB9
    NAME = "SENSOR_START"
    LAYOUT = Layout("I")

    #: the running stream
    stream: int


@dataclass(frozen=True)
class SensorStopRequest(Body):
    """Request SENSOR_STOP. Ends a stream; one that does not run has ended."""

    TYPE = 0x3A
    NAME = "SENSOR_STOP"
    LAYOUT = Layout("I")

    #: the stream meant
    stream: int


@dataclass(frozen=True)
class SensorStopReply(Body):
    """Reply SENSOR_STOP. Ends a stream; one that does not run has ended."""

    TYPE = 0xBA
    NAME = "SENSOR_STOP"
    LAYOUT = Layout("I")

    #: the running stream, 0: none
    stream: int


@dataclass(frozen=True)
class SensorSamplesRequest(Body):
    """Request SENSOR_SAMPLES. Samples of a stream from a number on, as many as are there and
    fit a frame."""

    TYPE = 0x3B
    NAME = "SENSOR_SAMPLES"
    LAYOUT = Layout("I I")

    #: the stream meant
    stream: int
    #: number of the first sample wanted
    first: int


@dataclass(frozen=True)
class SensorSamplesReply(Body):
    """Reply SENSOR_SAMPLES. Samples of a stream from a number on, as many as are there and fit
    a frame."""

    TYPE = 0xBB
    NAME = "SENSOR_SAMPLES"
    LAYOUT = Layout("I I I I", "bytes")

    #: number of the first sample here; larger: those before are lost
    first: int
    #: samples of the stream so far: the number of the next one
    taken: int
    #: times that samples were lost before they had a number
    breaks: int
    #: number of the first sample after the last of these
    gap: int
    #: per sample: u32 µs (taken out of the FIFO), i16[6] counts
    data: bytes


@dataclass(frozen=True)
class SensorTestRequest(Body):
    """Request SENSOR_TEST. Begins a self-test, ending a stream, or says how the one of that
    number goes."""

    TYPE = 0x3C
    NAME = "SENSOR_TEST"
    LAYOUT = Layout("I")

    #: a number of the host's choice, not 0
    test: int


@dataclass(frozen=True)
class SensorTestReply(Body):
    """Reply SENSOR_TEST. Begins a self-test, ending a stream, or says how the one of that
    number goes."""

    TYPE = 0xBC
    NAME = "SENSOR_TEST"
    LAYOUT = Layout("B f f 6h 6h 2f 2f")

    #: a SensorVerdict
    verdict: int
    #: g per count
    accel_unit: float
    #: degrees per second per count, in the test's range
    gyro_unit: float
    #: mean of each value without the test's force, counts
    off: tuple[int, ...]
    #: the same with it
    on: tuple[int, ...]
    #: least and largest change that passes, g
    accel_limits: tuple[int, ...]
    #: the same, degrees per second
    gyro_limits: tuple[int, ...]


@dataclass(frozen=True)
class ResetRequest(Body):
    """Request RESET. Restarts the device once the reply has left."""

    TYPE = 0x3F
    NAME = "RESET"
    LAYOUT = Layout("I")

    #: the boot meant to end; another one: replied, nothing done
    boot_id: int


@dataclass(frozen=True)
class ResetReply(Body):
    """Reply RESET. Restarts the device once the reply has left."""

    TYPE = 0xBF
    NAME = "RESET"
    LAYOUT = Layout("")


@dataclass(frozen=True)
class ErrorReply(Body):
    """Reply ERROR. A request, or a frame, was refused."""

    TYPE = 0xFF
    NAME = "ERROR"
    LAYOUT = Layout("B B I", "str")

    #: type of the request that was refused, 0 for a frame not understood
    request: int
    #: an ErrorCode
    code: int
    #: a number that goes with the code
    detail: int
    #: the reason, for people
    text: str
