/* The rest of hal.h for the Cortex-M4F: what needs no interrupt. */
#include "hal.h"

#include "build_info.h"
#include "chip.h"
#include "core.h"
#include "retained.h"

static uint32_t clock_hz;
static uint8_t reset_cause;

void hal_init(void) {
    clock_hz = chip_start();
    reset_cause = retained_cause(chip_reset_cause());
    SCB_DEMCR |= DEMCR_TRCENA;
    DWT_CYCCNT = 0U;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
    uart_start(clock_hz);
    usb_start();
    interrupts_on();
}

uint32_t hal_cycles(void) {
    return DWT_CYCCNT;
}

void hal_identity(struct hal_identity *identity) {
    *identity = (struct hal_identity){
        .board = BUILD_BOARD,
        .clock_hz = clock_hz,
        .boot_id = retained_boot_id(),
        .device_id = chip_device_id(),
        .reset_cause = reset_cause,
    };
}

_Noreturn void hal_reset(void) {
    core_reset();
}
