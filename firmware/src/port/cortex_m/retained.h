/* What survives a reset, in RAM that start-up does not clear: the boot number and the last fault.
 */
#ifndef RETAINED_H
#define RETAINED_H

#include "hal.h"

/* Called once, before any RAM is painted or cleared. */
void retained_start(void);

/* Keep `fault` (its count is set here) for the next boot. */
void retained_keep_fault(const struct hal_fault *fault);

uint32_t retained_boot_id(void);

/* FAULT or HANG (enum wire_reset_cause) where one of them ended the previous boot. */
uint8_t retained_cause(uint8_t otherwise);

#endif
