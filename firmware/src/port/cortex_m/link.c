/* hal_read, hal_write and hal_sleep over the links. One producer and one consumer per ring on one
 * core: a compiler barrier between data and index is all the ordering they need. */
#include "link.h"

#include <stdatomic.h>
#include <string.h>

#include "chip.h"
#include "core.h"
#include "hello.h"

#define BUS_MILLISECONDS 10U
#define FASTEST_CLOCK_HZ 80000000U

static uint8_t received[LINK_RECEIVE_SIZE], to_send[LINK_SEND_SIZE];
static volatile uint32_t receive_head, receive_tail, send_head, send_tail;
static volatile uint32_t events;
static volatile uint32_t rounds; /* of the main loop */
static struct hal_link counters;

static size_t uart_read(uint8_t *data, size_t size);
static int uart_is_open(void);

static const struct link uart = {uart_read, uart_kick, uart_idle, uart_is_open};
static const struct link *volatile carrier = &uart; /* carries the session */
static const struct link *other;                    /* does not */
static struct hello_listener listener;              /* on the other one */
static uint8_t hello[HELLO_LINE_MAX + 2U];          /* the one that moved the session here */
static size_t hello_size;

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

size_t link_take(uint8_t *data, size_t size) {
    uint32_t tail = send_tail;
    const uint32_t there = send_head - tail;
    const size_t count = size < there ? size : there;
    for (size_t i = 0; i < count; i++)
        data[i] = to_send[tail++ % LINK_SEND_SIZE];
    order();
    send_tail = tail;
    return count;
}

int link_next_to_send(uint8_t *byte) {
    return carrier == &uart && link_take(byte, 1U) > 0U;
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

/* PendSV's handler runs once this interrupt is over, so the registers that it saves are the main
 * loop's. A request over USB that brought the break is still being answered, by the controller. */
void link_break(void) {
    static uint32_t seen_round, seen_at;
    if (seen_round != rounds) {
        seen_round = rounds;
        seen_at = DWT_CYCCNT;
    } else if (DWT_CYCCNT - seen_at >= LINK_HANG_CYCLES) {
        core_pause(BUS_MILLISECONDS, FASTEST_CLOCK_HZ);
        SCB_ICSR = ICSR_PENDSVSET;
    }
}

void link_line_low(void) {
    static uint32_t low_at = 0U - LINK_REST_CYCLES;
    const uint32_t now = DWT_CYCCNT, since = now - low_at;
    low_at = now;
    if (since >= LINK_REST_CYCLES)
        link_break();
}

void link_add(const struct link *link) {
    other = link;
}

int link_carries(const struct link *link) {
    return carrier == link;
}

/* What is still queued was for the host before: it goes. */
static void move_session(void) {
    const struct link *const before = carrier;
    interrupts_off();
    carrier = other;
    other = before;
    send_tail = send_head;
    interrupts_on();
    listener = (struct hello_listener){0};
}

static int uart_is_open(void) {
    return 1;
}

static size_t uart_read(uint8_t *data, size_t size) {
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

static void kick(const struct link *link) {
    interrupts_off();
    link->kick();
    interrupts_on();
}

static size_t read_from(const struct link *link, uint8_t *data, size_t size) {
    const size_t count = link->read(data, size);
    if (count > 0U && link != &uart)
        kick(link); /* there is room again; the UART does not wait for any */
    return count;
}

/* Puts a HELLO that came over the other link into `hello`; returns its size, 0: none came. */
static size_t listen(void) {
    uint8_t byte;
    while (read_from(other, &byte, 1U) > 0U) {
        const size_t found = hello_listen(&listener, byte, hello, sizeof hello);
        if (found)
            return found;
    }
    return 0U;
}

/* To the link that is left when the carrier's host is gone, or to the one that a HELLO came over;
 * hal_read gives that HELLO first. */
static void follow_session(void) {
    if (!carrier->is_open())
        move_session();
    if (!other->is_open())
        return;
    const size_t size = listen();
    if (size) {
        hello_size = size;
        move_session();
    }
}

size_t hal_read(uint8_t *data, size_t size) {
    rounds++;
    follow_session();
    if (hello_size && hello_size <= size) {
        const size_t count = hello_size;
        memcpy(data, hello, count);
        hello_size = 0U;
        return count;
    }
    return read_from(carrier, data, size);
}

/* A host that has stopped reading must not keep the other link's HELLO from being heard. */
size_t hal_write(const uint8_t *data, size_t size) {
    if (!carrier->is_open() || send_head - send_tail == LINK_SEND_SIZE)
        follow_session();
    uint32_t head = send_head;
    const uint32_t room = LINK_SEND_SIZE - (head - send_tail);
    const size_t count = size < room ? size : room;
    for (size_t i = 0; i < count; i++)
        to_send[head++ % LINK_SEND_SIZE] = data[i];
    order();
    send_head = head;
    kick(carrier);
    return count;
}

int hal_write_done(void) {
    return !carrier->is_open() || (send_tail == send_head && carrier->is_idle());
}

/* WFI wakes for a pending interrupt even while PRIMASK holds it back (DDI 0403E B1.5.19), so an
 * interrupt between the test and the WFI cannot be missed. One that came since the last call
 * returns at once: what it changed may not have been looked at. */
void hal_sleep(void) {
    static uint32_t seen;
    rounds++;
    interrupts_off();
    if (events == seen && receive_head == receive_tail)
        wait_for_interrupt();
    interrupts_on();
    seen = events;
}

void hal_link(struct hal_link *link) {
    *link = counters;
}
