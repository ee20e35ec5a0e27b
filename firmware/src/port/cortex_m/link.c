/* hal_read, hal_write and hal_sleep over the UART. One producer and one consumer per ring on one
 * core: a compiler barrier between data and index is all the ordering they need. */
#include "link.h"

#include <stdatomic.h>

#include "chip.h"
#include "core.h"

static uint8_t received[LINK_RECEIVE_SIZE], to_send[LINK_SEND_SIZE];
static volatile uint32_t receive_head, receive_tail, send_head, send_tail;
static volatile uint32_t events;
static struct hal_link counters;

static void order(void) {
    atomic_signal_fence(memory_order_acq_rel);
}

void link_received(uint8_t byte) {
    const uint32_t head = receive_head;
    if (head - receive_tail == LINK_RECEIVE_SIZE) {
        counters.overruns++;
        return;
    }
    received[head % LINK_RECEIVE_SIZE] = byte;
    order();
    receive_head = head + 1U;
}

int link_next_to_send(uint8_t *byte) {
    const uint32_t tail = send_tail;
    if (tail == send_head)
        return 0;
    *byte = to_send[tail % LINK_SEND_SIZE];
    order();
    send_tail = tail + 1U;
    return 1;
}

void link_overrun(void) {
    counters.overruns++;
}

void link_line_error(void) {
    counters.line_errors++;
}

void link_event(void) {
    events++;
}

size_t hal_read(uint8_t *data, size_t size) {
    uint32_t tail = receive_tail;
    const uint32_t there = receive_head - tail;
    const size_t count = size < there ? size : there;
    order();
    for (size_t i = 0; i < count; i++)
        data[i] = received[tail++ % LINK_RECEIVE_SIZE];
    order();
    receive_tail = tail;
    return count;
}

size_t hal_write(const uint8_t *data, size_t size) {
    uint32_t head = send_head;
    const uint32_t room = LINK_SEND_SIZE - (head - send_tail);
    const size_t count = size < room ? size : room;
    for (size_t i = 0; i < count; i++)
        to_send[head++ % LINK_SEND_SIZE] = data[i];
    order();
    send_head = head;
    interrupts_off();
    uart_kick();
    interrupts_on();
    return count;
}

int hal_write_done(void) {
    return send_tail == send_head && uart_idle();
}

/* WFI wakes for a pending interrupt even while PRIMASK holds it back (DDI 0403E B1.5.19), so an
 * interrupt between the test and the WFI cannot be missed. One that came since the last call
 * returns at once: what it changed may not have been looked at. */
void hal_sleep(void) {
    static uint32_t seen;
    interrupts_off();
    if (events == seen && receive_head == receive_tail)
        wait_for_interrupt();
    interrupts_on();
    seen = events;
}

void hal_link(struct hal_link *link) {
    *link = counters;
}
