/* The requests to the motion sensor. The sensor goes on by itself between them; a sample's number
 * never comes to mean another sample, so that a repeated request cannot mislead. */
#include "wire_exchange.h"

static const struct wire_sensor_ops *find_sensor(struct wire_exchange *x) {
    if (x->config->ops.sensor == NULL)
        wire_refuse(x, WIRE_ERROR_CODE_UNSUPPORTED, 0, "this firmware drives no sensor");
    return x->config->ops.sensor;
}

static void refuse_sensor(struct wire_exchange *x, const char *text) {
    struct wire_sensor_reply status = {0};
    (void)x->config->ops.sensor->status(&status);
    wire_refuse(x, WIRE_ERROR_CODE_SENSOR, status.stream, text);
}

static bool check_number(struct wire_exchange *x, uint32_t number) {
    return number != 0U || wire_refuse(x, WIRE_ERROR_CODE_BAD_ARGUMENT, UINT32_MAX, "number 0");
}

void wire_sensor(struct wire_exchange *x) {
    const struct wire_sensor_ops *sensor = find_sensor(x);
    if (sensor == NULL)
        return;
    struct wire_sensor_reply reply = {0};
    const char *name = sensor->status(&reply);
    wire_sensor_reply_pack(x->reply, &reply);
    wire_put_names(x, WIRE_SENSOR_REPLY_SIZE, &name, 1);
}

void wire_sensor_start(struct wire_exchange *x) {
    const uint32_t stream = wire_sensor_start_request_unpack(x->body).stream;
    const struct wire_sensor_ops *sensor = find_sensor(x);
    if (sensor == NULL || !check_number(x, stream))
        return;
    if (!sensor->start(stream)) {
        refuse_sensor(x, "no sensor answers");
        return;
    }
    wire_sensor_start_reply_pack(x->reply, &(struct wire_sensor_start_reply){.stream = stream});
    x->reply_size = WIRE_SENSOR_START_REPLY_SIZE;
}

void wire_sensor_stop(struct wire_exchange *x) {
    const struct wire_sensor_ops *sensor = find_sensor(x);
    if (sensor == NULL)
        return;
    const struct wire_sensor_stop_reply reply = {
        .stream = sensor->stop(wire_sensor_stop_request_unpack(x->body).stream)};
    wire_sensor_stop_reply_pack(x->reply, &reply);
    x->reply_size = WIRE_SENSOR_STOP_REPLY_SIZE;
}

void wire_sensor_samples(struct wire_exchange *x) {
    const struct wire_sensor_samples_request request = wire_sensor_samples_request_unpack(x->body);
    const struct wire_sensor_ops *sensor = find_sensor(x);
    if (sensor == NULL)
        return;
    struct wire_sensor_samples_reply reply = {0};
    size_t size = WIRE_MAX_BODY - WIRE_SENSOR_SAMPLES_REPLY_SIZE;
    uint8_t *data = x->reply + WIRE_SENSOR_SAMPLES_REPLY_SIZE;
    if (!sensor->samples(&request, &reply, data, &size)) {
        refuse_sensor(x, "no such stream");
        return;
    }
    wire_sensor_samples_reply_pack(x->reply, &reply);
    x->reply_size = WIRE_SENSOR_SAMPLES_REPLY_SIZE + size;
}

void wire_sensor_test(struct wire_exchange *x) {
    const uint32_t test = wire_sensor_test_request_unpack(x->body).test;
    const struct wire_sensor_ops *sensor = find_sensor(x);
    if (sensor == NULL || !check_number(x, test))
        return;
    struct wire_sensor_test_reply reply = {0};
    if (!sensor->test(test, &reply)) {
        refuse_sensor(x, "no sensor answers");
        return;
    }
    wire_sensor_test_reply_pack(x->reply, &reply);
    x->reply_size = WIRE_SENSOR_TEST_REPLY_SIZE;
}
