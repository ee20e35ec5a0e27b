/* What of the server and its frames cannot be seen from the line; the rest is in tests/wire. */
#include <string.h>

#include "check.h"
#include "fake_model.h"
#include "wire_crc32.h"

static struct fake_device device;

static void begin(void) {
    const struct fake_options options = {.input_size = 8,
                                         .layers = 3,
                                         .staging_size = FAKE_STAGING,
                                         .boot_id = 77,
                                         .has_preprocessing = 1,
                                         .failing_layer = -1};
    fake_device_init(&device, &options);
}

static size_t frame(uint8_t type, const void *body, size_t size, struct wire_encoder *encoder) {
    memcpy(wire_encoder_body(encoder), body, size);
    return wire_encoder_seal(encoder, type, 1, size);
}

static size_t waiting(void) {
    size_t size;
    (void)wire_server_output(&device.server, &size);
    return size;
}

TEST(crc_of_the_standard_check_string) {
    CHECK_EQUAL(0, wire_crc32(0, NULL, 0));
    CHECK_EQUAL(0xCBF43926, wire_crc32(0, "123456789", 9));
}

TEST(the_body_in_the_encoder_is_aligned) {
    struct wire_encoder encoder;
    CHECK_EQUAL(0, (uintptr_t)wire_encoder_body(&encoder) % 8);
}

TEST(a_new_server_has_nothing_to_say) {
    begin();
    CHECK_EQUAL(0, waiting());
    CHECK_EQUAL(0, wire_server_feed(&device.server, NULL, 0));
    CHECK(!wire_server_reset_wanted(&device.server));
}

TEST(no_byte_is_taken_while_a_reply_waits) {
    begin();
    struct wire_encoder encoder;
    const size_t size = frame(WIRE_MEMORY, "", 0, &encoder);
    CHECK_EQUAL(size, wire_server_feed(&device.server, encoder.data, size));
    for (size_t left = waiting(); left > 0; left--) {
        CHECK_EQUAL(left, waiting());
        CHECK_EQUAL(0, wire_server_feed(&device.server, encoder.data, size));
        wire_server_sent(&device.server, 1);
    }
    CHECK_EQUAL(size, wire_server_feed(&device.server, encoder.data, size));
    CHECK_EQUAL(2, device.server.frames);
}

TEST(a_request_is_served_before_the_bytes_behind_it_are_taken) {
    begin();
    struct wire_encoder encoder;
    const size_t size = frame(WIRE_MEMORY, "", 0, &encoder);
    memcpy(encoder.data + size, encoder.data, size);
    CHECK_EQUAL(size, wire_server_feed(&device.server, encoder.data, 2 * size));
}

TEST(a_reset_is_wanted_only_once_its_reply_is_taken) {
    begin();
    struct wire_encoder encoder;
    const size_t size = frame(WIRE_RESET, "\x4D\0\0", 4, &encoder);
    (void)wire_server_feed(&device.server, encoder.data, size);
    CHECK(!wire_server_reset_wanted(&device.server));
    wire_server_sent(&device.server, waiting() - 1);
    CHECK(!wire_server_reset_wanted(&device.server));
    wire_server_sent(&device.server, 1);
    CHECK(wire_server_reset_wanted(&device.server));
}

TEST(a_name_is_cut_to_128_bytes_and_a_missing_one_is_empty) {
    begin();
    char name[300];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    device.model.name = name;
    device.model.raw_unit = NULL;
    struct wire_encoder encoder;
    const size_t size = frame(WIRE_HELLO, "\1", 2, &encoder);
    (void)wire_server_feed(&device.server, encoder.data, size);
    struct wire_decoder decoder;
    size_t used, length;
    wire_decoder_init(&decoder);
    const uint8_t *output = wire_server_output(&device.server, &length);
    CHECK_EQUAL(WIRE_DECODER_FRAME, wire_decoder_feed(&decoder, output, length, &used));
    const char *names = (const char *)decoder.data + WIRE_HEADER_SIZE + WIRE_HELLO_REPLY_SIZE;
    CHECK_EQUAL(strlen("fakeboard") + 1 + 128 + 1 + strlen("1.2.3") + 1,
                decoder.size - WIRE_HEADER_SIZE - WIRE_HELLO_REPLY_SIZE);
    CHECK_EQUAL(128, strlen(names + strlen("fakeboard") + 1));
}

/* A whole window of the largest frames, as it may stand in the receive ring. */
TEST(the_ring_holds_the_credits) {
    begin();
    static uint8_t body[WIRE_MAX_BODY], ring[WIRE_RING_MIN];
    memset(body, 0x55, sizeof body);
    struct wire_encoder encoder;
    const size_t size = frame(WIRE_DISCARD, body, sizeof body, &encoder);
    for (size_t i = 0; i < WIRE_CREDITS; i++)
        memcpy(ring + i * size, encoder.data, size);
    for (size_t used = 0; used < sizeof ring;) {
        used += wire_server_feed(&device.server, ring + used, sizeof ring - used);
        wire_server_sent(&device.server, waiting());
    }
    CHECK_EQUAL(WIRE_CREDITS, device.server.frames);
    CHECK_EQUAL(0, device.server.bad_frames);
}
