/* Every fault, every hang (PendSV, by link_break) and every unexpected interrupt ends here: the
 * registers go into retained RAM, the chip resets, and the next boot reports them (LAST_FAULT in
 * PROTOCOL.md). */
#include "core.h"
#include "hal.h"
#include "retained.h"

/* What the core pushes on exception entry; DDI 0403E B1.5.6. */
struct frame {
    uint32_t r0, r1, r2, r3, r12, lr, pc, psr;
};

#define BASIC_FRAME_SIZE 32U
#define EXTENDED_FRAME_SIZE 104U /* with S0–S15, FPSCR and a reserved word */
#define EXC_RETURN_BASIC (1U << 4)
#define PSR_REALIGNED (1U << 9)

/* The handler goes on below the frame that it is about to read. Where the stack itself has failed
 * (less than 256 bytes of it are left, or the pointer is not in it), it takes the stack from the
 * top, whose content is lost for good. */
__attribute__((naked)) void fault_entry(void) {
    __asm volatile("cpsid i\n\t"
                   "mrs r0, msp\n\t"
                   "mov r1, lr\n\t"
                   "ldr r2, =_stack_bottom + 256\n\t"
                   "ldr r3, =_stack_top\n\t"
                   "cmp r0, r2\n\t"
                   "blo 1f\n\t"
                   "cmp r0, r3\n\t"
                   "bls 2f\n"
                   "1:\n\t"
                   "msr msp, r3\n"
                   "2:\n\t"
                   "b fault_save\n\t"
                   ".ltorg");
}

static int is_stacked(uint32_t sp, uint32_t cfsr) {
    return (cfsr & (CFSR_STKERR | CFSR_MSTKERR)) == 0U && sp % 4U == 0U &&
           sp >= (uint32_t)_stack_bottom && sp <= (uint32_t)_stack_top - BASIC_FRAME_SIZE;
}

static uint32_t fault_address(uint32_t cfsr) {
    if (cfsr & CFSR_BFARVALID)
        return SCB_BFAR;
    return cfsr & CFSR_MMARVALID ? SCB_MMFAR : 0U;
}

static uint32_t sp_before(uint32_t sp, uint32_t exc_return, uint32_t psr) {
    sp += exc_return & EXC_RETURN_BASIC ? BASIC_FRAME_SIZE : EXTENDED_FRAME_SIZE;
    return psr & PSR_REALIGNED ? sp + 4U : sp;
}

/* After a stack overflow nothing could be stacked: pc, lr and r are 0, and sp lies below the stack.
 */
__attribute__((noreturn, used)) static void fault_save(uint32_t sp, uint32_t exc_return) {
    struct hal_fault fault = {.sp = sp, .cfsr = SCB_CFSR, .hfsr = SCB_HFSR};
    __asm volatile("mrs %0, ipsr" : "=r"(fault.exception));
    fault.address = fault_address(fault.cfsr);
    if (is_stacked(sp, fault.cfsr)) {
        const struct frame *frame = (const struct frame *)sp;
        fault.pc = frame->pc;
        fault.lr = frame->lr;
        fault.psr = frame->psr;
        fault.sp = sp_before(sp, exc_return, frame->psr);
        fault.r[0] = frame->r0;
        fault.r[1] = frame->r1;
        fault.r[2] = frame->r2;
        fault.r[3] = frame->r3;
        fault.r[4] = frame->r12;
    }
    retained_keep_fault(&fault);
    core_reset();
}
