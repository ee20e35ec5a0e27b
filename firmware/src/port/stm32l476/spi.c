#include "spi.h"

#include "core.h"
#include "spi2.h"

/* A byte lasts 128 cycles; a loop takes at least ten. */
#define WAIT_LOOPS 2000U

#define SET_UP                                                                                     \
    (SPI_CR1_BIDIMODE | SPI_CR1_SSM | SPI_CR1_SSI | SPI_CR1_DIVIDE_16 | SPI_CR1_MSTR |             \
     SPI_CR1_MODE_3)

void spi_start(void) {
    RCC_APB1ENR1 |= APB1ENR1_SPI2;
    (void)RCC_APB1ENR1; /* the clock is on two cycles later: RM0351 6.2.19 */
    SPI2_CR1 = SET_UP;
    SPI2_CR2 = SPI_CR2_FRXTH | SPI_CR2_8_BITS;
}

static bool wait_for(uint32_t mask, uint32_t value) {
    for (uint32_t i = 0; i < WAIT_LOOPS; i++) {
        if ((SPI2_SR & mask) == value)
            return true;
    }
    return false;
}

bool spi_send(const uint8_t *data, size_t size) {
    bool good = true;
    SPI2_CR1 = SET_UP | SPI_CR1_BIDIOE | SPI_CR1_SPE;
    for (; size > 0U && good; size--) {
        good = wait_for(SPI_SR_TXE, SPI_SR_TXE);
        SPI2_DR = *data++;
    }
    good = good && wait_for(SPI_SR_FTLVL | SPI_SR_BSY, 0U);
    SPI2_CR1 = SET_UP;
    return good;
}

/* As a receiver with one line the controller clocks bytes without end while it is switched on, and
 * ends the one that has begun when it is switched off (RM0351 42.4.9). So it is on for longer than
 * one of its clocks, 16 cycles, and less than eight: no interrupt may come between. */
static void clock_one_byte(void) {
    interrupts_off();
    SPI2_CR1 = SET_UP | SPI_CR1_SPE;
    __asm volatile("mov r0, #10\n"
                   "1: subs r0, #1\n\t"
                   "bne 1b" ::
                       : "r0", "cc");
    SPI2_CR1 = SET_UP;
    interrupts_on();
}

/* BSY tells nothing here: it may stay high when the controller is switched off as a receiver (ST's
 * errata for this SPI with FIFOs, "BSY bit may stay high"). The byte is whole when it is in the
 * FIFO; reading it out lasts longer than the half clock that may be left. */
bool spi_receive(uint8_t *data, size_t size) {
    for (; size > 0U; size--) {
        clock_one_byte();
        if (!wait_for(SPI_SR_RXNE, SPI_SR_RXNE))
            return false;
        *data++ = SPI2_DR;
    }
    return true;
}
