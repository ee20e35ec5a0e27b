/* The byte links between the host and the main loop: the UART on its pins, and USB CDC. One at a
 * time carries the session: the UART until a valid HELLO comes over the other. A HELLO moves the
 * session each time, and not only the first time: a host that has gone says nothing, and would
 * otherwise lock the other link out until a reset. USB gives the session back when the host closes
 * the port or the cable is pulled, where the chip can tell that.
 *
 * What is sent goes through one ring, to the link that carries the session; each link has a ring of
 * its own for what it receives. */
#ifndef LINK_H
#define LINK_H

#include "hal.h"
#include "wire_frame.h"

/* Powers of two. Received: every request the host may have unanswered fits, however late the main
 * loop comes. Sent: a few replies, so that the model runs while they leave. */
#define LINK_RECEIVE_SIZE 8192U
#define LINK_SEND_SIZE 4096U
_Static_assert(LINK_RECEIVE_SIZE >= WIRE_RING_MIN, "the credits allow more than the ring holds");

/* A link. `kick` (bytes were queued, or taken from `read`) is called with interrupts off, the rest
 * from the main loop. */
struct link {
    size_t (*read)(uint8_t *data, size_t size); /* as hal_read */
    void (*kick)(void);
    int (*is_idle)(void); /* the last byte has left */
    int (*is_open)(void); /* somebody may be listening; 0 gives the session back */
};

/* Add the second link; before the first hal_read. */
void link_add(const struct link *link);

/* True while `link` carries the session. */
int link_carries(const struct link *link);

/* The drivers' side; called from an interrupt handler, or with interrupts off. */
void link_received(uint8_t byte);             /* by the UART */
int link_next_to_send(uint8_t *byte);         /* by the UART; 0: nothing queued, or not for it */
size_t link_take(uint8_t *data, size_t size); /* by the link that carries the session */
void link_overrun(void);
void link_line_error(void);
void link_event(void); /* something happened that the main loop may wait for */

/* A break was received. Noise on a line makes breaks too, so one is heeded only where the main loop
 * hangs: it has not come round since an earlier break, LINK_HANG_CYCLES ago. Then the chip resets,
 * and the next boot tells where it was (fault.c). A main loop that waits for requests comes round
 * with every byte; one in a long inference that noise restarts costs time alone, as requests are
 * sent again. */
#define LINK_HANG_CYCLES 6400000U /* 0.1 s at 64 MHz */
void link_break(void);

/* The UART's line was low for longer than a byte. A line that stays so, as on an adapter without
 * power, may be told of again and again; whether the nRF52840 does is in no manual. It is one break
 * until the line has rested for LINK_REST_CYCLES, longer than a period of the mains: hum is one,
 * too. The host rests for 0.2 s. */
#define LINK_REST_CYCLES 2000000U /* 31 ms at 64 MHz, 25 ms at 80 MHz */
void link_line_low(void);

#endif
