#include "wire_frame.h"

#include "wire_crc32.h"

/* The frame is built this far into the buffer, so that COBS can move it down in place: it writes at
 * most one code byte more than it has read, plus one per 254 bytes. */
#define GAP WIRE_COBS_OVERHEAD(WIRE_FRAME_MAX)

_Static_assert((GAP + WIRE_HEADER_SIZE) % 8 == 0, "the body is aligned, see wire_encoder");
_Static_assert(GAP + WIRE_FRAME_MAX <= WIRE_LINE_MAX, "the frame fits behind the gap");

void wire_decoder_init(struct wire_decoder *decoder) {
    decoder->size = 0;
    decoder->left = 0;
    decoder->zero_owed = false;
    decoder->started = false;
    decoder->too_long = false;
}

static void append(struct wire_decoder *decoder, uint8_t byte) {
    if (decoder->size == sizeof decoder->data) {
        decoder->too_long = true;
        return;
    }
    decoder->data[decoder->size++] = byte;
}

static void take(struct wire_decoder *decoder, uint8_t byte) {
    if (!decoder->started) {
        wire_decoder_init(decoder);
        decoder->started = true;
    }
    if (decoder->left > 0) {
        decoder->left--;
        append(decoder, byte);
        return;
    }
    if (decoder->zero_owed)
        append(decoder, 0);
    decoder->left = (uint8_t)(byte - 1);
    decoder->zero_owed = byte != 0xFF;
}

/* A 0x00 has come: say what the bytes before it were. */
static enum wire_decoder_result finish(struct wire_decoder *decoder) {
    decoder->started = false;
    if (decoder->too_long)
        return WIRE_DECODER_BAD_SIZE;
    if (decoder->left > 0)
        return WIRE_DECODER_BAD_COBS;
    if (decoder->size < WIRE_FRAME_SIZE(0))
        return WIRE_DECODER_BAD_SIZE;
    decoder->size -= WIRE_TRAILER_SIZE;
    if (wire_crc32(0, decoder->data, decoder->size) != wire_get_u32(decoder->data + decoder->size))
        return WIRE_DECODER_BAD_CRC;
    return WIRE_DECODER_FRAME;
}

enum wire_decoder_result wire_decoder_feed(struct wire_decoder *decoder, const uint8_t *data,
                                           size_t size, size_t *used) {
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0) {
            take(decoder, data[i]);
        } else if (decoder->started) {
            *used = i + 1;
            return finish(decoder);
        }
    }
    *used = size;
    return WIRE_DECODER_MORE;
}

uint8_t *wire_encoder_body(struct wire_encoder *encoder) {
    return encoder->data + GAP + WIRE_HEADER_SIZE;
}

/* COBS from `data + GAP` down to `data`; return the bytes written, with the final 0x00. */
static size_t stuff(uint8_t *data, size_t size) {
    size_t out = 1, code = 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = data[GAP + i];
        if (byte != 0)
            data[out++] = byte;
        bool full = out - code == 0xFF;
        if (byte == 0 || (full && i + 1 < size)) {
            data[code] = (uint8_t)(out - code);
            code = out++;
        }
    }
    data[code] = (uint8_t)(out - code);
    data[out++] = 0;
    return out;
}

size_t wire_encoder_seal(struct wire_encoder *encoder, uint8_t type, uint16_t sequence,
                         size_t size) {
    uint8_t *frame = encoder->data + GAP;
    wire_put_u8(frame, type);
    wire_put_u16(frame + 1, sequence);
    uint8_t *end = frame + WIRE_HEADER_SIZE + size;
    wire_put_u32(end, wire_crc32(0, frame, WIRE_HEADER_SIZE + size));
    return stuff(encoder->data, WIRE_FRAME_SIZE(size));
}
