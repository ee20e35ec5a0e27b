/* Clocks and identity of the STM32L476, from reset or from the ROM's DFU. */
#include "chip.h"

#include "stm32l476.h"
#include "wire_schema.h"

#define HSI_CLOCK_HZ 16000000U
#define FLASH_WAIT_STATES 4U /* RM0351 table 9: range 1, up to 80 MHz */

/* Far more than any oscillator's start-up (PLL lock 40 µs at most, STM32L476 data sheet 6.3.8). */
#define WAIT_LOOPS 100000U

#define BUS_MILLISECONDS 10U
#define ROM_WANTED 0x44465521U

static uint32_t rom_wanted __attribute__((section(".retained")));

static int wait_for(volatile uint32_t *address, uint32_t mask, uint32_t value) {
    for (uint32_t i = 0; i < WAIT_LOOPS; i++) {
        if ((*address & mask) == value)
            return 1;
    }
    return 0;
}

static int switch_clock(uint32_t source) {
    RCC_CFGR = source; /* and every prescaler 1 */
    for (uint32_t i = 0; i < WAIT_LOOPS; i++) {
        if (RCC_CFGR_SWS(RCC_CFGR) == source)
            return 1;
    }
    return 0;
}

/* DFU may have left the PLL on with other factors: they can only be changed while it is off. */
static void run_from_hsi(void) {
    RCC_CIER = 0U;
    RCC_CR |= RCC_CR_HSION;
    (void)wait_for(&RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY);
    (void)switch_clock(RCC_CFGR_SW_HSI16);
    RCC_CR &= ~RCC_CR_PLLON;
    (void)wait_for(&RCC_CR, RCC_CR_PLLRDY, 0U);
}

static void prepare_for_80_mhz(void) {
    RCC_APB1ENR1 |= APB1ENR1_PWR;
    (void)RCC_APB1ENR1; /* the clock is on two cycles later: RM0351 6.2.19 */
    PWR_CR1 = (PWR_CR1 & ~PWR_CR1_VOS) | PWR_CR1_RANGE_1;
    (void)wait_for(&PWR_SR2, PWR_SR2_VOSF, 0U);
    FLASH_ACR = FLASH_WAIT_STATES | FLASH_ACR_PRFTEN | FLASH_ACR_ICEN | FLASH_ACR_DCEN;
    (void)wait_for(&FLASH_ACR, FLASH_ACR_LATENCY, FLASH_WAIT_STATES);
}

/* The request that asked for it is still being answered, which OTG_FS does by itself. */
void chip_enter_bootloader(void) {
    core_pause(BUS_MILLISECONDS, CORE_CLOCK_HZ);
    rom_wanted = ROM_WANTED;
    core_reset();
}

/* The ROM's DFU (ST's AN2606), right after a reset and with the core as a reset leaves it: it is
 * what a boot with BOOT0 set runs, and it does its own clocks. Its USB is 0483:df11. */
static void enter_rom(void) {
    RCC_APB2ENR |= APB2ENR_SYSCFG;
    (void)RCC_APB2ENR;
    SYSCFG_MEMRMP = MEMRMP_ROM;
    SCB_VTOR = 0U;
    SCB_CCR = CCR_STKALIGN;
    SCB_SHCSR = 0U;
    barrier();
    __asm volatile("msr msp, %0\n\tcpsie i\n\tbx %1" : : "r"(ROM(0)), "r"(ROM(1)));
}

/* Should the PLL not lock, the firmware runs from HSI16 and HELLO says so in clock_hz. */
uint32_t chip_start(void) {
    if (rom_wanted == ROM_WANTED) {
        rom_wanted = 0U;
        enter_rom();
    }
    run_from_hsi();
    prepare_for_80_mhz();
    RCC_PLLCFGR = PLLCFGR_HSI16 | PLLCFGR_M(1U) | PLLCFGR_N(10U) | PLLCFGR_R(2U) | PLLCFGR_REN;
    RCC_CR |= RCC_CR_PLLON;
    if (!wait_for(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY))
        return HSI_CLOCK_HZ;
    return switch_clock(RCC_CFGR_SW_PLL) ? CORE_CLOCK_HZ : HSI_CLOCK_HZ;
}

/* Every reset also drives the pin and sets PINRSTF (RM0351 6.1.2): it is asked for last. */
uint8_t chip_reset_cause(void) {
    const uint32_t flags = RCC_CSR;
    RCC_CSR = flags | RCC_CSR_RMVF;
    if (flags & RCC_CSR_BORRSTF)
        return WIRE_RESET_CAUSE_POWER_ON;
    if (flags & RCC_CSR_SFTRSTF)
        return WIRE_RESET_CAUSE_SOFTWARE;
    if (flags & (RCC_CSR_IWDGRSTF | RCC_CSR_WWDGRSTF))
        return WIRE_RESET_CAUSE_WATCHDOG;
    return flags & RCC_CSR_PINRSTF ? WIRE_RESET_CAUSE_PIN : WIRE_RESET_CAUSE_OTHER;
}

/* 96 bits: wafer coordinates, wafer number, lot (RM0351 49.1). Folded so that neighbours differ. */
uint64_t chip_device_id(void) {
    return (uint64_t)(UID(2) ^ UID(1)) << 32 | UID(0);
}
