#include "vectors.h"

#include "otg_fs.h"
#include "stm32l476.h"
#include "tim2.h"

#define INTERRUPTS 82U /* RM0351 table 57 */
#define RCC_VECTOR (SYSTEM_VECTORS + RCC_INTERRUPT)
#define TIM2_VECTOR (SYSTEM_VECTORS + TIM2_INTERRUPT)
#define UART5_VECTOR (SYSTEM_VECTORS + UART5_INTERRUPT)
#define OTG_VECTOR (SYSTEM_VECTORS + OTG_INTERRUPT)

/* clang-format off */
__attribute__((section(".vectors"), used))
const union vector_entry vectors[SYSTEM_VECTORS + INTERRUPTS] = {
    VECTORS_BEFORE_INTERRUPTS,
    [SYSTEM_VECTORS ... RCC_VECTOR - 1U] = {.handler = fault_entry},
    [RCC_VECTOR] = {.handler = clock_interrupt},
    [RCC_VECTOR + 1U ... TIM2_VECTOR - 1U] = {.handler = fault_entry},
    [TIM2_VECTOR] = {.handler = timer_interrupt},
    [TIM2_VECTOR + 1U ... UART5_VECTOR - 1U] = {.handler = fault_entry},
    [UART5_VECTOR] = {.handler = uart_interrupt},
    [UART5_VECTOR + 1U ... OTG_VECTOR - 1U] = {.handler = fault_entry},
    [OTG_VECTOR] = {.handler = usb_interrupt},
    [OTG_VECTOR + 1U ... SYSTEM_VECTORS + INTERRUPTS - 1U] = {.handler = fault_entry},
};
/* clang-format on */
