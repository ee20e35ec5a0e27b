#include "vectors.h"

#include "nrf52840.h"

#define INTERRUPTS 48U /* PS 4.2.4 */
#define POWER_VECTOR (SYSTEM_VECTORS + POWER_INTERRUPT)
#define UART0_VECTOR (SYSTEM_VECTORS + UART0_INTERRUPT)
#define TIMER0_VECTOR (SYSTEM_VECTORS + TIMER0_INTERRUPT)
#define USBD_VECTOR (SYSTEM_VECTORS + USBD_INTERRUPT)

/* clang-format off */
__attribute__((section(".vectors"), used))
const union vector_entry vectors[SYSTEM_VECTORS + INTERRUPTS] = {
    VECTORS_BEFORE_INTERRUPTS,
    [POWER_VECTOR] = {.handler = power_interrupt},
    [POWER_VECTOR + 1U ... UART0_VECTOR - 1U] = {.handler = fault_entry},
    [UART0_VECTOR] = {.handler = uart_interrupt},
    [UART0_VECTOR + 1U ... TIMER0_VECTOR - 1U] = {.handler = fault_entry},
    [TIMER0_VECTOR] = {.handler = timer_interrupt},
    [TIMER0_VECTOR + 1U ... USBD_VECTOR - 1U] = {.handler = fault_entry},
    [USBD_VECTOR] = {.handler = usb_interrupt},
    [USBD_VECTOR + 1U ... SYSTEM_VECTORS + INTERRUPTS - 1U] = {.handler = fault_entry},
};
/* clang-format on */
