/* TIM2 at 1 MHz. */
#include "timer.h"

#include "hal.h"
#include "link.h"
#include "sensor_port.h"
#include "tim2.h"
#include "vectors.h"

#define PRIORITY 0x80U /* as the links' */

static volatile bool ticked;

/* With every prescaler 1, the timer's clock is the core's. */
static uint32_t core_clock(void) {
    struct hal_identity identity;
    hal_identity(&identity);
    return identity.clock_hz;
}

void timer_run(bool on) {
    RCC_APB1ENR1 |= APB1ENR1_TIM2;
    (void)RCC_APB1ENR1; /* the clock is on two cycles later: RM0351 6.2.19 */
    TIM2_CR1 = 0U;
    TIM2_PSC = core_clock() / 1000000U - 1U;
    TIM2_ARR = 0xFFFFFFFFU;
    TIM2_CCR1 = SENSOR_TICK_US;
    TIM2_EGR = TIM_EGR_UG;
    TIM2_SR = 0U;
    TIM2_DIER = TIM_DIER_CC1IE;
    nvic_enable(TIM2_INTERRUPT, PRIORITY);
    ticked = false;
    if (on)
        TIM2_CR1 = TIM_CR1_CEN;
}

uint32_t timer_microseconds(void) {
    return TIM2_CNT;
}

bool timer_ticked(void) {
    const bool since = ticked;
    ticked = false;
    return since;
}

void timer_interrupt(void) {
    TIM2_SR = 0U;
    TIM2_CCR1 = sensor_next_tick(TIM2_CCR1, timer_microseconds());
    ticked = true;
    link_event();
}
