/* One request and its reply, inside the server. Not for those who use it. */
#ifndef WIRE_EXCHANGE_H
#define WIRE_EXCHANGE_H

#include "wire_server.h"

struct wire_exchange {
    struct wire_server *server;
    const struct wire_config *config;
    uint8_t type;        /* the request's; 0 for a frame that was not understood */
    const uint8_t *body; /* the request's: of the fixed size at least */
    size_t size;
    uint8_t *reply; /* WIRE_MAX_BODY bytes, aligned for any number */
    size_t reply_size;
    bool refused;
};

/* Make the reply an ERROR; return false, so that a handler can hand it on. */
bool wire_refuse(struct wire_exchange *x, enum wire_error_code code, uint32_t detail,
                 const char *text);

/* Write two or more names, NUL between, after `fixed` bytes of the reply; none is longer than
 * WIRE_NAME_MAX, so that four fit a frame. */
#define WIRE_NAME_MAX 128u
void wire_put_names(struct wire_exchange *x, size_t fixed, const char *const *names, size_t count);

/* Handlers of the requests that run the model, in wire_model.c. */
void wire_stage(struct wire_exchange *x);
void wire_infer(struct wire_exchange *x);
void wire_tap(struct wire_exchange *x);
void wire_read_layer(struct wire_exchange *x);
void wire_run_layer(struct wire_exchange *x);
void wire_cycles(struct wire_exchange *x);
void wire_layer(struct wire_exchange *x);

/* Handlers of the requests to the sensor, in wire_sensor.c. */
void wire_sensor(struct wire_exchange *x);
void wire_sensor_start(struct wire_exchange *x);
void wire_sensor_stop(struct wire_exchange *x);
void wire_sensor_samples(struct wire_exchange *x);
void wire_sensor_test(struct wire_exchange *x);

#endif
