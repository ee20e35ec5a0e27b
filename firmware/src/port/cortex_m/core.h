/* The Cortex-M4F's own registers, as far as the firmware uses them.
 * Sources: Armv7-M Architecture Reference Manual (DDI 0403E) B3.2 (system control), B3.3 (SysTick),
 * B3.4 (NVIC), B3.5 (MPU), C1.6 (DEMCR), C1.8 (DWT).
 *
 *   register      address      written with, or read for
 *   SYST_CSR      0xE000E010   0: a bootloader's tick stops
 *   NVIC_ISER     0xE000E100+  the links' interrupts on
 *   NVIC_ICER     0xE000E180+  all off, at start
 *   NVIC_ISPR     0xE000E200+  makes one pending that would not come by itself
 *   NVIC_ICPR     0xE000E280+  none pending, at start
 *   NVIC_IPR      0xE000E400+  the links' priority (byte access): below the faults'
 *   ICSR          0xE000ED04   SysTick and PendSV not pending; PendSV pending, to end a hang
 *   VTOR          0xE000ED08   the image's vector table
 *   AIRCR         0xE000ED0C   SYSRESETREQ
 *   SHPR3         0xE000ED20   PendSV below all else
 *   CCR           0xE000ED14   STKALIGN (reset value), DIV_0_TRP: a division by zero is a fault
 *   SHCSR         0xE000ED24   MemManage, BusFault and UsageFault enabled
 *   CFSR, HFSR    0xE000ED28   read after a fault
 *   MMFAR, BFAR   0xE000ED34   read after a fault
 *   CPACR         0xE000ED88   FPU on
 *   MPU_CTRL      0xE000ED94   0, before anything else
 *   DEMCR         0xE000EDFC   TRCENA: the DWT has a clock
 *   FPCCR         0xE000EF34   automatic, lazy saving of the FPU's registers
 *   DWT_CTRL      0xE0001000   CYCCNTENA
 *   DWT_CYCCNT    0xE0001004   the cycle counter
 */
#ifndef CORE_H
#define CORE_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define REGISTER_BYTE(address) (*(volatile uint8_t *)(uintptr_t)(address))

#define SYST_CSR REGISTER(0xE000E010U)
#define NVIC_ISER(word) REGISTER(0xE000E100U + 4U * (word))
#define NVIC_ICER(word) REGISTER(0xE000E180U + 4U * (word))
#define NVIC_ISPR(word) REGISTER(0xE000E200U + 4U * (word))
#define NVIC_ICPR(word) REGISTER(0xE000E280U + 4U * (word))
#define NVIC_IPR(interrupt) REGISTER_BYTE(0xE000E400U + (interrupt))

#define SCB_ICSR REGISTER(0xE000ED04U)
#define ICSR_PENDSVSET (1U << 28)
#define ICSR_PENDSVCLR (1U << 27)
#define ICSR_PENDSTCLR (1U << 25)
#define SCB_VTOR REGISTER(0xE000ED08U)
#define SCB_AIRCR REGISTER(0xE000ED0CU)
#define AIRCR_VECTKEY (0x05FAU << 16)
#define AIRCR_SYSRESETREQ (1U << 2)
#define SCB_SHPR3 REGISTER(0xE000ED20U)
#define SHPR3_PENDSV_LOWEST (0xFFU << 16)
#define SCB_CCR REGISTER(0xE000ED14U)
#define CCR_STKALIGN (1U << 9)
#define CCR_DIV_0_TRP (1U << 4)
#define SCB_SHCSR REGISTER(0xE000ED24U)
#define SHCSR_USGFAULTENA (1U << 18)
#define SHCSR_BUSFAULTENA (1U << 17)
#define SHCSR_MEMFAULTENA (1U << 16)
#define SCB_CFSR REGISTER(0xE000ED28U)
#define CFSR_BFARVALID (1U << 15)
#define CFSR_STKERR (1U << 12)
#define CFSR_MMARVALID (1U << 7)
#define CFSR_MSTKERR (1U << 4)
#define SCB_HFSR REGISTER(0xE000ED2CU)
#define SCB_MMFAR REGISTER(0xE000ED34U)
#define SCB_BFAR REGISTER(0xE000ED38U)
#define SCB_CPACR REGISTER(0xE000ED88U)
#define CPACR_FPU_FULL (0xFU << 20)
#define SCB_DEMCR REGISTER(0xE000EDFCU)
#define DEMCR_TRCENA (1U << 24)
#define FPU_FPCCR REGISTER(0xE000EF34U)
#define FPCCR_ASPEN (1U << 31)
#define FPCCR_LSPEN (1U << 30)

#define DWT_CTRL REGISTER(0xE0001000U)
#define DWT_CTRL_CYCCNTENA (1U << 0)
#define DWT_CYCCNT REGISTER(0xE0001004U)

/* Symbols of the linker script; only their addresses mean something. */
extern uint32_t _stack_bottom[], _stack_top[], _ram_end[];
extern uint32_t _data_start[], _data_end[], _data_load[], _bss_start[], _bss_end[];
extern uint8_t _image_start[], _image_end[];

typedef void (*vector)(void);

void reset_entry(void);
void fault_entry(void);

static inline void interrupts_off(void) {
    __asm volatile("cpsid i" ::: "memory");
}

static inline void interrupts_on(void) {
    __asm volatile("cpsie i" ::: "memory");
}

static inline void wait_for_interrupt(void) {
    __asm volatile("dsb\n\twfi" ::: "memory");
}

static inline void barrier(void) {
    __asm volatile("dsb\n\tisb" ::: "memory");
}

static inline void nvic_enable(uint32_t interrupt, uint8_t priority) {
    NVIC_IPR(interrupt) = priority;
    NVIC_ISER(interrupt / 32U) = 1U << (interrupt % 32U);
}

static inline void nvic_set_pending(uint32_t interrupt) {
    NVIC_ISPR(interrupt / 32U) = 1U << (interrupt % 32U);
}

/* At least `milliseconds`: a loop takes 32 cycles or more. Not of NOP, which takes no time for sure
 * (DDI 0403E A7.7.88); and long, because an emulator has work with every branch. */
static inline void core_pause(uint32_t milliseconds, uint32_t clock_hz) {
    for (uint32_t i = 0; i < milliseconds * (clock_hz / 32000U); i++)
        __asm volatile(".rept 32\n\tmov r0, r0\n\t.endr");
}

_Noreturn void core_reset(void);

#endif
