/* The device's end of the wire protocol: bytes in, bytes out. No heap, no I/O, no globals: all
 * state is in `struct wire_server`, so a test can run many. The loop around it:
 *
 *     for (;;) {
 *         size_t size = hal_read(input, sizeof input);
 *         for (size_t used = 0; used < size;) {
 *             used += wire_server_feed(&server, input + used, size - used);
 *             flush(&server);    // wire_server_output → hal_write → wire_server_sent, until empty
 *         }
 *         if (size == 0)
 *             hal_sleep();
 *     }
 *
 * After `flush`, a loop must look at wire_server_reset_wanted: once the line is idle, reset. */
#ifndef WIRE_SERVER_H
#define WIRE_SERVER_H

#include "nn_model.h"
#include "wire_frame.h"
#include "wire_schema.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Who the device is; the model's part of HELLO comes from its descriptor. Strings are UTF-8. */
struct wire_identity {
    const char *board;            /* as `--board` spells it */
    const char *firmware_version; /* for people */
    uint8_t firmware_hash[8];
    uint32_t clock_hz;
    uint32_t boot_id; /* differs from one boot to the next */
    uint64_t device_id;
    uint8_t reset_cause; /* enum wire_reset_cause */
};

/* The motion sensor. `status` probes a sensor that is not at work, and returns its name. `start`
 * and `test` return false where no sensor answers. `stop` returns the stream that runs then, 0 for
 * none. `samples` returns false for a stream that does not run; `*size` is the room at `data`, then
 * what was used of it. */
struct wire_sensor_ops {
    const char *(*status)(struct wire_sensor_reply *status);
    bool (*start)(uint32_t stream);
    uint32_t (*stop)(uint32_t stream);
    bool (*samples)(const struct wire_sensor_samples_request *request,
                    struct wire_sensor_samples_reply *reply, uint8_t *data, size_t *size);
    bool (*test)(uint32_t test, struct wire_sensor_test_reply *reply);
};

/* What only the hardware knows. Each fills the fields named here; the server fills the rest. */
struct wire_ops {
    uint32_t (*cycles)(void);                                /* wrapping counter */
    void (*memory)(struct wire_memory_reply *memory);        /* all but `arena` */
    void (*last_fault)(struct wire_last_fault_reply *fault); /* all */
    void (*link)(struct wire_link_reply *link);              /* `overruns`, `line_errors` */
    const struct wire_sensor_ops *sensor;                    /* NULL: the firmware drives none */
};

struct wire_config {
    const struct nn_model *model;
    struct wire_identity identity;
    struct wire_ops ops;
    /* For inputs larger than a frame; aligned to 2 bytes at least (it may hold int16 samples).
     * A staged request that needs more than `staging_size` is refused with TOO_LARGE. */
    uint8_t *staging;
    uint32_t staging_size;
};

/* Its fields are the server's own. */
struct wire_server {
    const struct wire_config *config;
    uint32_t frames, bad_frames;
    size_t output_begin, output_end;
    bool bad_frame_told; /* since the last good frame: noise gets one answer, not a flood */
    bool reset_wanted;
    struct wire_decoder decoder;
    struct wire_encoder encoder;
};

/* `config` must outlive the server. */
void wire_server_init(struct wire_server *server, const struct wire_config *config);

/* Use bytes from the line; return how many. Stops after a request that was answered, and uses none
 * while a reply waits in the output: that is the backpressure. Runs the request before it returns.
 */
size_t wire_server_feed(struct wire_server *server, const uint8_t *data, size_t size);

/* The bytes that wait to be sent, `*size` of them (0: none). */
const uint8_t *wire_server_output(const struct wire_server *server, size_t *size);

/* `size` bytes of the output have been taken. */
void wire_server_sent(struct wire_server *server, size_t size);

/* True once a RESET for this boot was accepted and its reply taken; reset when it has left. */
bool wire_server_reset_wanted(const struct wire_server *server);

#ifdef __cplusplus
}
#endif

#endif
