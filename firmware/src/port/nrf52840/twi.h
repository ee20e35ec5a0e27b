/* TWI0, the I2C controller without EasyDMA, as its master. Every wait is bounded: false, where
 * nobody answers or the bus hangs. */
#ifndef TWI_H
#define TWI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pins and clock. `scl`, `sda`: pins of port 0. */
void twi_start(uint32_t scl, uint32_t sda);

/* Registers of a device, from `address` on; `size` is not 0. */
bool twi_read(uint8_t device, uint8_t address, uint8_t *data, size_t size);
bool twi_write(uint8_t device, uint8_t address, uint8_t value);

#endif
