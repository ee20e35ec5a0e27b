/* Fuzzes the server with noise and with well-framed requests of any content. What must always hold:
 *
 *  1. no undefined behaviour and no access out of bounds (sanitizers), none behind the staging
 *     buffer's end (a canary);
 *  2. all that comes out is whole, good frames whose type has bit 7 set;
 *  3. there are at most as many of them as there were frames that are not empty, and at most one
 *     BAD_FRAME more than good frames;
 *  4. nothing is taken in while a reply waits;
 *  5. the answers do not depend on how the bytes are cut;
 *  6. afterwards, 0x00 and a good request are answered as by a new device.
 *
 * The input is a script: a byte 0xF0…0xFF takes the low four bits + 1 bytes of noise; any other is
 * a request's type, followed by its length (two bytes, modulo the largest + 1) and its body, which
 * is padded with zeros at the input's end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_model.h"
#include "wire_crc32.h"

enum { LINE_ROOM = 64 * 1024, STAGING = 100, CANARY = 0xA5 };

static uint8_t line[LINE_ROOM], whole[LINE_ROOM], cut[LINE_ROOM];
static size_t line_size;

static void require(int condition, const char *what) {
    if (condition)
        return;
    (void)fprintf(stderr, "invariant broken: %s\n", what);
    abort();
}

static void add(const uint8_t *data, size_t size) {
    memcpy(line + line_size, data, size);
    line_size += size;
}

static void add_request(uint8_t type, const uint8_t *body, size_t given, size_t size) {
    struct wire_encoder encoder;
    memset(wire_encoder_body(&encoder), 0, size);
    memcpy(wire_encoder_body(&encoder), body, given);
    const size_t bytes = wire_encoder_seal(&encoder, type, 7, size);
    add(encoder.data, bytes);
}

/* Returns how many good frames the script asks for. */
static void write_line(const uint8_t *data, size_t size) {
    line_size = 0;
    for (size_t i = 0; i < size && line_size + 2 * WIRE_LINE_MAX < LINE_ROOM;) {
        const uint8_t op = data[i++];
        size_t rest = size - i, length = (size_t)(op & 15u) + 1u;
        if (op < 0xF0) {
            if (rest < 2)
                return;
            length = wire_get_u16(data + i) % (WIRE_MAX_BODY + 1u);
            i += 2;
            rest -= 2;
        }
        const size_t given = length < rest ? length : rest;
        if (op < 0xF0)
            add_request(op, data + i, given, length);
        else
            add(data + i, given);
        i += given;
    }
}

static struct fake_device *new_device(uint32_t input_size) {
    struct fake_device *device = malloc(sizeof *device);
    require(device != NULL, "memory");
    const struct fake_options options = {.input_size = input_size,
                                         .layers = 300,
                                         .staging_size = STAGING,
                                         .boot_id = 1,
                                         .has_preprocessing = 1,
                                         .failing_layer = -1};
    fake_device_init(device, &options);
    memset(device->staging, CANARY, sizeof device->staging);
    return device;
}

/* Invariant 4. */
static void check_backpressure(struct fake_device *device) {
    size_t waiting;
    (void)wire_server_output(&device->server, &waiting);
    if (waiting > 0)
        require(wire_server_feed(&device->server, line, line_size) == 0,
                "input while a reply waits");
}

/* Feed the line in pieces of `in`, take the output in pieces of `out`; return its size. */
static size_t converse(struct fake_device *device, size_t in, size_t out, uint8_t *answers) {
    size_t total = 0;
    for (size_t used = 0, taken, waiting; used < line_size; used += taken) {
        const size_t size = line_size - used < in ? line_size - used : in;
        taken = wire_server_feed(&device->server, line + used, size);
        check_backpressure(device);
        const uint8_t *output;
        while (output = wire_server_output(&device->server, &waiting), waiting > 0) {
            const size_t piece = waiting < out ? waiting : out;
            require(total + piece <= LINE_ROOM, "more output than any input explains");
            memcpy(answers + total, output, piece);
            wire_server_sent(&device->server, piece);
            total += piece;
        }
    }
    for (size_t i = STAGING; i < sizeof device->staging; i++)
        require(device->staging[i] == CANARY, "a write behind the staging buffer");
    return total;
}

/* Invariants 2 and 3. */
static void check_answers(const struct fake_device *device, const uint8_t *answers, size_t size) {
    struct wire_decoder decoder;
    size_t replies = 0, refused_frames = 0, frames = 0;
    wire_decoder_init(&decoder);
    for (size_t i = 0, used; i < size; i += used, replies++) {
        const enum wire_decoder_result result =
            wire_decoder_feed(&decoder, answers + i, size - i, &used);
        require(result == WIRE_DECODER_FRAME, "an answer is no good frame");
        require(decoder.data[0] & WIRE_REPLY_BIT, "an answer is no reply");
        if (decoder.data[0] == WIRE_ERROR)
            refused_frames += decoder.data[4] == WIRE_ERROR_CODE_BAD_FRAME;
    }
    for (size_t i = 1; i < line_size; i++)
        frames += line[i] == 0 && line[i - 1] != 0;
    require(replies <= frames, "more answers than frames");
    require(refused_frames <= device->server.frames + 1, "a flood of BAD_FRAME");
}

/* Invariant 6. */
static void check_alive(struct fake_device *device) {
    uint8_t fresh[WIRE_LINE_MAX], after[2 * WIRE_LINE_MAX];
    line_size = 0;
    add((const uint8_t *)"", 1);
    add_request(WIRE_TAP, (const uint8_t *)"\0\0\0", 3, 3u + device->model.input_size);
    struct fake_device *other = new_device(device->model.input_size);
    const size_t expected = converse(other, SIZE_MAX, SIZE_MAX, fresh);
    const size_t size = converse(device, SIZE_MAX, SIZE_MAX, after);
    require(size >= expected && !memcmp(after + size - expected, fresh, expected), "no recovery");
    free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3)
        return 0;
    const uint32_t input_size = 8u + data[0];
    const size_t in = 1u + data[1], out = 1u + data[2];
    write_line(data + 3, size - 3);
    struct fake_device *device = new_device(input_size);
    const size_t answered = converse(device, SIZE_MAX, SIZE_MAX, whole);
    check_answers(device, whole, answered);
    free(device);
    device = new_device(input_size);
    require(converse(device, in, out, cut) == answered && !memcmp(whole, cut, answered),
            "the answers depend on how the bytes were cut");
    check_alive(device);
    free(device);
    return 0;
}
