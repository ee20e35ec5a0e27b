/* Exception entry and return (DDI 0403E B1.5). Twin: hil/emulator/exceptions.py. */
#include "core.h"

enum { FRAME = 8, EXTENDED = 26 }; /* words */
enum { PRIORITY_THREAD = 256 };
enum { XPSR_ALIGNED = 1 << 9, XPSR_T = 1 << 24, XPSR_NUMBER = 0x1FF };
enum { RETURN_PSP = 4, RETURN_THREAD = 8, RETURN_BASIC = 16 };
#define XPSR_IT 0x0600FC00U

static int frame_registers[FRAME] = {UC_ARM_REG_R0,  UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3,
                                     UC_ARM_REG_R12, UC_ARM_REG_LR, UC_ARM_REG_PC, UC_ARM_REG_XPSR};

static uint32_t group(const struct core *core, uint32_t number) {
    return core->priority[number] & core->group_mask;
}

/* The priority that a new exception must be better (smaller) than. */
static uint32_t execution_priority(struct core *core, bool with_primask) {
    uint32_t priority = core->active_priority;
    const uint32_t base = get(core, UC_ARM_REG_BASEPRI) & core->group_mask;
    if (base && base < priority)
        priority = base;
    if (with_primask && get(core, UC_ARM_REG_PRIMASK))
        priority = 0;
    return get(core, UC_ARM_REG_FAULTMASK) ? 0 : priority;
}

/* Return the pending and enabled interrupt of the best priority, 0 when there is none. Faults are
 * never pending here: they are taken where they happen. */
static uint32_t best_pending(const struct core *core) {
    uint32_t best = 0;
    for (uint32_t number = 11; number < EXCEPTIONS; number++) {
        if (core->pending[number] && core->enabled[number] &&
            (!best || core->priority[number] < core->priority[best]))
            best = number;
    }
    return best;
}

bool has_pending_to_wake(struct core *core) {
    const uint32_t best = best_pending(core);
    return best && group(core, best) < execution_priority(core, false);
}

/* Whether the mask registers let exception `number` through. */
bool is_open(struct core *core, uint32_t number) {
    return group(core, number) < execution_priority(core, true);
}

static void find_active_priority(struct core *core) {
    core->active_priority = PRIORITY_THREAD;
    for (uint32_t number = 2; number < EXCEPTIONS; number++) {
        if (!core->active[number])
            continue;
        const uint32_t priority = number <= 3 ? 0 : group(core, number);
        if (priority < core->active_priority)
            core->active_priority = priority;
    }
}

static bool write_words(struct core *core, uint32_t address, const uint32_t *words, size_t count) {
    return uc_mem_write(core->uc, address, words, 4 * count) == UC_ERR_OK;
}

static bool read_words(struct core *core, uint32_t address, uint32_t *words, size_t count) {
    return uc_mem_read(core->uc, address, words, 4 * count) == UC_ERR_OK;
}

static void read_fpu(struct core *core, uint32_t *words) {
    for (int i = 0; i < 16; i++)
        words[i] = get(core, UC_ARM_REG_S0 + i);
    words[16] = get(core, UC_ARM_REG_FPSCR);
    words[17] = 0;
}

static void write_fpu(struct core *core, const uint32_t *words) {
    for (int i = 0; i < 16; i++)
        set(core, UC_ARM_REG_S0 + i, words[i]);
    set(core, UC_ARM_REG_FPSCR, words[16]);
}

static void read_frame(struct core *core, uint32_t *words) {
    for (int i = 0; i < FRAME; i++)
        words[i] = get(core, frame_registers[i]);
}

/* Stack the frame and go to the handler; false when that cannot be done (nothing has changed). */
static bool enter(struct core *core, uint32_t number) {
    uint32_t words[EXTENDED], vector, sp = get(core, UC_ARM_REG_SP);
    const bool fpu = core->fpu_used && core->fpu_auto;
    const uint32_t size = fpu ? EXTENDED : FRAME;
    read_frame(core, words);
    if (fpu)
        read_fpu(core, words + FRAME);
    const uint32_t psr = words[7];
    const uint32_t aligned = sp & 4;
    words[7] = (psr & ~(uint32_t)XPSR_ALIGNED) | (aligned ? XPSR_ALIGNED : 0) | XPSR_T;
    sp -= aligned + 4 * size;
    if (!read_words(core, core->vector_table + 4 * number, &vector, 1) || !(vector & 1) ||
        !write_words(core, sp, words, size))
        return false;
    uint32_t exc_return = 0xFFFFFFE1U | (fpu ? 0 : RETURN_BASIC);
    if (!(psr & XPSR_NUMBER)) {
        const bool psp = get(core, UC_ARM_REG_CONTROL) & 2;
        exc_return |= RETURN_THREAD | (psp ? (uint32_t)RETURN_PSP : 0);
    }
    set(core, UC_ARM_REG_SP, sp);
    set(core, UC_ARM_REG_XPSR, (psr & ~(uint32_t)XPSR_NUMBER & ~XPSR_IT) | XPSR_T | number);
    set(core, UC_ARM_REG_LR, exc_return);
    set(core, UC_ARM_REG_PC, vector);
    core->active[number] = 1;
    core->pending[number] = 0;
    core->fpu_used = 0;
    core->event_register = 1;
    core->cycles += core->entry_cycles;
    core->expected = vector & ~1U;
    find_active_priority(core);
    return true;
}

/* Take the best pending interrupt if the priorities allow it. False: it cannot be entered, which
 * Python turns into the fault that it is. */
bool take_pending(struct core *core) {
    core->attention = core->candidate = 0;
    const uint32_t best = best_pending(core);
    if (!best || group(core, best) >= core->active_priority)
        return true;
    if (is_open(core, best))
        return enter(core, best);
    core->candidate = best; /* only a mask register holds it back */
    return true;
}

static bool is_legal_return(const struct core *core, uint32_t exc_return, uint32_t number) {
    const uint32_t kind = exc_return & 0xF;
    if ((exc_return & 0xFFFFFFE0U) != 0xFFFFFFE0U || !core->active[number])
        return false;
    uint32_t active = 0;
    for (uint32_t i = 1; i < EXCEPTIONS; i++)
        active += core->active[i];
    return kind == 1 ? active > 1 : (kind == 9 || kind == 13) && active == 1;
}

/* Unstack and go on where the exception came from; false when Python must raise a fault. */
bool leave(struct core *core, uint32_t exc_return) {
    const uint32_t number = get(core, UC_ARM_REG_XPSR) & XPSR_NUMBER;
    if (!number || !is_legal_return(core, exc_return, number))
        return false;
    const bool psp = exc_return & RETURN_PSP, fpu = !(exc_return & RETURN_BASIC);
    const uint32_t size = fpu ? EXTENDED : FRAME;
    uint32_t words[EXTENDED], sp = get(core, psp ? UC_ARM_REG_PSP : UC_ARM_REG_SP);
    if (!read_words(core, sp, words, size))
        return false;
    const uint32_t psr = words[7];
    if (((psr & XPSR_NUMBER) == 0) != ((exc_return & RETURN_THREAD) != 0))
        return false;
    sp += 4 * size + (psr & XPSR_ALIGNED ? 4 : 0);
    if (number != 2)
        set(core, UC_ARM_REG_FAULTMASK, 0);
    core->active[number] = 0;
    if (!psp)
        set(core, UC_ARM_REG_SP, sp);
    set(core, UC_ARM_REG_XPSR_NZCVQG, psr | XPSR_T);
    if (exc_return & RETURN_THREAD)
        set(core, UC_ARM_REG_CONTROL, (get(core, UC_ARM_REG_CONTROL) & ~2U) | (psp ? 2 : 0));
    if (psp)
        set(core, UC_ARM_REG_SP, sp);
    for (int i = 0; i < 6; i++)
        set(core, frame_registers[i], words[i]);
    set(core, UC_ARM_REG_PC, words[6] | 1);
    if (fpu)
        write_fpu(core, words + FRAME);
    core->fpu_used = fpu;
    core->event_register = 1;
    core->cycles += core->return_cycles;
    core->expected = words[6] & ~1U;
    find_active_priority(core);
    uart_update(core);
    core->sleeping = core->sleep_on_exit && (exc_return & RETURN_THREAD);
    return true;
}
