#include "twi.h"

#include "nrf52840.h"

/* A byte lasts 36 µs at 250 kHz, 2,300 cycles; a loop takes at least ten of them. */
#define WAIT_LOOPS 20000U

void twi_start(uint32_t scl, uint32_t sda) {
    TWI0_ENABLE = 0U;
    TWI0_INTENCLR = 0xFFFFFFFFU;
    P0_PIN_CNF(scl) = PIN_CNF_OPEN_DRAIN;
    P0_PIN_CNF(sda) = PIN_CNF_OPEN_DRAIN;
    TWI0_PSELSCL = PSEL(0U, scl);
    TWI0_PSELSDA = PSEL(0U, sda);
    /* Not 400 kHz: the clock's low time is then shorter than I2C asks for (erratum 219). */
    TWI0_FREQUENCY = TWI_FREQUENCY_K250;
    TWI0_ENABLE = TWI_ENABLE_TWI;
}

/* Wait for an event and clear it; false on an error or when it does not come. */
static bool wait_for(volatile uint32_t *event) {
    for (uint32_t i = 0; i < WAIT_LOOPS; i++) {
        if (*event) {
            *event = 0U;
            return true;
        }
        if (TWI0_EVENTS_ERROR)
            return false;
    }
    return false;
}

/* Switching off and on ends whatever state a transfer without an answer has left. */
static bool give_up(void) {
    TWI0_TASKS_STOP = 1U;
    (void)wait_for(&TWI0_EVENTS_STOPPED);
    TWI0_ENABLE = 0U;
    TWI0_ERRORSRC = TWI_ERRORSRC_ALL;
    TWI0_ENABLE = TWI_ENABLE_TWI;
    return false;
}

static bool send(uint8_t byte) {
    TWI0_TXD = byte;
    return wait_for(&TWI0_EVENTS_TXDSENT);
}

/* Address the device and name a register. */
static bool begin(uint8_t device, uint8_t address) {
    TWI0_EVENTS_STOPPED = 0U;
    TWI0_EVENTS_RXDREADY = 0U;
    TWI0_EVENTS_TXDSENT = 0U;
    TWI0_EVENTS_ERROR = 0U;
    TWI0_SHORTS = 0U;
    TWI0_ADDRESS = device;
    TWI0_TASKS_STARTTX = 1U;
    return send(address);
}

/* The bus is held after each byte until the next one is asked for, and released after the last:
 * the shortcut must be there before that byte comes (PS 6.31.4). */
static void expect(size_t left) {
    TWI0_SHORTS = left > 1U ? TWI_SHORTS_BB_SUSPEND : TWI_SHORTS_BB_STOP;
}

bool twi_read(uint8_t device, uint8_t address, uint8_t *data, size_t size) {
    if (!begin(device, address))
        return give_up();
    expect(size);
    TWI0_TASKS_STARTRX = 1U; /* a repeated start */
    for (size_t left = size; left > 0U; left--) {
        if (!wait_for(&TWI0_EVENTS_RXDREADY))
            return give_up();
        *data++ = (uint8_t)TWI0_RXD;
        if (left > 1U) {
            expect(left - 1U);
            TWI0_TASKS_RESUME = 1U;
        }
    }
    return wait_for(&TWI0_EVENTS_STOPPED) || give_up();
}

bool twi_write(uint8_t device, uint8_t address, uint8_t value) {
    if (!begin(device, address) || !send(value))
        return give_up();
    TWI0_TASKS_STOP = 1U;
    return wait_for(&TWI0_EVENTS_STOPPED) || give_up();
}
