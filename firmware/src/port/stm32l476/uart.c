/* UART5, byte by byte through its data registers. It has no FIFO: a byte must be fetched before the
 * next one is complete, 10.8 µs at 921,600 baud. */
#include "build_info.h"
#include "chip.h"
#include "link.h"
#include "stm32l476.h"
#include "vectors.h"

#define TX_PIN 12U /* PC12 */
#define RX_PIN 2U  /* PD2 */
#define ALTERNATE_UART5 8U
#define PRIORITY 0x80U

static void set_pins(void) {
    RCC_AHB2ENR |= AHB2ENR_GPIOC | AHB2ENR_GPIOD;
    (void)RCC_AHB2ENR; /* the clock is on two cycles later: RM0351 6.2.19 */
    set_field(&GPIO_AFRH(GPIOC_BASE), TX_PIN - 8U, 4U, ALTERNATE_UART5);
    set_field(&GPIO_OSPEEDR(GPIOC_BASE), TX_PIN, 2U, 1U);
    set_field(&GPIO_MODER(GPIOC_BASE), TX_PIN, 2U, MODER_ALTERNATE);
    set_field(&GPIO_AFRL(GPIOD_BASE), RX_PIN, 4U, ALTERNATE_UART5);
    set_field(&GPIO_PUPDR(GPIOD_BASE), RX_PIN, 2U, PUPDR_UP);
    set_field(&GPIO_MODER(GPIOD_BASE), RX_PIN, 2U, MODER_ALTERNATE);
}

void uart_start(uint32_t clock_hz) {
    set_pins();
    RCC_APB1ENR1 |= APB1ENR1_UART5;
    RCC_CCIPR &= ~CCIPR_UART5SEL;
    UART5_CR1 = 0U;
    UART5_CR2 = 0U;
    UART5_CR3 = 0U;
    UART5_BRR = (clock_hz + BUILD_BAUD / 2U) / BUILD_BAUD;
    UART5_CR1 = CR1_UE | CR1_RE | CR1_TE | CR1_RXNEIE;
    nvic_enable(UART5_INTERRUPT, PRIORITY);
}

/* TXE is set whenever the data register is free: its interrupt is on only while bytes wait. */
void uart_kick(void) {
    UART5_CR1 |= CR1_TXEIE;
}

int uart_idle(void) {
    return (UART5_ISR & ISR_TC) != 0U;
}

static void send_next(void) {
    uint8_t byte;
    if (link_next_to_send(&byte))
        UART5_TDR = byte;
    else
        UART5_CR1 &= ~CR1_TXEIE;
}

static void note_errors(uint32_t flags) {
    if (flags & ISR_ORE)
        link_overrun();
    if (flags & ISR_LINE_ERRORS)
        link_line_error();
    UART5_ICR = flags & ISR_ERRORS;
}

/* A break is a zero without its stop bit: RM0351 40.5.3. */
static void receive(uint32_t flags) {
    const uint8_t byte = (uint8_t)UART5_RDR;
    link_received(byte);
    if (flags & ISR_ERRORS)
        note_errors(flags);
    if (flags & ISR_FE && byte == 0U)
        link_line_low();
}

void uart_interrupt(void) {
    uint32_t flags;
    /* A byte that is complete by now is taken at once: entering and leaving again costs more. */
    while ((flags = UART5_ISR) & ISR_RXNE)
        receive(flags);
    if (flags & ISR_ERRORS)
        note_errors(flags);
    if (flags & ISR_TXE && UART5_CR1 & CR1_TXEIE)
        send_next();
    link_event();
}
