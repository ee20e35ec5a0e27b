#include "retained.h"

#include <stdbool.h>

#include "core.h"
#include "wire_schema.h"

/* Changes with the layout below, so that another firmware's record is not mistaken for this one. */
#define MAGIC 0x54484C31U
#define PEND_SV 14U /* DDI 0403E B1.5.2 */

struct retained {
    uint32_t boot_id;
    uint32_t fault_pending; /* set by the fault handler, cleared by the next boot */
    uint32_t was_fault;     /* the previous boot ended in a fault */
    struct hal_fault fault;
    uint32_t check; /* of all before it, last */
};

static struct retained retained __attribute__((section(".retained")));

static uint32_t mix(uint32_t hash, uint32_t word) {
    /* FNV-1a over words: detects what a bootloader or a power cut overwrote. */
    return (hash ^ word) * 16777619U;
}

static uint32_t check(void) {
    const uint32_t *word = (const uint32_t *)&retained;
    uint32_t hash = MAGIC;
    for (size_t i = 0; i < offsetof(struct retained, check) / sizeof *word; i++)
        hash = mix(hash, word[i]);
    return hash;
}

/* RAM's content after power-on differs from time to time in some cells: enough to tell boots apart
 * without a random number generator. */
static uint32_t power_on_noise(void) {
    uint32_t hash = MAGIC;
    for (const uint32_t *word = _stack_bottom; word < _ram_end; word++)
        hash = mix(hash, *word);
    return hash;
}

void retained_start(void) {
    if (retained.check != check()) {
        const uint32_t first = power_on_noise();
        retained = (struct retained){.boot_id = first};
    }
    retained.boot_id++;
    retained.was_fault = retained.fault_pending;
    retained.fault_pending = false;
    retained.check = check();
}

void retained_keep_fault(const struct hal_fault *fault) {
    const uint32_t count = retained.fault.count + 1U;
    retained.fault = *fault;
    retained.fault.count = count;
    retained.fault_pending = true;
    retained.check = check();
}

uint32_t retained_boot_id(void) {
    return retained.boot_id;
}

uint8_t retained_cause(uint8_t otherwise) {
    if (!retained.was_fault)
        return otherwise;
    return retained.fault.exception == PEND_SV ? WIRE_RESET_CAUSE_HANG : WIRE_RESET_CAUSE_FAULT;
}

void hal_fault(struct hal_fault *fault) {
    *fault = retained.fault;
}
