/* What tests/wire/c_end.py calls through ctypes: allocation, and the headers' inlines. */
#include <stdlib.h>

#include "fake_model.h"
#include "wire_crc32.h"

/* Exact sizes, so that an overrun does not hide in slack. */
struct fake_device *c_device_new(const struct fake_options *options) {
    struct fake_device *device = malloc(sizeof *device);
    if (device)
        fake_device_init(device, options);
    return device;
}

int c_device_reset_wanted(const struct fake_device *device) {
    return wire_server_reset_wanted(&device->server);
}

size_t c_line_max(void) {
    return WIRE_LINE_MAX;
}

size_t c_ring_min(void) {
    return WIRE_RING_MIN;
}

struct wire_decoder *c_decoder_new(void) {
    struct wire_decoder *decoder = malloc(sizeof *decoder);
    if (decoder)
        wire_decoder_init(decoder);
    return decoder;
}

size_t c_decoder_size(const struct wire_decoder *decoder) {
    return decoder->size;
}

const uint8_t *c_decoder_data(const struct wire_decoder *decoder) {
    return decoder->data;
}

/* Encode one frame; return its bytes on the line. */
size_t c_encode(uint8_t type, uint16_t sequence, const uint8_t *body, size_t size, uint8_t *out) {
    struct wire_encoder encoder;
    memcpy(wire_encoder_body(&encoder), body, size);
    const size_t line = wire_encoder_seal(&encoder, type, sequence, size);
    memcpy(out, encoder.data, line);
    return line;
}

void c_free(void *memory) {
    free(memory);
}
