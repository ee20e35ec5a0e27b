/* Messages of the wire protocol.
 * Generated from hil/wire/schema.py by `python -m hil.wire.emit`. */
#ifndef WIRE_SCHEMA_H
#define WIRE_SCHEMA_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WIRE_PROTOCOL_VERSION 1
#define WIRE_REPLY_BIT 0x80u
#define WIRE_HEADER_SIZE 3u
#define WIRE_TRAILER_SIZE 4u
#define WIRE_MAX_BODY 1024u
#define WIRE_CREDITS 4u
#define WIRE_INPUT_LAYER 0xFFFFu

/* Why a request was refused. */
enum wire_error_code {
    /* a frame failed its CRC, its COBS or its length; sequence number is 0 */
    WIRE_ERROR_CODE_BAD_FRAME = 1,
    /* no such request; detail: the type */
    WIRE_ERROR_CODE_UNKNOWN_TYPE = 2,
    /* the body is too short or too long; detail: the length expected */
    WIRE_ERROR_CODE_BAD_LENGTH = 3,
    /* a field is out of range; detail: its largest legal value */
    WIRE_ERROR_CODE_BAD_ARGUMENT = 4,
    /* the input is not of the model's size; detail: that size in bytes */
    WIRE_ERROR_CODE_INPUT_SIZE = 5,
    /* the staging buffer does not hold these bytes; detail: its present CRC-32 */
    WIRE_ERROR_CODE_STAGING = 6,
    /* more than the staging buffer or a frame holds; detail: what fits */
    WIRE_ERROR_CODE_TOO_LARGE = 7,
    /* this firmware or model cannot do that; detail: 0 */
    WIRE_ERROR_CODE_UNSUPPORTED = 8,
    /* the model returned an error; detail: its return value */
    WIRE_ERROR_CODE_INVOKE = 9,
    /* no sensor answers, or no such stream; detail: the running one, 0: none */
    WIRE_ERROR_CODE_SENSOR = 10,
};

/* The int8 arithmetic the device's model was built with. */
enum wire_arithmetic {
    /* TFLM's reference kernels: gemmlowp's double rounding */
    WIRE_ARITHMETIC_TFLM_REFERENCE = 1,
};

/* What the input bytes of a request are. */
enum wire_data_form {
    /* the model's int8 input */
    WIRE_DATA_FORM_INT8 = 0,
    /* int16 sensor counts; the device does the preprocessing */
    WIRE_DATA_FORM_RAW = 1,
    /* as INT8, taken from the staging buffer; data is its CRC-32 */
    WIRE_DATA_FORM_STAGED_INT8 = 2,
    /* as RAW, taken from the staging buffer; data is its CRC-32 */
    WIRE_DATA_FORM_STAGED_RAW = 3,
};

/* Why the device last started. */
enum wire_reset_cause {
    /* power came on */
    WIRE_RESET_CAUSE_POWER_ON = 0,
    /* the reset pin */
    WIRE_RESET_CAUSE_PIN = 1,
    /* a reset request */
    WIRE_RESET_CAUSE_SOFTWARE = 2,
    /* the fault handler; LAST_FAULT has the registers */
    WIRE_RESET_CAUSE_FAULT = 3,
    /* the watchdog */
    WIRE_RESET_CAUSE_WATCHDOG = 4,
    /* none of the above */
    WIRE_RESET_CAUSE_OTHER = 5,
    /* breaks on the line, while it hung; LAST_FAULT has the place */
    WIRE_RESET_CAUSE_HANG = 6,
};

/* What the motion sensor does. */
enum wire_sensor_state {
    /* nobody answers on its bus, or another chip */
    WIRE_SENSOR_STATE_ABSENT = 0,
    /* there, and asleep */
    WIRE_SENSOR_STATE_IDLE = 1,
    /* takes samples */
    WIRE_SENSOR_STATE_RUNNING = 2,
    /* tests itself */
    WIRE_SENSOR_STATE_TESTING = 3,
    /* it answered once, and does not any more */
    WIRE_SENSOR_STATE_FAILED = 4,
};

/* What the sensor's self-test said. */
enum wire_sensor_verdict {
    /* none was asked for */
    WIRE_SENSOR_VERDICT_UNTESTED = 0,
    /* not yet known: ask again */
    WIRE_SENSOR_VERDICT_UNDER_TEST = 1,
    /* every axis changed by what the limits allow */
    WIRE_SENSOR_VERDICT_PASSED = 2,
    /* an axis did not, or the test was cut short */
    WIRE_SENSOR_VERDICT_NOT_PASSED = 3,
};

static inline uint8_t wire_get_u8(const uint8_t *in) {
    return in[0];
}

static inline uint16_t wire_get_u16(const uint8_t *in) {
    return (uint16_t)(in[0] | in[1] << 8);
}

static inline uint32_t wire_get_u32(const uint8_t *in) {
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static inline void wire_put_u8(uint8_t *out, uint8_t value) {
    out[0] = value;
}

static inline void wire_put_u16(uint8_t *out, uint16_t value) {
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

static inline void wire_put_u32(uint8_t *out, uint32_t value) {
    wire_put_u16(out, (uint16_t)value);
    wire_put_u16(out + 2, (uint16_t)(value >> 16));
}

static inline void wire_put_i16(uint8_t *out, int16_t value) {
    wire_put_u16(out, (uint16_t)value);
}

static inline void wire_put_i32(uint8_t *out, int32_t value) {
    wire_put_u32(out, (uint32_t)value);
}

static inline void wire_put_u64(uint8_t *out, uint64_t value) {
    wire_put_u32(out, (uint32_t)value);
    wire_put_u32(out + 4, (uint32_t)(value >> 32));
}

static inline void wire_put_f32(uint8_t *out, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    wire_put_u32(out, bits);
}

/* Who is there. The first two reply fields never change, in any version. */
#define WIRE_HELLO 0x01u
#define WIRE_HELLO_REQUEST_SIZE 2u
#define WIRE_HELLO_REQUEST_TAIL 0

struct wire_hello_request {
    /* the host's protocol version */
    uint16_t protocol;
};

static inline struct wire_hello_request wire_hello_request_unpack(const uint8_t *in) {
    struct wire_hello_request v;
    v.protocol = wire_get_u16(in);
    return v;
}

#define WIRE_HELLO_REPLY_SIZE 97u

struct wire_hello_reply {
    /* the device's protocol version */
    uint16_t protocol;
    /* largest body of a frame, either way, in bytes */
    uint16_t max_body;
    /* requests that may be unanswered at once */
    uint8_t credits;
    /* an Arithmetic */
    uint8_t arithmetic;
    /* a ResetCause */
    uint8_t reset_cause;
    /* differs from one boot to the next */
    uint32_t boot_id;
    /* the chip's unique number (0: none) */
    uint64_t device_id;
    /* core clock */
    uint32_t clock_hz;
    /* bytes the staging buffer holds */
    uint32_t staging_size;
    /* bytes of the int8 input */
    uint32_t input_size;
    /* bytes of the int8 output */
    uint32_t output_size;
    /* bytes of a raw window; 0: no preprocessing on the device */
    uint32_t raw_size;
    /* real value of one step of the input */
    float input_scale;
    /* code of the real value 0 */
    int32_t input_zero_point;
    /* real value of one step of the output */
    float output_scale;
    /* code of the real value 0 */
    int32_t output_zero_point;
    /* entries of the layer table */
    uint16_t layer_count;
    /* SHA-256 of the .tflite the model was emitted from */
    uint8_t model_hash[32];
    /* start of the SHA-256 of the firmware's sources (0: a sketch of somebody's own) */
    uint8_t firmware_hash[8];
};

static inline void wire_hello_reply_pack(uint8_t *out, const struct wire_hello_reply *v) {
    wire_put_u16(out, v->protocol);
    wire_put_u16(out + 2, v->max_body);
    wire_put_u8(out + 4, v->credits);
    wire_put_u8(out + 5, v->arithmetic);
    wire_put_u8(out + 6, v->reset_cause);
    wire_put_u32(out + 7, v->boot_id);
    wire_put_u64(out + 11, v->device_id);
    wire_put_u32(out + 19, v->clock_hz);
    wire_put_u32(out + 23, v->staging_size);
    wire_put_u32(out + 27, v->input_size);
    wire_put_u32(out + 31, v->output_size);
    wire_put_u32(out + 35, v->raw_size);
    wire_put_f32(out + 39, v->input_scale);
    wire_put_i32(out + 43, v->input_zero_point);
    wire_put_f32(out + 47, v->output_scale);
    wire_put_i32(out + 51, v->output_zero_point);
    wire_put_u16(out + 55, v->layer_count);
    memcpy(out + 57, v->model_hash, sizeof v->model_hash);
    memcpy(out + 89, v->firmware_hash, sizeof v->firmware_hash);
}

/* Only acknowledges: measures the link. */
#define WIRE_DISCARD 0x02u
#define WIRE_DISCARD_REQUEST_SIZE 0u
#define WIRE_DISCARD_REQUEST_TAIL 1
#define WIRE_DISCARD_REPLY_SIZE 4u

struct wire_discard_reply {
    /* bytes received */
    uint32_t size;
};

static inline void wire_discard_reply_pack(uint8_t *out, const struct wire_discard_reply *v) {
    wire_put_u32(out, v->size);
}

/* Writes a piece of an input that is larger than a frame into the staging buffer. */
#define WIRE_STAGE 0x03u
#define WIRE_STAGE_REQUEST_SIZE 4u
#define WIRE_STAGE_REQUEST_TAIL 1

struct wire_stage_request {
    /* where the piece goes */
    uint32_t offset;
};

static inline struct wire_stage_request wire_stage_request_unpack(const uint8_t *in) {
    struct wire_stage_request v;
    v.offset = wire_get_u32(in);
    return v;
}

#define WIRE_STAGE_REPLY_SIZE 4u

struct wire_stage_reply {
    /* bytes the staging buffer holds */
    uint32_t size;
};

static inline void wire_stage_reply_pack(uint8_t *out, const struct wire_stage_reply *v) {
    wire_put_u32(out, v->size);
}

/* One inference. The model's state is reset before it. */
#define WIRE_INFER 0x10u
#define WIRE_INFER_REQUEST_SIZE 1u
#define WIRE_INFER_REQUEST_TAIL 1

struct wire_infer_request {
    /* a DataForm: what `data` is */
    uint8_t form;
};

static inline struct wire_infer_request wire_infer_request_unpack(const uint8_t *in) {
    struct wire_infer_request v;
    v.form = wire_get_u8(in);
    return v;
}

#define WIRE_INFER_REPLY_SIZE 8u

struct wire_infer_reply {
    /* DWT cycles of the invocation, without preprocessing */
    uint32_t cycles;
    /* CRC-32 of the int8 input the model got */
    uint32_t input_crc;
};

static inline void wire_infer_reply_pack(uint8_t *out, const struct wire_infer_reply *v) {
    wire_put_u32(out, v->cycles);
    wire_put_u32(out + 4, v->input_crc);
}

/* One inference with a CRC-32 of every layer's output. */
#define WIRE_TAP 0x20u
#define WIRE_TAP_REQUEST_SIZE 3u
#define WIRE_TAP_REQUEST_TAIL 1

struct wire_tap_request {
    /* first layer to report */
    uint16_t first;
    /* a DataForm: what `data` is */
    uint8_t form;
};

static inline struct wire_tap_request wire_tap_request_unpack(const uint8_t *in) {
    struct wire_tap_request v;
    v.first = wire_get_u16(in);
    v.form = wire_get_u8(in + 2);
    return v;
}

#define WIRE_TAP_REPLY_SIZE 4u

struct wire_tap_reply {
    /* CRC-32 of the int8 input the model got */
    uint32_t input_crc;
};

static inline void wire_tap_reply_pack(uint8_t *out, const struct wire_tap_reply *v) {
    wire_put_u32(out, v->input_crc);
}

/* Runs the model up to a layer and returns a piece of that layer's output. */
#define WIRE_READ_LAYER 0x21u
#define WIRE_READ_LAYER_REQUEST_SIZE 9u
#define WIRE_READ_LAYER_REQUEST_TAIL 1

struct wire_read_layer_request {
    /* index into the layer table; 0xFFFF: the quantized input */
    uint16_t layer;
    /* first byte wanted */
    uint32_t offset;
    /* bytes wanted */
    uint16_t length;
    /* a DataForm: what `data` is */
    uint8_t form;
};

static inline struct wire_read_layer_request wire_read_layer_request_unpack(const uint8_t *in) {
    struct wire_read_layer_request v;
    v.layer = wire_get_u16(in);
    v.offset = wire_get_u32(in + 2);
    v.length = wire_get_u16(in + 6);
    v.form = wire_get_u8(in + 8);
    return v;
}

#define WIRE_READ_LAYER_REPLY_SIZE 4u

struct wire_read_layer_reply {
    /* bytes of the whole tensor */
    uint32_t size;
};

static inline void wire_read_layer_reply_pack(uint8_t *out, const struct wire_read_layer_reply *v) {
    wire_put_u32(out, v->size);
}

/* Runs one layer alone, after a reset of its state, on inputs given one after the other. */
#define WIRE_RUN_LAYER 0x22u
#define WIRE_RUN_LAYER_REQUEST_SIZE 9u
#define WIRE_RUN_LAYER_REQUEST_TAIL 1

struct wire_run_layer_request {
    /* index into the layer table; 0xFFFF: the quantized input */
    uint16_t layer;
    /* first byte of the output wanted */
    uint32_t offset;
    /* bytes wanted */
    uint16_t length;
    /* a DataForm: what `data` is */
    uint8_t form;
};

static inline struct wire_run_layer_request wire_run_layer_request_unpack(const uint8_t *in) {
    struct wire_run_layer_request v;
    v.layer = wire_get_u16(in);
    v.offset = wire_get_u32(in + 2);
    v.length = wire_get_u16(in + 6);
    v.form = wire_get_u8(in + 8);
    return v;
}

#define WIRE_RUN_LAYER_REPLY_SIZE 8u

struct wire_run_layer_reply {
    /* bytes of the whole output */
    uint32_t size;
    /* CRC-32 of the whole output */
    uint32_t crc;
};

static inline void wire_run_layer_reply_pack(uint8_t *out, const struct wire_run_layer_reply *v) {
    wire_put_u32(out, v->size);
    wire_put_u32(out + 4, v->crc);
}

/* One inference with the DWT cycles of every layer. */
#define WIRE_CYCLES 0x23u
#define WIRE_CYCLES_REQUEST_SIZE 3u
#define WIRE_CYCLES_REQUEST_TAIL 1

struct wire_cycles_request {
    /* first layer to report */
    uint16_t first;
    /* a DataForm: what `data` is */
    uint8_t form;
};

static inline struct wire_cycles_request wire_cycles_request_unpack(const uint8_t *in) {
    struct wire_cycles_request v;
    v.first = wire_get_u16(in);
    v.form = wire_get_u8(in + 2);
    return v;
}

#define WIRE_CYCLES_REPLY_SIZE 4u

struct wire_cycles_reply {
    /* cycles of all layers, with a stamp taken after each */
    uint32_t total;
};

static inline void wire_cycles_reply_pack(uint8_t *out, const struct wire_cycles_reply *v) {
    wire_put_u32(out, v->total);
}

/* One entry of the layer table. */
#define WIRE_LAYER 0x24u
#define WIRE_LAYER_REQUEST_SIZE 2u
#define WIRE_LAYER_REQUEST_TAIL 0

struct wire_layer_request {
    /* index into the layer table; 0xFFFF: the quantized input */
    uint16_t layer;
};

static inline struct wire_layer_request wire_layer_request_unpack(const uint8_t *in) {
    struct wire_layer_request v;
    v.layer = wire_get_u16(in);
    return v;
}

#define WIRE_LAYER_REPLY_SIZE 18u

struct wire_layer_reply {
    /* index of the output tensor in the .tflite */
    uint16_t tensor;
    /* bytes of all inputs together */
    uint32_t input_size;
    /* bytes of the output */
    uint32_t output_size;
    /* shape of the output, unused places 0 */
    uint16_t shape[4];
};

static inline void wire_layer_reply_pack(uint8_t *out, const struct wire_layer_reply *v) {
    wire_put_u16(out, v->tensor);
    wire_put_u32(out + 2, v->input_size);
    wire_put_u32(out + 6, v->output_size);
    for (size_t i = 0; i < 4; i++) {
        wire_put_u16(out + 10 + 2 * i, v->shape[i]);
    }
}

/* Sizes as linked, and the high-water mark of the stack. */
#define WIRE_MEMORY 0x30u
#define WIRE_MEMORY_REQUEST_SIZE 0u
#define WIRE_MEMORY_REQUEST_TAIL 0
#define WIRE_MEMORY_REPLY_SIZE 20u

struct wire_memory_reply {
    /* bytes of the image */
    uint32_t flash_used;
    /* bytes of .data and .bss, the model's arena included */
    uint32_t ram_static;
    /* bytes of the model's activations and scratch */
    uint32_t arena;
    /* bytes reserved for the stack */
    uint32_t stack_size;
    /* bytes of it ever written */
    uint32_t stack_peak;
};

static inline void wire_memory_reply_pack(uint8_t *out, const struct wire_memory_reply *v) {
    wire_put_u32(out, v->flash_used);
    wire_put_u32(out + 4, v->ram_static);
    wire_put_u32(out + 8, v->arena);
    wire_put_u32(out + 12, v->stack_size);
    wire_put_u32(out + 16, v->stack_peak);
}

/* The registers that were saved before a fault, or a hang, reset the device. */
#define WIRE_LAST_FAULT 0x31u
#define WIRE_LAST_FAULT_REQUEST_SIZE 0u
#define WIRE_LAST_FAULT_REQUEST_TAIL 0
#define WIRE_LAST_FAULT_REPLY_SIZE 56u

struct wire_last_fault_reply {
    /* faults and hangs since power-on; 0: the rest is void */
    uint32_t count;
    /* IPSR: 3 HardFault, 4 MemManage, 5 BusFault, 6 UsageFault; 14: a hang */
    uint32_t exception;
    /* the instruction that faulted, or was next */
    uint32_t pc;
    /* return address */
    uint32_t lr;
    /* stack pointer before the exception */
    uint32_t sp;
    /* program status */
    uint32_t psr;
    /* configurable fault status */
    uint32_t cfsr;
    /* hard fault status */
    uint32_t hfsr;
    /* MMFAR or BFAR where CFSR says it is valid, else 0 */
    uint32_t address;
    /* r0, r1, r2, r3, r12 */
    uint32_t r[5];
};

static inline void wire_last_fault_reply_pack(uint8_t *out, const struct wire_last_fault_reply *v) {
    wire_put_u32(out, v->count);
    wire_put_u32(out + 4, v->exception);
    wire_put_u32(out + 8, v->pc);
    wire_put_u32(out + 12, v->lr);
    wire_put_u32(out + 16, v->sp);
    wire_put_u32(out + 20, v->psr);
    wire_put_u32(out + 24, v->cfsr);
    wire_put_u32(out + 28, v->hfsr);
    wire_put_u32(out + 32, v->address);
    for (size_t i = 0; i < 5; i++) {
        wire_put_u32(out + 36 + 4 * i, v->r[i]);
    }
}

/* What the device saw on the line since it started. */
#define WIRE_LINK 0x32u
#define WIRE_LINK_REQUEST_SIZE 0u
#define WIRE_LINK_REQUEST_TAIL 0
#define WIRE_LINK_REPLY_SIZE 16u

struct wire_link_reply {
    /* good frames received */
    uint32_t frames;
    /* frames refused (CRC, COBS, length) */
    uint32_t bad_frames;
    /* bytes lost: receiver overrun or a full ring */
    uint32_t overruns;
    /* framing, noise and break errors */
    uint32_t line_errors;
};

static inline void wire_link_reply_pack(uint8_t *out, const struct wire_link_reply *v) {
    wire_put_u32(out, v->frames);
    wire_put_u32(out + 4, v->bad_frames);
    wire_put_u32(out + 8, v->overruns);
    wire_put_u32(out + 12, v->line_errors);
}

/* The motion sensor: which, what it does, and what it has counted since the device started. */
#define WIRE_SENSOR 0x38u
#define WIRE_SENSOR_REQUEST_SIZE 0u
#define WIRE_SENSOR_REQUEST_TAIL 0
#define WIRE_SENSOR_REPLY_SIZE 38u

struct wire_sensor_reply {
    /* a SensorState */
    uint8_t state;
    /* what its WHO_AM_I register said */
    uint8_t id;
    /* of the accelerometer, ± g */
    uint16_t accel_range;
    /* of the gyroscope, ± degrees per second */
    uint16_t gyro_range;
    /* g per count */
    float accel_unit;
    /* rad/s per count */
    float gyro_unit;
    /* nominal samples in 1,000 seconds; the chip's own clock counts */
    uint32_t rate;
    /* samples the chip holds */
    uint16_t fifo;
    /* samples the device holds */
    uint16_t ring;
    /* the running stream, 0: none */
    uint32_t stream;
    /* samples of that stream so far */
    uint32_t taken;
    /* times that the chip's FIFO ran over */
    uint32_t overruns;
    /* transfers that the chip did not answer */
    uint32_t bus_errors;
};

static inline void wire_sensor_reply_pack(uint8_t *out, const struct wire_sensor_reply *v) {
    wire_put_u8(out, v->state);
    wire_put_u8(out + 1, v->id);
    wire_put_u16(out + 2, v->accel_range);
    wire_put_u16(out + 4, v->gyro_range);
    wire_put_f32(out + 6, v->accel_unit);
    wire_put_f32(out + 10, v->gyro_unit);
    wire_put_u32(out + 14, v->rate);
    wire_put_u16(out + 18, v->fifo);
    wire_put_u16(out + 20, v->ring);
    wire_put_u32(out + 22, v->stream);
    wire_put_u32(out + 26, v->taken);
    wire_put_u32(out + 30, v->overruns);
    wire_put_u32(out + 34, v->bus_errors);
}

/* Begins a stream of samples, ending another one; one that runs already goes on. */
#define WIRE_SENSOR_START 0x39u
#define WIRE_SENSOR_START_REQUEST_SIZE 4u
#define WIRE_SENSOR_START_REQUEST_TAIL 0

struct wire_sensor_start_request {
    /* a number of the host's choice, not 0: another one begins anew */
    uint32_t stream;
};

static inline struct wire_sensor_start_request wire_sensor_start_request_unpack(const uint8_t *in) {
    struct wire_sensor_start_request v;
    v.stream = wire_get_u32(in);
    return v;
}

#define WIRE_SENSOR_START_REPLY_SIZE 4u

struct wire_sensor_start_reply {
    /* the running stream */
    uint32_t stream;
};

static inline void wire_sensor_start_reply_pack(uint8_t *out,
                                                const struct wire_sensor_start_reply *v) {
    wire_put_u32(out, v->stream);
}

/* Ends a stream; one that does not run has ended. */
#define WIRE_SENSOR_STOP 0x3Au
#define WIRE_SENSOR_STOP_REQUEST_SIZE 4u
#define WIRE_SENSOR_STOP_REQUEST_TAIL 0

struct wire_sensor_stop_request {
    /* the stream meant */
    uint32_t stream;
};

static inline struct wire_sensor_stop_request wire_sensor_stop_request_unpack(const uint8_t *in) {
    struct wire_sensor_stop_request v;
    v.stream = wire_get_u32(in);
    return v;
}

#define WIRE_SENSOR_STOP_REPLY_SIZE 4u

struct wire_sensor_stop_reply {
    /* the running stream, 0: none */
    uint32_t stream;
};

static inline void wire_sensor_stop_reply_pack(uint8_t *out,
                                               const struct wire_sensor_stop_reply *v) {
    wire_put_u32(out, v->stream);
}

/* Samples of a stream from a number on, as many as are there and fit a frame. */
#define WIRE_SENSOR_SAMPLES 0x3Bu
#define WIRE_SENSOR_SAMPLES_REQUEST_SIZE 8u
#define WIRE_SENSOR_SAMPLES_REQUEST_TAIL 0

struct wire_sensor_samples_request {
    /* the stream meant */
    uint32_t stream;
    /* number of the first sample wanted */
    uint32_t first;
};

static inline struct wire_sensor_samples_request
wire_sensor_samples_request_unpack(const uint8_t *in) {
    struct wire_sensor_samples_request v;
    v.stream = wire_get_u32(in);
    v.first = wire_get_u32(in + 4);
    return v;
}

#define WIRE_SENSOR_SAMPLES_REPLY_SIZE 16u

struct wire_sensor_samples_reply {
    /* number of the first sample here; larger: those before are lost */
    uint32_t first;
    /* samples of the stream so far: the number of the next one */
    uint32_t taken;
    /* times that samples were lost before they had a number */
    uint32_t breaks;
    /* number of the first sample after the last of these */
    uint32_t gap;
};

static inline void wire_sensor_samples_reply_pack(uint8_t *out,
                                                  const struct wire_sensor_samples_reply *v) {
    wire_put_u32(out, v->first);
    wire_put_u32(out + 4, v->taken);
    wire_put_u32(out + 8, v->breaks);
    wire_put_u32(out + 12, v->gap);
}

/* Begins a self-test, ending a stream, or says how the one of that number goes. */
#define WIRE_SENSOR_TEST 0x3Cu
#define WIRE_SENSOR_TEST_REQUEST_SIZE 4u
#define WIRE_SENSOR_TEST_REQUEST_TAIL 0

struct wire_sensor_test_request {
    /* a number of the host's choice, not 0 */
    uint32_t test;
};

static inline struct wire_sensor_test_request wire_sensor_test_request_unpack(const uint8_t *in) {
    struct wire_sensor_test_request v;
    v.test = wire_get_u32(in);
    return v;
}

#define WIRE_SENSOR_TEST_REPLY_SIZE 49u

struct wire_sensor_test_reply {
    /* a SensorVerdict */
    uint8_t verdict;
    /* g per count */
    float accel_unit;
    /* degrees per second per count, in the test's range */
    float gyro_unit;
    /* mean of each value without the test's force, counts */
    int16_t off[6];
    /* the same with it */
    int16_t on[6];
    /* least and largest change that passes, g */
    float accel_limits[2];
    /* the same, degrees per second */
    float gyro_limits[2];
};

static inline void wire_sensor_test_reply_pack(uint8_t *out,
                                               const struct wire_sensor_test_reply *v) {
    wire_put_u8(out, v->verdict);
    wire_put_f32(out + 1, v->accel_unit);
    wire_put_f32(out + 5, v->gyro_unit);
    for (size_t i = 0; i < 6; i++) {
        wire_put_i16(out + 9 + 2 * i, v->off[i]);
    }
    for (size_t i = 0; i < 6; i++) {
        wire_put_i16(out + 21 + 2 * i, v->on[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        wire_put_f32(out + 33 + 4 * i, v->accel_limits[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        wire_put_f32(out + 41 + 4 * i, v->gyro_limits[i]);
    }
}

/* Restarts the device once the reply has left. */
#define WIRE_RESET 0x3Fu
#define WIRE_RESET_REQUEST_SIZE 4u
#define WIRE_RESET_REQUEST_TAIL 0

struct wire_reset_request {
    /* the boot meant to end; another one: replied, nothing done */
    uint32_t boot_id;
};

static inline struct wire_reset_request wire_reset_request_unpack(const uint8_t *in) {
    struct wire_reset_request v;
    v.boot_id = wire_get_u32(in);
    return v;
}

#define WIRE_RESET_REPLY_SIZE 0u
/* A request, or a frame, was refused. */
#define WIRE_ERROR 0xFFu
#define WIRE_ERROR_REPLY_SIZE 6u

struct wire_error_reply {
    /* type of the request that was refused, 0 for a frame not understood */
    uint8_t request;
    /* an ErrorCode */
    uint8_t code;
    /* a number that goes with the code */
    uint32_t detail;
};

static inline void wire_error_reply_pack(uint8_t *out, const struct wire_error_reply *v) {
    wire_put_u8(out, v->request);
    wire_put_u8(out + 1, v->code);
    wire_put_u32(out + 2, v->detail);
}

#ifdef __cplusplus
}
#endif

#endif
