/* UART0, the one without EasyDMA: a byte is in the ring as soon as it has arrived (ARCHITECTURE.md,
 * decision 8). Its FIFO holds six bytes, which is what a busy core may be late by. */
#include "build_info.h"
#include "chip.h"
#include "link.h"
#include "nrf52840.h"
#include "vectors.h"

#define TXD_PIN 3U  /* P1.03, D1 */
#define RXD_PIN 10U /* P1.10, D0 */
#define PRIORITY 0x80U

/* PS 6.33.10.16; the chip's real rates are 115,942 and 941,176 baud, within a UART's tolerance. */
#if BUILD_BAUD == 115200
#define BAUDRATE 0x01D7E000U
#elif BUILD_BAUD == 921600
#define BAUDRATE 0x0EBED000U
#elif BUILD_BAUD == 1000000
#define BAUDRATE 0x10000000U
#else
#error "TINYHIL_BAUD: the nRF52840's UART is set up for 115200, 921600 and 1000000 baud"
#endif

static volatile uint32_t sending; /* a byte is in the shift register */

void uart_start(uint32_t clock_hz) {
    (void)clock_hz; /* the baud rate generator has a clock of its own */
    UART0_ENABLE = 0U;
    UART0_INTENCLR = 0xFFFFFFFFU;
    P1_OUTSET = 1U << TXD_PIN;
    P1_PIN_CNF(TXD_PIN) = PIN_CNF_OUTPUT;
    P1_PIN_CNF(RXD_PIN) = PIN_CNF_INPUT_PULLUP;
    UART0_PSELRTS = PSEL_DISCONNECTED;
    UART0_PSELCTS = PSEL_DISCONNECTED;
    UART0_PSELTXD = PSEL(1U, TXD_PIN);
    UART0_PSELRXD = PSEL(1U, RXD_PIN);
    UART0_BAUDRATE = BAUDRATE;
    UART0_CONFIG = 0U;
    UART0_ENABLE = UART_ENABLE_UART;
    UART0_EVENTS_RXDRDY = 0U;
    UART0_EVENTS_TXDRDY = 0U;
    UART0_EVENTS_ERROR = 0U;
    UART0_ERRORSRC = ERRORSRC_ALL;
    UART0_TASKS_STARTRX = 1U;
    UART0_TASKS_STARTTX = 1U;
    UART0_INTENSET = UART_INT_RXDRDY | UART_INT_TXDRDY | UART_INT_ERROR;
    nvic_enable(UART0_INTERRUPT, PRIORITY);
}

static void send_next(void) {
    uint8_t byte;
    sending = (uint32_t)link_next_to_send(&byte);
    if (sending)
        UART0_TXD = byte;
}

void uart_kick(void) {
    if (!sending)
        send_next();
}

int uart_idle(void) {
    return sending == 0U;
}

/* The event is cleared before RXD is read: reading it brings up the next byte of the FIFO and the
 * next event (PS 6.33.4). */
static void receive(void) {
    while (UART0_EVENTS_RXDRDY) {
        UART0_EVENTS_RXDRDY = 0U;
        link_received((uint8_t)UART0_RXD);
    }
}

static void note_errors(void) {
    const uint32_t source = UART0_ERRORSRC;
    UART0_EVENTS_ERROR = 0U;
    UART0_ERRORSRC = source;
    if (source & ERRORSRC_OVERRUN)
        link_overrun();
    if (source & (ERRORSRC_ALL & ~ERRORSRC_OVERRUN))
        link_line_error();
    if (source & ERRORSRC_BREAK)
        link_line_low();
}

void uart_interrupt(void) {
    receive();
    if (UART0_EVENTS_TXDRDY) {
        UART0_EVENTS_TXDRDY = 0U;
        send_next();
    }
    if (UART0_EVENTS_ERROR)
        note_errors();
    link_event();
}
