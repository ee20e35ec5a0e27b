/* The emulator's hot paths: counting at every basic block, the UARTs' data registers, exception
 * entry and return. Compiled by hil/emulator/native.py at first use.
 *
 * Everything here has a twin in Python with the same results, held to it by tests; only speed
 * differs. `struct core` is the same memory for both: hil/emulator/state.py declares it field by
 * field, and core_size() shows a difference. */
#ifndef CORE_H
#define CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unicorn/unicorn.h>

#define NEVER UINT64_MAX

enum {
    STOP_SLICE = 1,
    STOP_ATTENTION = 2,
    STOP_EXCEPTION = 4,
    STOP_FPU_OFF = 8,
    STOP_REPLAY = 16,
    STOP_DIVISION = 64
};
enum { FLAG_FPU = 1, FLAG_WFI = 2, FLAG_SEV = 8 };

/* What run() ends with; the rest it deals with itself. */
enum { RUN_SLICE, RUN_ASLEEP, RUN_EVENT, RUN_FAULT };

struct block {
    uint32_t address, size; /* size 0: empty */
    uint32_t instructions, cycles;
    uint32_t flags;
};

#define CACHE_SIZE 16384U /* a power of two; a firmware has a few thousand blocks */

/* Bytes that instant pacing hands over before the firmware sleeps again (hil/emulator/uart.py). */
#define BURST 1024U

#define QUEUE_SIZE 65536U
struct queue {
    uint32_t head, tail; /* free running */
    uint8_t bytes[QUEUE_SIZE];
};

enum { KIND_NRF52840, KIND_STM32L476 };

struct uart {
    uint32_t kind, number; /* chip; exception number */
    uint32_t fifo_depth, fifo_count;
    uint32_t receiving, sending;  /* switched on by the firmware */
    uint32_t events, irq_enabled; /* the chip's own bits: each front end says which */
    uint32_t errors;              /* sticky, likewise */
    uint32_t level;               /* the interrupt line */
    uint32_t burst;               /* bytes that instant pacing may still hand over */
    uint32_t receive_busy, transmit_busy, transmit_byte, hold_full, hold_byte;
    uint32_t overruns, overwritten;
    uint64_t byte_cycles; /* 0: instant pacing */
    uint64_t receive_due, transmit_due, due;
    uint64_t received, sent;
    uint8_t fifo[8];
    struct queue from_host, to_host;
};

#define EXCEPTIONS 256U

struct core {
    uint64_t instructions, cycles, slept;
    uint64_t slice_end;
    uint32_t block_address, block_size, expected, stopped_size;
    uint32_t stop, attention;
    uint32_t candidate;       /* pending, and held back by a mask register alone; 0: none */
    uint32_t patience;        /* asleep, the line idle towards the firmware: ask the host first */
    uint32_t active_priority; /* of what runs, without the mask registers; 256: thread mode */
    uint32_t fpu_used, fpu_off, refill;
    uint32_t interrupt, error, sleeping, event_register, replay, cached;
    uint32_t vector_table, group_mask, sleep_on_exit, fpu_auto, trap_division;
    uint32_t cyccnt_from_cycles;
    uint32_t entry_cycles, return_cycles;
    uint64_t replay_count; /* the counter where a DWT register is being touched */
    uint8_t pending[EXCEPTIONS], enabled[EXCEPTIONS], active[EXCEPTIONS], priority[EXCEPTIONS];
    struct uart uart;
    struct block cache[CACHE_SIZE];
    uc_engine *uc;
    void (*analyse)(uint32_t address, uint32_t size, struct block *block);
    uc_cb_mmio_read_t uart_read;
    uc_cb_mmio_write_t uart_write;
};

static inline uint64_t now(const struct core *core) {
    return core->cycles + core->slept;
}

static inline uint32_t get(struct core *core, int reg) {
    uint32_t value = 0;
    uc_reg_read(core->uc, reg, &value);
    return value;
}

static inline void set(struct core *core, int reg, uint32_t value) {
    uc_reg_write(core->uc, reg, &value);
}

/* uart.c */
void uart_advance(struct core *core);
bool uart_look(struct core *core);
void uart_update(struct core *core);

/* exceptions.c */
bool take_pending(struct core *core);
bool is_open(struct core *core, uint32_t number);
bool has_pending_to_wake(struct core *core);
bool leave(struct core *core, uint32_t exc_return);

#endif
