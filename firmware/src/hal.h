/* The whole contract between the firmware and a board. Three ports implement it: nrf52840,
 * stm32l476 and host (the same firmware as a process on a pty). Nothing above this line of the
 * design touches a register. */
#ifndef HAL_H
#define HAL_H

#include <stddef.h>
#include <stdint.h>

#include "sensor_chip.h"

/* What the fault handler saved; see LAST_FAULT in PROTOCOL.md. Survives a reset, not power. */
struct hal_fault {
    uint32_t count, exception, pc, lr, sp, psr, cfsr, hfsr, address, r[5];
};

/* What the receiver saw since the start. */
struct hal_link {
    uint32_t overruns, line_errors;
};

struct hal_memory {
    uint32_t flash_used, ram_static, stack_size, stack_peak;
};

/* Which motion sensor the board carries, and how it is reached; NULL and NULL: none. */
struct hal_sensor {
    const struct sensor_chip *chip;
    const struct sensor_port *port;
};

struct hal_identity {
    const char *board; /* as `--board` spells it */
    uint32_t clock_hz;
    uint32_t boot_id;
    uint64_t device_id;
    uint8_t reset_cause; /* enum wire_reset_cause */
};

/* Clocks, link, cycle counter. Called once, first. */
void hal_init(void);

/* Move up to `size` bytes that have arrived into `data`; return how many. Never waits. */
size_t hal_read(uint8_t *data, size_t size);

/* Queue up to `size` bytes to be sent; return how many were taken. Never waits. */
size_t hal_write(const uint8_t *data, size_t size);

/* True once everything queued has left the wire. */
int hal_write_done(void);

/* Sleep until an interrupt; returns at once when bytes are waiting (no race with their arrival). */
void hal_sleep(void);

/* The core's cycle counter (DWT CYCCNT), wrapping. */
uint32_t hal_cycles(void);

void hal_identity(struct hal_identity *identity);
void hal_memory(struct hal_memory *memory);
void hal_link(struct hal_link *link);
void hal_fault(struct hal_fault *fault);

struct hal_sensor hal_sensor(void);

/* The RAM that nothing else uses, aligned to 8 bytes; `*size` of it. Fixed for a given image. */
uint8_t *hal_spare_ram(size_t *size);

_Noreturn void hal_reset(void);

#endif
