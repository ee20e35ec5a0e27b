/* Frames, under the sanitizers; tests/wire holds the shared cases and the Python twin. */
#include <string.h>

#include "check.h"
#include "wire_crc32.h"
#include "wire_frame.h"

static uint32_t seed = 1;

/* Zeros are as frequent as COBS needs to be stressed. */
static uint8_t next_byte(void) {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 30 ? (uint8_t)(seed >> 16) : 0;
}

static size_t random_frame(struct wire_encoder *encoder, size_t body, uint8_t *copy) {
    for (size_t i = 0; i < body; i++)
        copy[i] = wire_encoder_body(encoder)[i] = next_byte();
    return wire_encoder_seal(encoder, 0x42, 0x1234, body);
}

static void expect(const struct wire_decoder *decoder, const uint8_t *body, size_t size) {
    CHECK_EQUAL(WIRE_HEADER_SIZE + size, decoder->size);
    CHECK_EQUAL(0x42, decoder->data[0]);
    CHECK_EQUAL(0x34, decoder->data[1]);
    CHECK_EQUAL(0x12, decoder->data[2]);
    CHECK_EQUAL(0, memcmp(decoder->data + WIRE_HEADER_SIZE, body, size));
}

TEST(the_crc_is_ieee_802_3) {
    CHECK_EQUAL(0xCBF43926u, wire_crc32(0, "123456789", 9)); /* the catalogue's check value */
    CHECK_EQUAL(0xCBF43926u, wire_crc32(wire_crc32(0, "1234", 4), "56789", 5));
    CHECK_EQUAL(0, wire_crc32(0, "", 0));
}

TEST(a_frame_of_any_size_survives_the_line) {
    static struct wire_encoder encoder;
    static struct wire_decoder decoder;
    static uint8_t body[WIRE_MAX_BODY];
    wire_decoder_init(&decoder);
    for (size_t size = 0; size <= WIRE_MAX_BODY; size++) {
        const size_t line = random_frame(&encoder, size, body);
        size_t used;
        CHECK(line <= WIRE_LINE_MAX);
        CHECK(memchr(encoder.data, 0, line) == encoder.data + line - 1);
        CHECK_EQUAL(WIRE_DECODER_FRAME, wire_decoder_feed(&decoder, encoder.data, line, &used));
        CHECK_EQUAL(line, used);
        expect(&decoder, body, size);
    }
}

TEST(a_frame_survives_byte_by_byte) {
    static struct wire_encoder encoder;
    static struct wire_decoder decoder;
    static uint8_t body[WIRE_MAX_BODY];
    wire_decoder_init(&decoder);
    for (size_t size = 0; size <= WIRE_MAX_BODY; size += 127) {
        const size_t line = random_frame(&encoder, size, body);
        size_t used;
        for (size_t i = 0; i + 1 < line; i++)
            CHECK_EQUAL(WIRE_DECODER_MORE, wire_decoder_feed(&decoder, encoder.data + i, 1, &used));
        CHECK_EQUAL(WIRE_DECODER_FRAME,
                    wire_decoder_feed(&decoder, encoder.data + line - 1, 1, &used));
        expect(&decoder, body, size);
    }
}

/* Feeds all of `data`; returns how many good frames came out. */
static unsigned frames_in(struct wire_decoder *decoder, const uint8_t *data, size_t size) {
    unsigned frames = 0;
    for (size_t at = 0, used; at < size; at += used)
        frames += wire_decoder_feed(decoder, data + at, size - at, &used) == WIRE_DECODER_FRAME;
    return frames;
}

TEST(no_flipped_bit_passes_and_none_costs_the_next_frame) {
    static struct wire_encoder encoder;
    static struct wire_decoder decoder;
    static uint8_t body[300], line[2 * WIRE_LINE_MAX];
    const size_t size = random_frame(&encoder, sizeof body, body);
    wire_decoder_init(&decoder);
    memcpy(line + size, encoder.data, size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        memcpy(line, encoder.data, size);
        line[bit / 8] ^= (uint8_t)(1u << bit % 8);
        /* The terminator itself may be what was hit: then the next frame is swallowed with it. */
        const unsigned expected = line[size - 1] == 0 ? 1 : 0;
        CHECK_EQUAL(expected, frames_in(&decoder, line, 2 * size));
    }
    CHECK_EQUAL(1, frames_in(&decoder, encoder.data, size));
}
