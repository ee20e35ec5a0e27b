/* From reset to main, whatever ran before: power-on, a bootloader that left its clocks, interrupts,
 * MPU and process stack behind, or the ROM's DFU. */
#include "core.h"
#include "hal.h"
#include "retained.h"

#define STACK_PAINT 0xA5C3A5C3U
#define PAINT_MARGIN 16U /* words below the stack pointer that painting itself may use */
#define NVIC_WORDS                                                                                 \
    8U /* DDI 0403E B3.4: up to 8 for 240 interrupts; more than a chip has: ignored */

int main(void);

/* The MPU first: the Nano's bootloader leaves it on with all RAM execute-never. Then the main stack
 * and privileged mode, which an RTOS in a bootloader may have left. */
__attribute__((naked, noreturn)) void reset_entry(void) {
    __asm volatile("cpsid i\n\t"
                   "ldr r0, =0xE000ED94\n\t" /* MPU_CTRL */
                   "movs r1, #0\n\t"
                   "str r1, [r0]\n\t"
                   "dsb\n\t"
                   "isb\n\t"
                   "msr basepri, r1\n\t"
                   "msr control, r1\n\t"
                   "isb\n\t"
                   "ldr r0, =_stack_top\n\t"
                   "msr msp, r0\n\t"
                   "b start_program\n\t"
                   ".ltorg");
}

static void quiet_interrupts(void) {
    SYST_CSR = 0U;
    for (uint32_t word = 0; word < NVIC_WORDS; word++) {
        NVIC_ICER(word) = 0xFFFFFFFFU;
        NVIC_ICPR(word) = 0xFFFFFFFFU;
    }
    SCB_ICSR = ICSR_PENDSVCLR | ICSR_PENDSTCLR;
    SCB_VTOR = (uint32_t)_image_start;
}

/* Lazy stacking is kept (the reset value, written in case a bootloader changed it): handlers that
 * use no FPU register pay nothing, and one that does is still correct. FPSCR 0 is IEEE 754's own
 * behaviour, numpy's too: round to nearest, no flush to zero. */
static void enable_core(void) {
    SCB_CCR = CCR_STKALIGN | CCR_DIV_0_TRP;
    SCB_SHPR3 = SHPR3_PENDSV_LOWEST;
    SCB_SHCSR = SHCSR_USGFAULTENA | SHCSR_BUSFAULTENA | SHCSR_MEMFAULTENA;
    SCB_CPACR |= CPACR_FPU_FULL;
    FPU_FPCCR = FPCCR_ASPEN | FPCCR_LSPEN;
    barrier();
    __asm volatile("vmsr fpscr, %0" : : "r"(0));
}

static void paint_stack(void) {
    uint32_t *sp;
    __asm volatile("mov %0, sp" : "=r"(sp));
    for (uint32_t *word = _stack_bottom; word < sp - PAINT_MARGIN; word++)
        *word = STACK_PAINT;
}

static void load_data(void) {
    const uint32_t *from = _data_load;
    for (uint32_t *to = _data_start; to < _data_end; to++)
        *to = *from++;
    for (uint32_t *word = _bss_start; word < _bss_end; word++)
        *word = 0U;
}

__attribute__((noreturn, used)) static void start_program(void) {
    quiet_interrupts();
    enable_core();
    retained_start();
    paint_stack();
    load_data();
    (void)main();
    core_reset(); /* main does not return */
}

_Noreturn void core_reset(void) {
    barrier();
    SCB_AIRCR = AIRCR_VECTKEY | AIRCR_SYSRESETREQ;
    barrier();
    for (;;)
        ;
}

/* The lowest word that is no longer paint is the furthest the stack ever reached. */
void hal_memory(struct hal_memory *memory) {
    const uint32_t *word = _stack_bottom;
    while (word < _stack_top && *word == STACK_PAINT)
        word++;
    memory->flash_used = (uint32_t)(_image_end - _image_start);
    memory->ram_static = (uint32_t)((uint8_t *)_data_end - (uint8_t *)_data_start) +
                         (uint32_t)((uint8_t *)_bss_end - (uint8_t *)_bss_start);
    memory->stack_size = (uint32_t)((uint8_t *)_stack_top - (uint8_t *)_stack_bottom);
    memory->stack_peak = (uint32_t)((const uint8_t *)_stack_top - (const uint8_t *)word);
}

uint8_t *hal_spare_ram(size_t *size) {
    *size = (size_t)((uint8_t *)_ram_end - (uint8_t *)_bss_end);
    return (uint8_t *)_bss_end;
}
