#include "vectors.h"

#include "nrf52840.h"

#define INTERRUPTS 48U /* PS 4.2.4 */
#define UART0_VECTOR (SYSTEM_VECTORS + UART0_INTERRUPT)

/* clang-format off */
__attribute__((section(".vectors"), used))
const union vector_entry vectors[SYSTEM_VECTORS + INTERRUPTS] = {
    VECTORS_BEFORE_INTERRUPTS,
    [SYSTEM_VECTORS ... UART0_VECTOR - 1U] = {.handler = fault_entry},
    [UART0_VECTOR] = {.handler = uart_interrupt},
    [UART0_VECTOR + 1U ... SYSTEM_VECTORS + INTERRUPTS - 1U] = {.handler = fault_entry},
};
/* clang-format on */
