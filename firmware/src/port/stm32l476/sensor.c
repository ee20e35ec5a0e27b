/* The SensorTile's LSM6DSM: SPI2 with one data line, clock PB13, data PB15, select PB12 (ST's board
 * support package, SensorTile.h). Three other sensors are on the same lines, and must not be
 * selected: LSM303AGR (PC4 and PB1) and LPS22HB (PA3). */
#include "hal.h"
#include "spi.h"
#include "stm32l476.h"
#include "timer.h"

#define GPIOB_BASE 0x48000400U
#define GPIO_BSRR(port) REGISTER((port) + 0x18U)
#define MODER_OUTPUT 1U
#define AHB2ENR_GPIOB (1U << 1)

#define SELECT_PIN 12U /* PB12 */
#define CLOCK_PIN 13U  /* PB13 */
#define DATA_PIN 15U   /* PB15 */
#define ALTERNATE_SPI2 5U
#define READ 0x80U

/* The chip boots within 15 ms of power (data sheet, 4.3). It shares the core's supply: this is for
 * a request that follows power at once. The faster clock makes it longer than needed, never less.
 */
#define BOOT_MILLISECONDS 15U
#define CORE_CLOCK_HZ 80000000U

static void select_none(uint32_t port, uint32_t pin) {
    GPIO_BSRR(port) = 1U << pin;
    set_field(&GPIO_MODER(port), pin, 2U, MODER_OUTPUT);
}

static void set_alternate(uint32_t pin) {
    set_field(&GPIO_AFRH(GPIOB_BASE), pin - 8U, 4U, ALTERNATE_SPI2);
    set_field(&GPIO_OSPEEDR(GPIOB_BASE), pin, 2U, 1U);
    set_field(&GPIO_MODER(GPIOB_BASE), pin, 2U, MODER_ALTERNATE);
}

static void power(void) {
    RCC_AHB2ENR |= AHB2ENR_GPIOA | AHB2ENR_GPIOB | AHB2ENR_GPIOC;
    (void)RCC_AHB2ENR; /* the clock is on two cycles later: RM0351 6.2.19 */
    select_none(GPIOB_BASE, SELECT_PIN);
    select_none(GPIOC_BASE, 4U);
    select_none(GPIOB_BASE, 1U);
    select_none(GPIOA_BASE, 3U);
    spi_start();
    set_alternate(CLOCK_PIN);
    set_alternate(DATA_PIN);
    core_pause(BOOT_MILLISECONDS, CORE_CLOCK_HZ);
}

static void select(bool on) {
    GPIO_BSRR(GPIOB_BASE) = on ? 1U << (16U + SELECT_PIN) : 1U << SELECT_PIN;
}

static bool read(uint8_t address, uint8_t *data, size_t size) {
    const uint8_t command = READ | address;
    select(true);
    const bool good = spi_send(&command, 1U) && spi_receive(data, size);
    select(false);
    return good;
}

static bool write(uint8_t address, uint8_t value) {
    const uint8_t bytes[] = {address, value};
    select(true);
    const bool good = spi_send(bytes, sizeof bytes);
    select(false);
    return good;
}

struct hal_sensor hal_sensor(void) {
    static const struct sensor_port port = {
        read, write, power, timer_run, timer_microseconds, timer_ticked,
    };
    return (struct hal_sensor){&sensor_lsm6dsm, &port};
}
