/* The line's timing, and the data registers of both UARTs. Twin: hil/emulator/uart.py. */
#include "core.h"

/* nRF52840 PS 6.33.9: event n is at 0x100 + 4n, and bit n of INTEN. */
enum { NRF_RXDRDY = 1 << 2, NRF_TXDRDY = 1 << 7, NRF_ERROR = 1 << 9, NRF_OVERRUN = 1 };
enum { NRF_EVENT_RXDRDY = 0x108, NRF_EVENT_TXDRDY = 0x11C, NRF_EVENT_ERROR = 0x124 };
enum { NRF_RXD = 0x518, NRF_TXD = 0x51C };

/* RM0351 40.8.8. `events` holds TC; `irq_enabled` has CR1's TXEIE, TCIE, RXNEIE. */
enum { STM_ORE = 1 << 3, STM_RXNE = 1 << 5, STM_TC = 1 << 6, STM_TXE = 1 << 7 };
enum { STM_ACK = 3 << 21 };
enum { STM_ISR = 0x1C, STM_RDR = 0x24, STM_TDR = 0x28 };

static uint32_t count(const struct queue *queue) {
    return queue->head - queue->tail;
}

static uint8_t pop(struct queue *queue) {
    return queue->bytes[queue->tail++ % QUEUE_SIZE];
}

static void push(struct queue *queue, uint8_t byte) {
    if (count(queue) < QUEUE_SIZE)
        queue->bytes[queue->head++ % QUEUE_SIZE] = byte;
}

static uint32_t stm_status(const struct uart *uart) {
    uint32_t status = uart->events & STM_TC;
    if (uart->fifo_count)
        status |= STM_RXNE;
    if (!uart->hold_full)
        status |= STM_TXE;
    if (uart->receiving || uart->sending)
        status |= STM_ACK;
    return status | uart->errors;
}

static bool line_level(const struct uart *uart) {
    if (uart->kind == KIND_NRF52840)
        return (uart->events & uart->irq_enabled) != 0;
    uint32_t status = stm_status(uart) & uart->irq_enabled;
    if (uart->irq_enabled & STM_RXNE)
        status |= uart->errors & STM_ORE;
    return status != 0;
}

/* Look at the interrupt line again, and wake the exception logic when it has risen. */
void uart_update(struct core *core) {
    struct uart *uart = &core->uart;
    const bool level = line_level(uart);
    if (level && !core->active[uart->number] && !core->pending[uart->number]) {
        core->pending[uart->number] = 1;
        core->attention = 1;
    }
    uart->level = level;
    const uint64_t receive = uart->receive_busy ? uart->receive_due : NEVER;
    const uint64_t transmit = uart->transmit_busy ? uart->transmit_due : NEVER;
    uart->due = receive < transmit ? receive : transmit;
}

static void overrun(struct uart *uart, uint8_t byte) {
    uart->overruns++;
    if (uart->kind == KIND_NRF52840) {
        uart->fifo[uart->fifo_depth - 1] = byte;
        uart->errors |= NRF_OVERRUN;
        uart->events |= NRF_ERROR;
    } else {
        uart->errors |= STM_ORE;
    }
}

static void arrived(struct uart *uart, uint8_t byte) {
    uart->received++;
    if (uart->fifo_count == uart->fifo_depth) {
        overrun(uart, byte);
        return;
    }
    uart->fifo[uart->fifo_count++] = byte;
    if (uart->kind == KIND_NRF52840 && uart->fifo_count == 1)
        uart->events |= NRF_RXDRDY;
}

static void receive_done(struct uart *uart) {
    arrived(uart, pop(&uart->from_host));
    uart->receive_busy = count(&uart->from_host) != 0;
    uart->receive_due += uart->byte_cycles;
}

static void transmit_done(struct uart *uart) {
    push(&uart->to_host, (uint8_t)uart->transmit_byte);
    uart->sent++;
    uart->transmit_busy = uart->hold_full;
    if (uart->hold_full) {
        uart->transmit_byte = uart->hold_byte;
        uart->hold_full = 0;
        uart->transmit_due += uart->byte_cycles;
    } else if (uart->kind == KIND_STM32L476) {
        uart->events |= STM_TC;
    }
    if (uart->kind == KIND_NRF52840)
        uart->events |= NRF_TXDRDY;
}

/* Let the line catch up with the clock. */
void uart_advance(struct core *core) {
    struct uart *uart = &core->uart;
    const uint64_t until = now(core);
    if (uart->byte_cycles && uart->receiving && !uart->receive_busy && count(&uart->from_host)) {
        uart->receive_busy = 1;
        uart->receive_due = until + uart->byte_cycles;
    }
    uart_update(core);
    while (uart->due <= until) {
        if (uart->receive_busy && uart->due == uart->receive_due)
            receive_done(uart);
        else
            transmit_done(uart);
        uart_update(core);
    }
}

/* Instant pacing: the firmware looks for a byte (it reads the receiver's state, or sleeps). */
bool uart_look(struct core *core) {
    struct uart *uart = &core->uart;
    const bool give = !uart->byte_cycles && uart->receiving && !uart->fifo_count && uart->burst &&
                      count(&uart->from_host);
    if (give) {
        uart->burst--;
        arrived(uart, pop(&uart->from_host));
        uart_update(core);
    }
    return give;
}

static void send(struct core *core, uint8_t byte) {
    struct uart *uart = &core->uart;
    if (!uart->sending)
        return;
    if (!uart->byte_cycles) {
        uart->transmit_byte = byte;
        transmit_done(uart);
    } else if (!uart->transmit_busy) {
        uart->transmit_busy = 1;
        uart->transmit_byte = byte;
        uart->transmit_due = now(core) + uart->byte_cycles;
        uart->events &= ~(uint32_t)(uart->kind == KIND_STM32L476 ? STM_TC : 0);
    } else {
        uart->overwritten += uart->hold_full || uart->kind == KIND_NRF52840;
        uart->hold_full = uart->kind == KIND_STM32L476;
        uart->hold_byte = byte;
    }
    uart_update(core);
}

static uint8_t take(struct core *core) {
    struct uart *uart = &core->uart;
    const uint8_t byte = uart->fifo[0];
    if (uart->fifo_count) {
        uart->fifo_count--;
        for (uint32_t i = 0; i < uart->fifo_count; i++)
            uart->fifo[i] = uart->fifo[i + 1];
        if (uart->kind == KIND_NRF52840 && uart->fifo_count)
            uart->events |= NRF_RXDRDY;
    }
    uart_look(core);
    uart_update(core);
    return byte;
}

static bool nrf_read(struct core *core, uint64_t offset, uint32_t *value) {
    struct uart *uart = &core->uart;
    switch (offset) {
    case NRF_EVENT_RXDRDY:
        uart_look(core);
        *value = (uart->events & NRF_RXDRDY) != 0;
        return true;
    case NRF_EVENT_TXDRDY:
        *value = (uart->events & NRF_TXDRDY) != 0;
        return true;
    case NRF_EVENT_ERROR:
        *value = (uart->events & NRF_ERROR) != 0;
        return true;
    case NRF_RXD:
        *value = take(core);
        return true;
    default:
        return false;
    }
}

static bool nrf_write(struct core *core, uint64_t offset, uint32_t value) {
    struct uart *uart = &core->uart;
    const bool event = offset == NRF_EVENT_RXDRDY || offset == NRF_EVENT_TXDRDY;
    if (event && value == 0) {
        uart->events &= ~(offset == NRF_EVENT_RXDRDY ? (uint32_t)NRF_RXDRDY : (uint32_t)NRF_TXDRDY);
        uart_update(core);
        return true;
    }
    if (offset == NRF_TXD)
        send(core, (uint8_t)value);
    return offset == NRF_TXD;
}

static bool stm_read(struct core *core, uint64_t offset, uint32_t *value) {
    if (offset == STM_ISR) {
        uart_look(core);
        *value = stm_status(&core->uart);
    } else if (offset == STM_RDR) {
        *value = take(core);
    }
    return offset == STM_ISR || offset == STM_RDR;
}

static bool stm_write(struct core *core, uint64_t offset, uint32_t value) {
    if (offset == STM_TDR)
        send(core, (uint8_t)value);
    return offset == STM_TDR;
}

uint64_t uart_read(uc_engine *uc, uint64_t offset, unsigned size, void *user) {
    struct core *core = user;
    uint32_t value = 0;
    if (size == 4 && (core->uart.kind == KIND_NRF52840 ? nrf_read(core, offset, &value)
                                                       : stm_read(core, offset, &value)))
        return value;
    return core->uart_read(uc, offset, size, NULL);
}

void uart_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user) {
    struct core *core = user;
    if (size == 4 && (core->uart.kind == KIND_NRF52840 ? nrf_write(core, offset, (uint32_t)value)
                                                       : stm_write(core, offset, (uint32_t)value)))
        return;
    core->uart_write(uc, offset, size, value, NULL);
}
