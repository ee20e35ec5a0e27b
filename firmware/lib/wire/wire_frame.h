/* Frames on the line: COBS around type, sequence number, body and CRC-32; a 0x00 ends each.
 * See PROTOCOL.md. No heap, no I/O; all state is in the structs. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire_schema.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a frame before COBS. */
#define WIRE_FRAME_SIZE(body) (WIRE_HEADER_SIZE + (body) + WIRE_TRAILER_SIZE)
/* COBS adds one code byte, and one more for each full run of 254 bytes without a zero. */
#define WIRE_COBS_OVERHEAD(size) (1u + (size) / 254u)
#define WIRE_FRAME_MAX WIRE_FRAME_SIZE(WIRE_MAX_BODY)
/* Bytes on the line of the largest frame, the 0x00 included. */
#define WIRE_LINE_MAX (WIRE_FRAME_MAX + WIRE_COBS_OVERHEAD(WIRE_FRAME_MAX) + 1u)
/* A receive ring that holds this many bytes cannot overflow while the host keeps to its credits. */
#define WIRE_RING_MIN (WIRE_CREDITS * WIRE_LINE_MAX)

enum wire_decoder_result {
    WIRE_DECODER_MORE,     /* all bytes used, no frame yet */
    WIRE_DECODER_FRAME,    /* a good frame; its header and body are in `data`, `size` bytes */
    WIRE_DECODER_BAD_COBS, /* a 0x00 inside a run */
    WIRE_DECODER_BAD_SIZE, /* longer than WIRE_FRAME_MAX, or too short for a header and a CRC */
    WIRE_DECODER_BAD_CRC,
};

/* Decodes as bytes arrive. Whatever came before, the next 0x00 begins a new frame. */
struct wire_decoder {
    size_t size;    /* decoded bytes so far */
    uint8_t left;   /* bytes left in the present run */
    bool zero_owed; /* a zero stands between this run and the next one */
    bool started;   /* bytes since the last 0x00: an empty frame means nothing */
    bool too_long;  /* the rest, up to the next 0x00, is thrown away */
    uint8_t data[WIRE_FRAME_MAX];
};

void wire_decoder_init(struct wire_decoder *decoder);

/* Use bytes up to and including the first 0x00 that ends a frame, good or bad; `*used` says how
 * many. After WIRE_DECODER_FRAME, `data` and `size` are valid until the next call, and `size`
 * no longer counts the CRC. */
enum wire_decoder_result wire_decoder_feed(struct wire_decoder *decoder, const uint8_t *data,
                                           size_t size, size_t *used);

/* A frame under construction. Write the body at `wire_encoder_body`, then seal. */
struct wire_encoder {
    alignas(8) uint8_t data[WIRE_LINE_MAX];
};

/* Where the body goes: WIRE_MAX_BODY bytes. */
uint8_t *wire_encoder_body(struct wire_encoder *encoder);

/* Turn the body of `size` bytes into a frame, in place; return its bytes on the line, which begin
 * at `data`. */
size_t wire_encoder_seal(struct wire_encoder *encoder, uint8_t type, uint16_t sequence,
                         size_t size);

#ifdef __cplusplus
}
#endif

#endif
