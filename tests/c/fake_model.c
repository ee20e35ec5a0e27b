#include "fake_model.h"

#include <stdlib.h>
#include <string.h>

static int8_t input[FAKE_MAX_INPUT], doubled[FAKE_MAX_INPUT], sums[FAKE_MAX_INPUT];
static int8_t tail[FAKE_OUTPUT], state;
static struct nn_layer layers[FAKE_MAX_LAYERS];
static uint32_t input_size, cycle;
static int32_t failing_layer;

static int8_t wrap(int value) {
    return (int8_t)(uint8_t)((unsigned)value & 0xFFu);
}

static int fail(void) {
    return 7;
}

static int run_double(void) {
    for (uint32_t i = 0; i < input_size; i++)
        doubled[i] = wrap(2 * input[i]);
    return 0;
}

static int run_sum(void) {
    for (uint32_t i = 0; i < input_size; i++) {
        state = wrap(state + doubled[i]);
        sums[i] = state;
    }
    return 0;
}

static int run_add(void) {
    for (uint32_t i = 0; i < FAKE_OUTPUT; i++)
        tail[i] = wrap(doubled[i] + sums[i]);
    return 0;
}

static int run_next(void) {
    for (uint32_t i = 0; i < FAKE_OUTPUT; i++)
        tail[i] = wrap(tail[i] + 1);
    return 0;
}

static void reset(void) {
    state = 0;
}

static void preprocess(const int16_t *raw, int8_t *to) {
    for (uint32_t i = 0; i < input_size; i++)
        to[i] = wrap(raw[i] + 3);
}

static void list_layers(uint16_t count) {
    static struct nn_input from_input[1], from_doubled[1], from_both[2], from_tail[1];
    const uint16_t n = (uint16_t)input_size;
    from_input[0] = (struct nn_input){input, n};
    from_doubled[0] = from_both[0] = (struct nn_input){doubled, n};
    from_both[1] = (struct nn_input){sums, n};
    from_tail[0] = (struct nn_input){tail, FAKE_OUTPUT};
    layers[0] =
        (struct nn_layer){"double", "DOUBLE", doubled, n, from_input, 1, {n}, 5, run_double};
    layers[1] = (struct nn_layer){"sum", "SUM", sums, n, from_doubled, 1, {n}, 6, run_sum};
    layers[2] = (struct nn_layer){"add", "ADD",  tail, FAKE_OUTPUT, from_both, 2, {1, FAKE_OUTPUT},
                                  7,     run_add};
    for (uint16_t i = 3; i < count; i++)
        layers[i] =
            (struct nn_layer){"next", "NEXT", tail, FAKE_OUTPUT, from_tail, 1, {1, 8}, 8, run_next};
    if (failing_layer >= 0)
        layers[failing_layer].run = fail;
}

/* Each call is three cycles later than the last, near the wrap-around. */
static uint32_t cycles(void) {
    return cycle += 3;
}

static void memory(struct wire_memory_reply *reply) {
    *reply = (struct wire_memory_reply){
        .flash_used = 11, .ram_static = 12, .stack_size = 14, .stack_peak = 15};
}

static void last_fault(struct wire_last_fault_reply *reply) {
    *reply = (struct wire_last_fault_reply){.count = 2,
                                            .exception = 3,
                                            .pc = 0x08001234,
                                            .lr = 0x08005679,
                                            .sp = 0x20017FE0,
                                            .psr = 0x21000000,
                                            .cfsr = 0x8200,
                                            .hfsr = 0x40000000,
                                            .address = 0xDEADBEEF,
                                            .r = {1, 2, 3, 4, 0xFFFFFFFF}};
}

static void link_counts(struct wire_link_reply *reply) {
    reply->overruns = 21;
    reply->line_errors = 22;
}

/* A sensor that runs stream 5, whose sample n has the values n to n + 5, and keeps samples 2 to 99.
 */
enum { STREAM = 5, OLDEST = 2, TAKEN = 100, SAMPLE_SIZE = 16 };

static const char *sensor_status(struct wire_sensor_reply *reply) {
    *reply = (struct wire_sensor_reply){.state = WIRE_SENSOR_STATE_RUNNING,
                                        .id = 0x68,
                                        .accel_range = 8,
                                        .gyro_range = 2000,
                                        .accel_unit = 0.25f,
                                        .gyro_unit = 0.5f,
                                        .rate = 119000,
                                        .fifo = 32,
                                        .ring = 256,
                                        .stream = STREAM,
                                        .taken = TAKEN,
                                        .overruns = 3,
                                        .bus_errors = 4};
    return "fakesensor";
}

static bool sensor_start(uint32_t stream) {
    return stream == STREAM;
}

static uint32_t sensor_stop(uint32_t stream) {
    return stream == STREAM ? 0 : STREAM;
}

static bool sensor_samples(const struct wire_sensor_samples_request *request,
                           struct wire_sensor_samples_reply *reply, uint8_t *data, size_t *size) {
    if (request->stream != STREAM)
        return false;
    *reply = (struct wire_sensor_samples_reply){.first = request->first > OLDEST ? request->first
                                                                                 : OLDEST,
                                                .taken = TAKEN,
                                                .breaks = 1,
                                                .gap = 7};
    size_t used = 0;
    for (uint32_t n = reply->first; n < TAKEN && used + SAMPLE_SIZE <= *size; n++) {
        wire_put_u32(data + used, 1000 * n);
        for (uint32_t i = 0; i < 6; i++)
            wire_put_i16(data + used + 4 + 2 * i, (int16_t)(n + i));
        used += SAMPLE_SIZE;
    }
    *size = used;
    return true;
}

static bool sensor_test(uint32_t test, struct wire_sensor_test_reply *reply) {
    *reply = (struct wire_sensor_test_reply){.verdict = WIRE_SENSOR_VERDICT_PASSED,
                                             .accel_unit = 0.25f,
                                             .gyro_unit = 0.5f,
                                             .off = {1, -2, 3, -4, 5, -6},
                                             .on = {11, 12, 13, 14, 15, 16},
                                             .accel_limits = {0.5f, 2},
                                             .gyro_limits = {16, 256}};
    return test == STREAM;
}

static const struct wire_sensor_ops sensor = {sensor_status, sensor_start, sensor_stop,
                                              sensor_samples, sensor_test};

void fake_device_init(struct fake_device *device, const struct fake_options *options) {
    memset(device, 0, sizeof *device);
    input_size = options->input_size;
    failing_layer = options->failing_layer;
    cycle = UINT32_MAX - 7;
    list_layers(options->layers);
    device->model = (struct nn_model){
        .name = "fake",
        .input_size = input_size,
        .output_size = FAKE_OUTPUT,
        .input_scale = 0.5f,
        .output_scale = 1.0f / 256,
        .input_zero_point = -3,
        .output_zero_point = -128,
        .arena_size = 13,
        .input = input,
        .output = tail,
        .layers = layers,
        .layer_count = options->layers,
        .reset = reset,
        .preprocess = options->has_preprocessing ? preprocess : NULL,
        .raw_size = options->has_preprocessing ? 2 * input_size : 0,
        .raw_unit = "millifakes",
    };
    for (unsigned i = 0; i < sizeof device->model.hash; i++)
        device->model.hash[i] = (uint8_t)i;
    device->config = (struct wire_config){
        .model = &device->model,
        .identity = {.board = "fakeboard",
                     .firmware_version = "1.2.3",
                     .firmware_hash = {8, 7, 6, 5, 4, 3, 2, 1},
                     .clock_hz = 64000000,
                     .boot_id = options->boot_id,
                     .device_id = 0x1122334455667788,
                     .reset_cause = WIRE_RESET_CAUSE_SOFTWARE},
        .ops = {cycles, memory, last_fault, link_counts, options->has_no_sensor ? NULL : &sensor},
        .staging = device->staging,
        .staging_size = options->staging_size,
    };
    wire_server_init(&device->server, &device->config);
}

size_t fake_device_exchange(struct fake_device *device, const uint8_t *data, size_t size,
                            size_t piece, uint8_t *out, size_t room) {
    size_t total = 0;
    for (size_t used = 0, waiting; used < size;) {
        used += wire_server_feed(&device->server, data + used, size - used);
        const uint8_t *output;
        while (output = wire_server_output(&device->server, &waiting), waiting > 0) {
            const size_t taken = waiting < piece ? waiting : piece;
            if (total + taken > room)
                abort();
            memcpy(out + total, output, taken);
            total += taken;
            wire_server_sent(&device->server, taken);
        }
    }
    return total;
}
