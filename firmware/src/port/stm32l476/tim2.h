/* TIM2, the STM32L476's 32-bit timer (RM0351 chapter 31), as far as the firmware uses it.
 *
 *   register    address      section  written with, or read for
 *   TIM2 CR1    0x40000000   31.4.1   CEN
 *   TIM2 DIER   0x4000000C   31.4.4   CC1IE
 *   TIM2 SR     0x40000010   31.4.5   0: CC1IF cleared
 *   TIM2 EGR    0x40000014   31.4.6   UG: the prescaler is loaded, the count is 0
 *   TIM2 CNT    0x40000024   31.4.10  read
 *   TIM2 PSC    0x40000028   31.4.11  to 1 MHz
 *   TIM2 ARR    0x4000002C   31.4.12  the largest
 *   TIM2 CCR1   0x40000034   31.4.13  the next tick
 *   RCC APB1ENR1  TIM2EN
 *
 * Interrupt: number 28. */
#ifndef TIM2_H
#define TIM2_H

#include "stm32l476.h"

#define TIM2_CR1 REGISTER(0x40000000U)
#define TIM_CR1_CEN (1U << 0)
#define TIM2_DIER REGISTER(0x4000000CU)
#define TIM_DIER_CC1IE (1U << 1)
#define TIM2_SR REGISTER(0x40000010U)
#define TIM2_EGR REGISTER(0x40000014U)
#define TIM_EGR_UG (1U << 0)
#define TIM2_CNT REGISTER(0x40000024U)
#define TIM2_PSC REGISTER(0x40000028U)
#define TIM2_ARR REGISTER(0x4000002CU)
#define TIM2_CCR1 REGISTER(0x40000034U)
#define TIM2_INTERRUPT 28U

#define APB1ENR1_TIM2 (1U << 0)

#endif
