/* What a chip adds to the Cortex-M4F port: its clocks, its UART, its identity. A new chip is a
 * folder that implements this header and holds a vector table. */
#ifndef CHIP_H
#define CHIP_H

#include <stdint.h>

/* Stop what a bootloader left running, set the clocks; return the core clock in Hz. */
uint32_t chip_start(void);

/* Why the chip last reset (enum of the wire protocol, without FAULT); clears the chip's record. */
uint8_t chip_reset_cause(void);

/* The chip's unique number. */
uint64_t chip_device_id(void);

/* Pins, baud rate, interrupts on. `clock_hz`: what chip_start returned. */
void uart_start(uint32_t clock_hz);

/* Bytes were queued: send if the transmitter is idle. Called with interrupts off. */
void uart_kick(void);

/* True when the last byte has left the shift register. */
int uart_idle(void);

/* The USB link, last: may go on in interrupts, which are still off, and switch them on. */
void usb_start(void);

/* Reset into the bootloader. */
void chip_enter_bootloader(void);

#endif
