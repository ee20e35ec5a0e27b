/* The nRF52840's registers, as far as the firmware uses them, by section of its Product
 * Specification (PS v1.7). All 32-bit. This table is complete: an emulator of these runs the image.
 *
 *   register            address      section  written with, or read for
 *   FICR DEVICEID[0..1] 0x10000060   4.4.1    read: the device's number
 *   TASKS_HFCLKSTART    0x40000000   5.4.2    1: the crystal, for an exact baud rate
 *   EVENTS_HFCLKSTARTED 0x40000100   5.4.2    0, then read until 1 (bounded)
 *   RESETREAS           0x40000400   5.3.7    read, then cleared by writing ones
 *   DCDCEN              0x40000578   5.3.7    1: the board has the inductor
 *   UART0 STARTRX       0x40002000   6.33     1
 *   UART0 STARTTX       0x40002008            1
 *   UART0 RXDRDY        0x40002108            read, 0
 *   UART0 TXDRDY        0x4000211C            read, 0
 *   UART0 ERROR         0x40002124            read, 0
 *   UART0 INTENSET      0x40002304            RXDRDY, TXDRDY, ERROR
 *   UART0 INTENCLR      0x40002308            all, before set-up
 *   UART0 ERRORSRC      0x40002480            read, cleared by writing ones
 *   UART0 ENABLE        0x40002500            0 (ends UARTE0, the same block), then 4
 *   UART0 PSELTXD       0x4000250C            P1.03
 *   UART0 PSELRXD       0x40002514            P1.10
 *   UART0 PSELRTS, CTS  0x40002508, 510       disconnected
 *   UART0 RXD           0x40002518            read
 *   UART0 TXD           0x4000251C            written
 *   UART0 BAUDRATE      0x40002524
 *   UART0 CONFIG        0x4000256C            0: no parity, no flow control
 *   RTC1 STOP           0x40011004   6.22     1: the bootloader's tick
 *   RTC1 INTENCLR       0x40011308            all
 *   RTC1 EVTENCLR       0x40011348            all
 *   NVMC ICACHECNF      0x4001E540   4.3.6    1: instruction cache on
 *   USBD USBPULLUP      0x40027504   6.35     0: off the bus, where the bootloader was on it
 *   P1 OUTSET           0x50000808   6.9      TXD idles high
 *   P1 PIN_CNF[3], [10] 0x50000A0C, A28       TXD output, RXD input with pull-up
 *
 * Interrupt: UART0 is number 2 (section 4.2.4: the peripheral's ID). */
#ifndef NRF52840_H
#define NRF52840_H

#include "core.h"

#define FICR_DEVICEID(word) REGISTER(0x10000060U + 4U * (word))

#define CLOCK_TASKS_HFCLKSTART REGISTER(0x40000000U)
#define CLOCK_EVENTS_HFCLKSTARTED REGISTER(0x40000100U)
#define POWER_RESETREAS REGISTER(0x40000400U)
#define RESETREAS_RESETPIN (1U << 0)
#define RESETREAS_DOG (1U << 1)
#define RESETREAS_SREQ (1U << 2)
#define POWER_DCDCEN REGISTER(0x40000578U)

#define UART0_TASKS_STARTRX REGISTER(0x40002000U)
#define UART0_TASKS_STARTTX REGISTER(0x40002008U)
#define UART0_EVENTS_RXDRDY REGISTER(0x40002108U)
#define UART0_EVENTS_TXDRDY REGISTER(0x4000211CU)
#define UART0_EVENTS_ERROR REGISTER(0x40002124U)
#define UART0_INTENSET REGISTER(0x40002304U)
#define UART0_INTENCLR REGISTER(0x40002308U)
#define UART_INT_RXDRDY (1U << 2)
#define UART_INT_TXDRDY (1U << 7)
#define UART_INT_ERROR (1U << 9)
#define UART0_ERRORSRC REGISTER(0x40002480U)
#define ERRORSRC_OVERRUN (1U << 0)
#define ERRORSRC_ALL 0xFU
#define UART0_ENABLE REGISTER(0x40002500U)
#define UART_ENABLE_UART 4U
#define UART0_PSELRTS REGISTER(0x40002508U)
#define UART0_PSELTXD REGISTER(0x4000250CU)
#define UART0_PSELCTS REGISTER(0x40002510U)
#define UART0_PSELRXD REGISTER(0x40002514U)
#define PSEL_DISCONNECTED 0xFFFFFFFFU
#define PSEL(port, pin) (32U * (port) + (pin))
#define UART0_RXD REGISTER(0x40002518U)
#define UART0_TXD REGISTER(0x4000251CU)
#define UART0_BAUDRATE REGISTER(0x40002524U)
#define UART0_CONFIG REGISTER(0x4000256CU)
#define UART0_INTERRUPT 2U

#define RTC1_TASKS_STOP REGISTER(0x40011004U)
#define RTC1_INTENCLR REGISTER(0x40011308U)
#define RTC1_EVTENCLR REGISTER(0x40011348U)

#define NVMC_ICACHECNF REGISTER(0x4001E540U)
#define USBD_USBPULLUP REGISTER(0x40027504U)

#define P1_OUTSET REGISTER(0x50000808U)
#define P1_PIN_CNF(pin) REGISTER(0x50000A00U + 4U * (pin))
#define PIN_CNF_OUTPUT 3U         /* direction output, input buffer disconnected */
#define PIN_CNF_INPUT_PULLUP 0xCU /* direction input, buffer connected, pull-up */

#endif
