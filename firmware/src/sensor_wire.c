#include "sensor_wire.h"

#include "hal.h"
#include "sensor.h"

#define RADIANS_PER_DEGREE 0.017453292519943295f
#define BYTES_PER_SAMPLE (4U + 2U * SENSOR_VALUES)

static struct sensor sensor;

/* The states and verdicts go over the wire as they are. */
_Static_assert((int)SENSOR_ABSENT == (int)WIRE_SENSOR_STATE_ABSENT, "sensor states");
_Static_assert((int)SENSOR_FAILED == (int)WIRE_SENSOR_STATE_FAILED, "sensor states");
_Static_assert((int)SENSOR_NOT_PASSED == (int)WIRE_SENSOR_VERDICT_NOT_PASSED, "verdicts");

static float micro(uint32_t value) {
    return (float)value * 1e-6f;
}

static uint32_t running_stream(void) {
    return sensor.state == SENSOR_RUNNING ? sensor.stream : 0U;
}

static const char *status(struct wire_sensor_reply *reply) {
    (void)sensor_probe(&sensor);
    reply->state = (uint8_t)sensor.state;
    reply->id = sensor.id;
    reply->accel_range = SENSOR_ACCEL_RANGE_G;
    reply->gyro_range = SENSOR_GYRO_RANGE_DPS;
    reply->accel_unit = micro(SENSOR_ACCEL_UNIT_UG);
    reply->gyro_unit = micro(SENSOR_GYRO_UNIT_UDPS) * RADIANS_PER_DEGREE;
    reply->rate = sensor.chip ? sensor.chip->rate_millihertz : 0U;
    reply->fifo = sensor.chip ? sensor.chip->fifo : 0U;
    reply->ring = SENSOR_RING;
    reply->stream = running_stream();
    reply->taken = sensor.taken;
    reply->overruns = sensor.overruns;
    reply->bus_errors = sensor.bus_errors;
    return sensor.chip ? sensor.chip->name : "none";
}

static bool start(uint32_t stream) {
    return sensor_start(&sensor, stream);
}

static uint32_t stop(uint32_t stream) {
    if (running_stream() == stream)
        sensor_stop(&sensor);
    return running_stream();
}

static void put_sample(uint8_t *data, const struct sensor_sample *sample) {
    wire_put_u32(data, sample->time);
    for (size_t i = 0; i < SENSOR_VALUES; i++)
        wire_put_i16(data + 4U + 2U * i, sample->value[i]);
}

static bool samples(const struct wire_sensor_samples_request *request,
                    struct wire_sensor_samples_reply *reply, uint8_t *data, size_t *size) {
    if (running_stream() != request->stream || request->stream == 0U)
        return false;
    const uint32_t oldest = sensor_oldest(&sensor);
    uint32_t number = request->first > oldest ? request->first : oldest;
    reply->first = number;
    reply->taken = sensor.taken;
    reply->breaks = sensor.breaks;
    reply->gap = sensor.gap;
    size_t used = 0;
    for (; number < sensor.taken && used + BYTES_PER_SAMPLE <= *size; number++) {
        put_sample(data + used, sensor_get(&sensor, number));
        used += BYTES_PER_SAMPLE;
    }
    *size = used;
    return true;
}

static bool test(uint32_t number, struct wire_sensor_test_reply *reply) {
    if (!sensor_test_start(&sensor, number))
        return false;
    const struct sensor_limits *limits = &sensor.chip->limits;
    reply->verdict = (uint8_t)sensor.test.verdict;
    reply->accel_unit = micro(SENSOR_ACCEL_UNIT_UG);
    reply->gyro_unit = micro(sensor.chip->test_gyro_udps);
    memcpy(reply->off, sensor.test.off, sizeof reply->off);
    memcpy(reply->on, sensor.test.on, sizeof reply->on);
    reply->accel_limits[0] = (float)limits->accel_min * 1e-3f;
    reply->accel_limits[1] = (float)limits->accel_max * 1e-3f;
    reply->gyro_limits[0] = (float)limits->gyro_min * 1e-3f;
    reply->gyro_limits[1] = (float)limits->gyro_max * 1e-3f;
    return true;
}

const struct wire_sensor_ops *sensor_wire_start(void) {
    static const struct wire_sensor_ops ops = {status, start, stop, samples, test};
    const struct hal_sensor board = hal_sensor();
    sensor_init(&sensor, board.chip, board.port);
    return &ops;
}

void sensor_wire_poll(void) {
    sensor_poll(&sensor);
}
