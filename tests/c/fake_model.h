/* A model small enough to be computed by hand, for tests of the wire server; the same arithmetic
 * stands in tests/wire/fake_model.py. Bytes wrap around (two's complement). N is the input's size.
 *
 *   0 DOUBLE  out[i] = 2 · input[i]                                  N bytes
 *   1 SUM     out[i] = in[0] + … + in[i] + state; state = out[N-1]   N bytes, state 0 after reset
 *   2 ADD     out[i] = layer0[i] + layer1[i], i < 8                  8 bytes
 *   3…        NEXT: adds 1 to each of the 8 bytes, in place
 *
 * Preprocessing: input[i] = low byte of raw[i] + 3. */
#ifndef FAKE_MODEL_H
#define FAKE_MODEL_H

#include "wire_server.h"

enum { FAKE_MAX_INPUT = 4096, FAKE_OUTPUT = 8, FAKE_MAX_LAYERS = 600, FAKE_STAGING = 8192 };

/* A device: the server with everything around it. The tensors are shared by all of them. */
struct fake_device {
    struct nn_model model;
    struct wire_config config;
    struct wire_server server;
    _Alignas(4) uint8_t staging[FAKE_STAGING];
};

struct fake_options {
    uint32_t input_size;   /* 8 to FAKE_MAX_INPUT */
    uint16_t layers;       /* 3 to FAKE_MAX_LAYERS */
    uint32_t staging_size; /* to FAKE_STAGING */
    uint32_t boot_id;
    uint32_t has_preprocessing;
    int32_t failing_layer; /* returns 7; -1: none */
    uint32_t has_no_sensor;
};

void fake_device_init(struct fake_device *device, const struct fake_options *options);

/* Feed all of `data`, letting the output leave in pieces of at most `piece` bytes; return the bytes
 * that came out. `room` must hold them (checked). */
size_t fake_device_exchange(struct fake_device *device, const uint8_t *data, size_t size,
                            size_t piece, uint8_t *out, size_t room);

#endif
