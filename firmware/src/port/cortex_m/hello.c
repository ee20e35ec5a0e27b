#include "hello.h"

#include <string.h>

#include "wire_crc32.h"
#include "wire_schema.h"

/* Undo COBS; returns the frame's size, 0 where there is no frame. `frame` holds HELLO_LINE_MAX. */
static size_t decode(const uint8_t *line, size_t size, uint8_t *frame) {
    size_t used = 0, made = 0;
    while (used < size) {
        const size_t run = line[used++] - 1U;
        if (run > size - used)
            return 0U;
        memcpy(frame + made, line + used, run);
        made += run;
        used += run;
        if (used < size)
            frame[made++] = 0U;
    }
    return made;
}

/* The CRC is the last word, little endian. Runs here are far below 254 bytes. */
static int is_hello(const uint8_t *line, size_t size) {
    uint8_t frame[HELLO_LINE_MAX];
    size_t left = decode(line, size, frame);
    if (left < WIRE_HEADER_SIZE + WIRE_TRAILER_SIZE || frame[0] != WIRE_HELLO)
        return 0;
    left -= WIRE_TRAILER_SIZE;
    const uint32_t crc = (uint32_t)frame[left] | (uint32_t)frame[left + 1U] << 8 |
                         (uint32_t)frame[left + 2U] << 16 | (uint32_t)frame[left + 3U] << 24;
    return crc == wire_crc32(0U, frame, left);
}

size_t hello_listen(struct hello_listener *listener, uint8_t byte, uint8_t *data, size_t size) {
    if (byte != 0U) {
        if (listener->size < HELLO_LINE_MAX)
            listener->line[listener->size] = byte;
        listener->size += listener->size <= HELLO_LINE_MAX;
        return 0U;
    }
    const size_t length = listener->size;
    listener->size = 0U;
    if (length > HELLO_LINE_MAX || length + 2U > size || !is_hello(listener->line, length))
        return 0U;
    data[0] = data[length + 1U] = 0U;
    memcpy(data + 1U, listener->line, length);
    return length + 2U;
}
