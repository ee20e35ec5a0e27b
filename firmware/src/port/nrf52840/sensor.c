/* The Nano 33 BLE Sense's LSM9DS1: TWI0 on P0.14 and P0.15, which P1.00 gives pull-ups and P0.22
 * gives the sensor power. Both are off at reset. */
#include "hal.h"
#include "nrf52840.h"
#include "timer.h"
#include "twi.h"

#define SDA_PIN 14U    /* P0.14 */
#define SCL_PIN 15U    /* P0.15 */
#define POWER_PIN 22U  /* P0.22 */
#define PULL_UP_PIN 0U /* P1.00 */
#define ADDRESS 0x6BU  /* SDO/SA0 is high on this board */

#define CORE_CLOCK_HZ 64000000U
/* Long enough for the sensor's capacitors, and for its boot (20 ms, ST's technical note). */
#define OFF_MILLISECONDS 10U
#define BOOT_MILLISECONDS 20U

/* Off first: a sensor that a reset has left in the middle of a transfer holds SDA low. */
static void power(void) {
    P0_OUTCLR = 1U << POWER_PIN;
    P1_OUTCLR = 1U << PULL_UP_PIN;
    P0_PIN_CNF(POWER_PIN) = PIN_CNF_OUTPUT;
    P1_PIN_CNF(PULL_UP_PIN) = PIN_CNF_OUTPUT;
    core_pause(OFF_MILLISECONDS, CORE_CLOCK_HZ);
    P0_OUTSET = 1U << POWER_PIN;
    P1_OUTSET = 1U << PULL_UP_PIN;
    core_pause(BOOT_MILLISECONDS, CORE_CLOCK_HZ);
    twi_start(SCL_PIN, SDA_PIN);
}

static bool read(uint8_t address, uint8_t *data, size_t size) {
    return twi_read(ADDRESS, address, data, size);
}

static bool write(uint8_t address, uint8_t value) {
    return twi_write(ADDRESS, address, value);
}

struct hal_sensor hal_sensor(void) {
    static const struct sensor_port port = {
        read, write, power, timer_run, timer_microseconds, timer_ticked,
    };
    return (struct hal_sensor){&sensor_lsm9ds1, &port};
}
