/* The block hook and the run loop. Twin: hil/emulator/portable.py. */
#include "core.h"

#include <string.h>

enum { INTERRUPT_NONE = 0xFFFFFFFF };
#define MAGIC_PC 0xF0000000U /* EXC_RETURN values live above: DDI 0403E B1.5.8 */

size_t core_size(void) {
    return sizeof(struct core);
}

/* A block's cost: open addressing, and all is forgotten when the table is three quarters full. */
static const struct block *find(struct core *core, uint32_t address, uint32_t size) {
    uint32_t at = address * 2654435761U >> 16 ^ size;
    for (;; at++) {
        struct block *block = &core->cache[at % CACHE_SIZE];
        if (block->address == address && block->size == size)
            return block;
        if (block->size)
            continue;
        if (++core->cached > CACHE_SIZE / 4 * 3) {
            memset(core->cache, 0, sizeof core->cache);
            core->cached = 1;
        }
        *block = (struct block){.address = address, .size = size};
        core->analyse(address, size, block);
        return block;
    }
}

static uint32_t reason_to_stop(struct core *core, const struct block *block) {
    if (core->attention)
        return STOP_ATTENTION;
    if (core->candidate && is_open(core, core->candidate))
        return STOP_EXCEPTION;
    if (core->instructions >= core->slice_end)
        return STOP_SLICE;
    return core->fpu_off && block->flags & FLAG_FPU ? STOP_FPU_OFF : 0;
}

/* Before a block runs: stop for what has come up, else count it. A block that is stopped here has
 * not run, and comes here again. */
void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *user) {
    struct core *core = user;
    const struct block *block = find(core, (uint32_t)address, size);
    if (core->uart.due <= now(core))
        uart_advance(core);
    core->stop |= reason_to_stop(core, block);
    core->block_address = (uint32_t)address;
    if (core->stop) {
        core->block_size = 0;
        core->stopped_size = size;
        uc_emu_stop(uc);
        return;
    }
    core->block_size = size;
    core->instructions += block->instructions;
    core->cycles += block->cycles + (address == core->expected ? 0 : core->refill);
    core->expected = (uint32_t)address + size;
    core->fpu_used |= block->flags & FLAG_FPU;
    core->event_register |= (block->flags & FLAG_SEV) != 0;
}

void on_interrupt(uc_engine *uc, uint32_t number, void *user) {
    struct core *core = user;
    core->interrupt = number;
    uc_emu_stop(uc);
}

/* Before an SDIV or UDIV runs: a divisor of 0 is a fault where CCR.DIV_0_TRP says so. */
void on_division(uc_engine *uc, uint64_t address, uint32_t size, void *user) {
    struct core *core = user;
    uint16_t second = 0;
    (void)size;
    if (!core->trap_division)
        return;
    uc_mem_read(uc, address + 2, &second, sizeof second);
    if (get(core, UC_ARM_REG_R0 + (second & 0xF)) == 0) {
        core->stop |= STOP_DIVISION;
        uc_emu_stop(uc);
    }
}

/* Take back what was counted of the last block from `pc` on: it has not run. */
void uncount(struct core *core, uint32_t pc) {
    const uint32_t done = pc - core->block_address;
    if (pc < core->block_address || done >= core->block_size)
        return;
    const struct block whole = *find(core, core->block_address, core->block_size);
    struct block before = {0};
    if (done)
        before = *find(core, core->block_address, done);
    core->instructions -= whole.instructions - before.instructions;
    core->cycles -= whole.cycles - before.cycles;
    core->block_size = 0;
    core->expected = pc;
}

/* A register of the DWT is touched: Python stopped in the middle of the block, so that `pc` is
 * exact. Note the count there; the access is repeated, and answered from it. */
static void note_count(struct core *core, uint32_t pc) {
    uncount(core, pc);
    core->replay_count = core->cyccnt_from_cycles ? core->cycles : core->instructions;
    core->replay = 1;
}

/* Nothing is on its way to the firmware: the host may want to send before time goes on. */
static bool waits_for_host(const struct core *core) {
    const struct uart *uart = &core->uart;
    return uart->due == NEVER || (core->patience && !uart->receive_busy);
}

/* Asleep: let the line's time pass. Returns whether the core goes on. */
static bool wake(struct core *core) {
    core->uart.burst = BURST;
    uart_advance(core);
    uart_look(core);
    while (!has_pending_to_wake(core)) {
        if (waits_for_host(core))
            return false;
        core->slept += core->uart.due - now(core);
        uart_advance(core);
    }
    core->sleeping = 0;
    return true;
}

static bool ended_with_wfi(struct core *core, uint32_t pc) {
    if (!core->block_size || pc != core->block_address + core->block_size)
        return false;
    return find(core, core->block_address, core->block_size)->flags & FLAG_WFI;
}

/* One start of unicorn, and what native code can deal with afterwards. False: Python's turn. */
static bool step(struct core *core) {
    core->stop = 0;
    core->interrupt = INTERRUPT_NONE;
    core->error = (uint32_t)uc_emu_start(core->uc, get(core, UC_ARM_REG_PC) | 1, 0, 0, 0);
    const uint32_t pc = get(core, UC_ARM_REG_PC);
    if (core->error)
        return false;
    if (core->interrupt != INTERRUPT_NONE)
        return pc >= MAGIC_PC && leave(core, pc | 1);
    if (core->stop == STOP_REPLAY) {
        note_count(core, pc);
        return true;
    }
    if (core->stop)
        return (core->stop & ~(uint32_t)(STOP_ATTENTION | STOP_EXCEPTION)) == 0;
    if (!ended_with_wfi(core, pc))
        return false;
    core->sleeping = 1;
    return true;
}

int run(struct core *core) {
    for (;;) {
        if (core->sleeping && !wake(core))
            return RUN_ASLEEP;
        if (!take_pending(core))
            return RUN_FAULT;
        if (core->sleeping)
            continue;
        if (!step(core))
            return core->stop == STOP_SLICE ? RUN_SLICE : RUN_EVENT;
    }
}
