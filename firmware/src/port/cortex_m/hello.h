/* Listens for a valid HELLO request on a link that does not carry the session. */
#ifndef HELLO_H
#define HELLO_H

#include <stddef.h>
#include <stdint.h>

/* Longer than a HELLO request on the line; what does not fit is none. */
#define HELLO_LINE_MAX 64U

struct hello_listener {
    size_t size;
    uint8_t line[HELLO_LINE_MAX]; /* since the last 0x00 */
};

/* Look at one byte more. When it ends a valid HELLO, put that frame into `data`, between two 0x00,
 * and return its size; else, or where it does not fit `size`, 0. */
size_t hello_listen(struct hello_listener *listener, uint8_t byte, uint8_t *data, size_t size);

#endif
