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

/* True when the fault handler ended the previous boot. */
int retained_was_fault(void);

#endif
