/* SPI2 as a master with one data line both ways. Every wait is bounded. */
#ifndef SPI_H
#define SPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Clock and set-up; the pins are the caller's. */
void spi_start(void);

/* Send bytes, or receive them; false when the controller does not do its part. */
bool spi_send(const uint8_t *data, size_t size);
bool spi_receive(uint8_t *data, size_t size);

#endif
