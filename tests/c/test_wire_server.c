/* The server in memory, under the sanitizers; tests/wire holds the shared cases. */
#include <string.h>

#include "check.h"
#include "fake_model.h"

static struct fake_device device;
static uint8_t out[1 << 16];

static void start(void) {
    const struct fake_options options = {.input_size = 64,
                                         .layers = 4,
                                         .staging_size = FAKE_STAGING,
                                         .boot_id = 7,
                                         .has_preprocessing = 1,
                                         .failing_layer = -1};
    fake_device_init(&device, &options);
}

/* Sends one request; returns the type of the reply, whose frame is then in `decoder`. */
static int ask(struct wire_decoder *decoder, uint8_t type, const void *body, size_t size) {
    static struct wire_encoder encoder;
    size_t used;
    memcpy(wire_encoder_body(&encoder), body, size);
    const size_t line = wire_encoder_seal(&encoder, type, 9, size);
    const size_t came = fake_device_exchange(&device, encoder.data, line, 16, out, sizeof out);
    wire_decoder_init(decoder);
    return wire_decoder_feed(decoder, out, came, &used) == WIRE_DECODER_FRAME && used == came
               ? decoder->data[0]
               : -1;
}

static const uint8_t protocol[] = {WIRE_PROTOCOL_VERSION, 0};

TEST(hello_is_answered) {
    static struct wire_decoder decoder;
    start();
    CHECK_EQUAL(WIRE_HELLO | WIRE_REPLY_BIT, ask(&decoder, WIRE_HELLO, protocol, sizeof protocol));
    CHECK(decoder.size > WIRE_HEADER_SIZE + WIRE_HELLO_REPLY_SIZE);
    CHECK_EQUAL(WIRE_PROTOCOL_VERSION, decoder.data[WIRE_HEADER_SIZE]);
}

TEST(an_unknown_request_is_refused) {
    static struct wire_decoder decoder;
    start();
    CHECK_EQUAL(WIRE_ERROR, ask(&decoder, 0x7E, protocol, sizeof protocol));
    CHECK_EQUAL(0x7E, decoder.data[WIRE_HEADER_SIZE]);
    CHECK_EQUAL(WIRE_ERROR_CODE_UNKNOWN_TYPE, decoder.data[WIRE_HEADER_SIZE + 1]);
}

TEST(noise_and_random_requests_leave_it_working) {
    static struct wire_decoder decoder;
    static uint8_t body[WIRE_MAX_BODY];
    uint32_t seed = 1;
    start();
    for (unsigned round = 0; round < 20000; round++) {
        size_t size = (seed >> 8) % 80;
        for (size_t i = 0; i < size; i++) {
            seed = seed * 1664525u + 1013904223u;
            body[i] = (uint8_t)(seed >> 24);
        }
        seed = seed * 1664525u + 1013904223u;
        if (seed >> 31)
            (void)fake_device_exchange(&device, body, size, 1, out, sizeof out);
        else
            (void)ask(&decoder, (uint8_t)(seed >> 16 & 0x3F), body, size);
    }
    (void)fake_device_exchange(&device, (const uint8_t[]){0}, 1, 1, out, sizeof out);
    CHECK_EQUAL(WIRE_HELLO | WIRE_REPLY_BIT, ask(&decoder, WIRE_HELLO, protocol, sizeof protocol));
}
