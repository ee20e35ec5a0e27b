/* Clocks and identity of the nRF52840, as the Nano's bootloader hands it over. */
#include "chip.h"

#include "nrf52840.h"
#include "wire_schema.h"

#define CORE_CLOCK_HZ 64000000U

/* The crystal starts within about 0.4 ms (PS 5.4.4.1, tSTART); this many loops last 10 ms or more.
 * Should it not start, the firmware runs on from the internal oscillator: a baud rate that is off
 * is easier to find than silence. */
#define CRYSTAL_LOOPS 100000U

#define BUS_MILLISECONDS 10U
#define STAY_IN_BOOTLOADER 0xB0U /* as Arduino's own sketches write it */

static void start_crystal(void) {
    CLOCK_EVENTS_HFCLKSTARTED = 0U;
    CLOCK_TASKS_HFCLKSTART = 1U;
    for (uint32_t i = 0; i < CRYSTAL_LOOPS && CLOCK_EVENTS_HFCLKSTARTED == 0U; i++)
        ;
}

/* A bootloader leaves its device on the bus. A hub takes some milliseconds without the pull-up for
 * a device that has left, and reads the new one's descriptors. */
static void leave_bus(void) {
    if ((POWER_USBREGSTATUS & USBREGSTATUS_VBUSDETECT) == 0U || USBD_ENABLE == 0U)
        return;
    USBD_INTENCLR = 0xFFFFFFFFU;
    USBD_USBPULLUP = 0U;
    core_pause(BUS_MILLISECONDS, CORE_CLOCK_HZ);
    USBD_ENABLE = 0U;
}

/* The request that asked for it is still being answered, which USBD does by itself. */
void chip_enter_bootloader(void) {
    POWER_GPREGRET = STAY_IN_BOOTLOADER;
    core_pause(BUS_MILLISECONDS, CORE_CLOCK_HZ);
    USBD_USBPULLUP = 0U;
    core_reset();
}

/* P1.00, which feeds the pull-ups of the sensor's bus, is the trace port's SWO (PS 4.6): a debugger
 * or the bootloader's clock driver may have left it to that. UARTE0 writes what it receives to
 * where the bootloader's buffer was, which is the firmware's memory now. */
static void end_what_ran_before(void) {
    CLOCK_TRACECONFIG = 0U;
    UART0_ENABLE = 0U;
    RTC1_INTENCLR = 0xFFFFFFFFU;
    RTC1_EVTENCLR = 0xFFFFFFFFU;
    RTC1_TASKS_STOP = 1U;
}

uint32_t chip_start(void) {
    end_what_ran_before();
    leave_bus();
    POWER_DCDCEN = 1U;
    NVMC_ICACHECNF = 1U;
    start_crystal();
    return CORE_CLOCK_HZ;
}

uint8_t chip_reset_cause(void) {
    const uint32_t causes = POWER_RESETREAS;
    POWER_RESETREAS = causes;
    if (causes == 0U)
        return WIRE_RESET_CAUSE_POWER_ON; /* the register is cleared by power alone: PS 5.3.7.11 */
    if (causes & RESETREAS_RESETPIN)
        return WIRE_RESET_CAUSE_PIN;
    if (causes & RESETREAS_DOG)
        return WIRE_RESET_CAUSE_WATCHDOG;
    return causes & RESETREAS_SREQ ? WIRE_RESET_CAUSE_SOFTWARE : WIRE_RESET_CAUSE_OTHER;
}

uint64_t chip_device_id(void) {
    return (uint64_t)FICR_DEVICEID(1) << 32 | FICR_DEVICEID(0);
}
