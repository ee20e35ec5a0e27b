/* What the OTG_FS needs before it can be a device: 48 MHz, a supply, pins.
 *
 * The clock is MSI at its range 11, which hardware trims against the board's 32,768 Hz crystal
 * (RM0351 6.2.3): so it is within the 0.25 % that USB 2.0 7.1.11 asks of a full-speed device. A PLL
 * from HSI16 would not be (1 %, STM32L476 data sheet 6.3.8), and the core's makes no 48 MHz out of
 * its 160. ST's own firmware for the SensorTile (STSW-STLKT01, cube_hal_l4.c) does the same.
 *
 * The crystal takes up to seconds to start, and an inference may be under way by then, whose cycles
 * count what interrupts it: so all that takes time is done before the first request is answered,
 * with MSI as it runs by itself, and the crystal's interrupt only goes on the bus. MSI is trimmed
 * within 2.5 ms (data sheet 6.3.8); a host lets 100 ms pass before it begins (USB 2.0 7.1.7.3).
 * After a reset that was not of the power, the crystal runs already. Where there is none, USB stays
 * off and the UART serves. */
#include "core.h"
#include "stm32l476.h"
#include "usb_controller.h"
#include "usb_link.h"
#include "vectors.h"

/* The links': no handler interrupts another. */
#define PRIORITY 0x80U

#define DM_PIN 11U /* PA11 */
#define DP_PIN 12U /* PA12 */
#define ALTERNATE_OTG_FS 10U
#define VERY_HIGH_SPEED 3U

#define MODE_CHANGE_MS 25U
/* MSI is there in microseconds (data sheet 6.3.8). */
#define WAIT_LOOPS 10000U

static void wait_for_msi(void) {
    for (uint32_t i = 0; i < WAIT_LOOPS && (RCC_CR & RCC_CR_MSIRDY) == 0U; i++)
        ;
}

/* The range is changed only while MSI is ready (RM0351 6.4.1). */
static void start_48_mhz(void) {
    RCC_CR |= RCC_CR_MSION;
    wait_for_msi();
    RCC_CR = (RCC_CR & ~RCC_CR_MSIRANGE) | RCC_CR_MSIRANGE_48_MHZ | RCC_CR_MSIRGSEL;
    wait_for_msi();
    RCC_CCIPR |= CCIPR_CLK48SEL_MSI;
}

static void set_pins(void) {
    for (uint32_t pin = DM_PIN; pin <= DP_PIN; pin++) {
        set_field(&GPIO_AFRH(GPIOA_BASE), pin - 8U, 4U, ALTERNATE_OTG_FS);
        set_field(&GPIO_OSPEEDR(GPIOA_BASE), pin, 2U, VERY_HIGH_SPEED);
        set_field(&GPIO_MODER(GPIOA_BASE), pin, 2U, MODER_ALTERNATE);
    }
}

/* The ROM's DFU leaves its device on the bus; the reset takes that away. */
static void power_up(void) {
    RCC_AHB2ENR |= AHB2ENR_GPIOA | AHB2ENR_OTGFS;
    (void)RCC_AHB2ENR; /* the clock is on two cycles later: RM0351 6.2.19 */
    set_pins();
    PWR_CR2 |= PWR_CR2_USV;
    RCC_AHB2RSTR |= AHB2RSTR_OTGFS;
    RCC_AHB2RSTR &= ~AHB2RSTR_OTGFS;
}

static void start_crystal(void) {
    PWR_CR1 |= PWR_CR1_DBP;
    RCC_BDCR |= RCC_BDCR_LSEON;
}

static void await_crystal(void) {
    nvic_enable(RCC_INTERRUPT, PRIORITY);
    RCC_CIER = RCC_CIER_LSERDYIE;
    if (RCC_BDCR & RCC_BDCR_LSERDY)
        nvic_set_pending(RCC_INTERRUPT);
}

/* The UART is ready, and hears meanwhile: interrupts are on. */
void usb_start(void) {
    usb_link_start();
    start_48_mhz();
    power_up();
    if (!usb_controller_start())
        return;
    start_crystal();
    interrupts_on();
    core_pause(MODE_CHANGE_MS, CORE_CLOCK_HZ);
    await_crystal();
}

void clock_interrupt(void) {
    static uint8_t has_run;
    RCC_CIER = 0U;
    RCC_CICR = RCC_CICR_LSERDYC;
    if (has_run)
        return;
    has_run = 1U;
    RCC_CR |= RCC_CR_MSIPLLEN;
    usb_controller_connect();
}
