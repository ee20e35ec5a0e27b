/* The nRF52840's registers, as far as the firmware uses them, by section of its Product
 * Specification (PS v1.7). All 32-bit. This table is complete: an emulator of these runs the image.
 *
 *   register            address      section  written with, or read for
 *   FICR DEVICEID[0..1] 0x10000060   4.4.1    read: the device's number
 *   TASKS_HFCLKSTART    0x40000000   5.4.2    1: the crystal, for an exact baud rate
 *   EVENTS_HFCLKSTARTED 0x40000100   5.4.2    0, then read until 1 (bounded)
 *   USBDETECTED         0x4000011C   5.3.6    read, 0; as USBREMOVED (120) and USBPWRRDY (124)
 *   POWER INTENSET      0x40000304   5.3.7    those three
 *   RESETREAS           0x40000400   5.3.7    read, then cleared by writing ones
 *   USBREGSTATUS        0x40000438   5.3.7    read: a voltage on VBUS, the regulator ready
 *   GPREGRET            0x4000051C   5.3.7    0xB0: the bootloader stays
 *   TRACECONFIG         0x4000055C   5.4.2    0: P1.00 is a port's pin, not SWO
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
 *   TWI0 (twi.c)        0x40003000   6.31     the one without EasyDMA
 *     STARTRX, STARTTX, STOP, RESUME  000, 008, 014, 020   1
 *     STOPPED, RXDREADY, TXDSENT, ERROR  104, 108, 11C, 124   read, 0
 *     SHORTS              200                 after a byte: suspend, or stop
 *     INTENCLR            308                 all
 *     ERRORSRC            4C4                 cleared by writing ones
 *     ENABLE              500                 0, 5
 *     PSELSCL, PSELSDA    508, 50C            P0.15, P0.14
 *     RXD, TXD            518, 51C            read, written
 *     FREQUENCY, ADDRESS  524, 588
 *   TIMER0 (timer.c)    0x40008000   6.30     microseconds, while the sensor is at work
 *     START, STOP, CLEAR  000, 004, 00C       1
 *     CAPTURE[1]          044                 1: the count is then in CC[1]
 *     COMPARE[0]          140                 0
 *     INTENSET            304                 COMPARE[0]
 *     MODE, BITMODE, PRESCALER  504, 508, 510   timer, 32 bits, 1 MHz
 *     CC[0], CC[1]        540, 544
 *   RTC1 STOP           0x40011004   6.22     1: the bootloader's tick
 *   RTC1 INTENCLR       0x40011308            all
 *   RTC1 EVTENCLR       0x40011348            all
 *   NVMC ICACHECNF      0x4001E540   4.3.6    1: instruction cache on
 *   USBD (usb.c)        0x40027000   6.35     not at all without a voltage on VBUS; then
 *     STARTEPIN, STARTEPOUT  004, 028         1: a packet to or from the endpoint's buffer
 *     EP0RCVOUT, EP0STATUS, EP0STALL  04C, 050, 054   1
 *     USBRESET, ENDEPIN, EP0DATADONE, ENDEPOUT, USBEVENT, EP0SETUP, EPDATA
 *                         100, 108, 128, 130, 158, 15C, 160   read, 0
 *     INTENSET, INTENCLR  304, 308
 *     EVENTCAUSE, EPDATASTATUS  400, 46C      read, cleared by writing ones
 *     BMREQUESTTYPE …     480 to 49C          read: a SETUP's bytes
 *     SIZE.EPOUT          4A0                 read; 0: take a packet
 *     ENABLE, USBPULLUP   500, 504            0: off the bus, where the bootloader was on it
 *     DTOGGLE, EPINEN, EPOUTEN, EPSTALL  50C, 510, 514, 518
 *     LOWPOWER            52C
 *     EPIN, EPOUT         600, 700            PTR, MAXCNT, AMOUNT, 0x14 apart
 *     0x40027C1C                              errata 199
 *   0x4006EC00, C14, D14                      errata 171, 187, 211
 *   P0 OUTSET, OUTCLR   0x50000508   6.9      the sensor's power
 *   P0 PIN_CNF[14], [15], [22]  0x50000738…   SDA, SCL; power, output
 *   P1 OUTSET, OUTCLR   0x50000808   6.9      TXD idles high; the pull-ups of SDA and SCL
 *   P1 PIN_CNF[0], [3], [10]  0x50000A00, A0C, A28   pull-ups' supply and TXD output, RXD input
 *                                             with pull-up
 *
 * Interrupts: POWER is number 0, UART0 2, TIMER0 8, USBD 39 (section 4.2.4: the peripheral's ID).
 */
#ifndef NRF52840_H
#define NRF52840_H

#include "core.h"

#define FICR_DEVICEID(word) REGISTER(0x10000060U + 4U * (word))

#define CLOCK_TASKS_HFCLKSTART REGISTER(0x40000000U)
#define CLOCK_EVENTS_HFCLKSTARTED REGISTER(0x40000100U)
#define POWER_EVENTS_USBDETECTED REGISTER(0x4000011CU)
#define POWER_EVENTS_USBREMOVED REGISTER(0x40000120U)
#define POWER_EVENTS_USBPWRRDY REGISTER(0x40000124U)
#define POWER_INTENSET REGISTER(0x40000304U)
#define POWER_INT_USB (7U << 7) /* USBDETECTED, USBREMOVED, USBPWRRDY */
#define POWER_USBREGSTATUS REGISTER(0x40000438U)
#define USBREGSTATUS_VBUSDETECT (1U << 0)
#define USBREGSTATUS_OUTPUTRDY (1U << 1)
#define POWER_GPREGRET REGISTER(0x4000051CU)
#define POWER_INTERRUPT 0U
#define POWER_RESETREAS REGISTER(0x40000400U)
#define RESETREAS_RESETPIN (1U << 0)
#define RESETREAS_DOG (1U << 1)
#define RESETREAS_SREQ (1U << 2)
#define CLOCK_TRACECONFIG REGISTER(0x4000055CU)
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
#define ERRORSRC_BREAK (1U << 3)
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

#define TWI0_TASKS_STARTRX REGISTER(0x40003000U)
#define TWI0_TASKS_STARTTX REGISTER(0x40003008U)
#define TWI0_TASKS_STOP REGISTER(0x40003014U)
#define TWI0_TASKS_RESUME REGISTER(0x40003020U)
#define TWI0_EVENTS_STOPPED REGISTER(0x40003104U)
#define TWI0_EVENTS_RXDREADY REGISTER(0x40003108U)
#define TWI0_EVENTS_TXDSENT REGISTER(0x4000311CU)
#define TWI0_EVENTS_ERROR REGISTER(0x40003124U)
#define TWI0_SHORTS REGISTER(0x40003200U)
#define TWI_SHORTS_BB_SUSPEND (1U << 0)
#define TWI_SHORTS_BB_STOP (1U << 1)
#define TWI0_INTENCLR REGISTER(0x40003308U)
#define TWI0_ERRORSRC REGISTER(0x400034C4U)
#define TWI_ERRORSRC_ALL 7U
#define TWI0_ENABLE REGISTER(0x40003500U)
#define TWI_ENABLE_TWI 5U
#define TWI0_PSELSCL REGISTER(0x40003508U)
#define TWI0_PSELSDA REGISTER(0x4000350CU)
#define TWI0_RXD REGISTER(0x40003518U)
#define TWI0_TXD REGISTER(0x4000351CU)
#define TWI0_FREQUENCY REGISTER(0x40003524U)
#define TWI_FREQUENCY_K250 0x04000000U
#define TWI0_ADDRESS REGISTER(0x40003588U)

#define TIMER0_TASKS_START REGISTER(0x40008000U)
#define TIMER0_TASKS_STOP REGISTER(0x40008004U)
#define TIMER0_TASKS_CLEAR REGISTER(0x4000800CU)
#define TIMER0_TASKS_CAPTURE1 REGISTER(0x40008044U)
#define TIMER0_EVENTS_COMPARE0 REGISTER(0x40008140U)
#define TIMER0_INTENSET REGISTER(0x40008304U)
#define TIMER_INT_COMPARE0 (1U << 16)
#define TIMER0_MODE REGISTER(0x40008504U)
#define TIMER_MODE_TIMER 0U
#define TIMER0_BITMODE REGISTER(0x40008508U)
#define TIMER_BITMODE_32 3U
#define TIMER0_PRESCALER REGISTER(0x40008510U)
#define TIMER_PRESCALER_1_MHZ 4U /* 16 MHz / 2^4 */
#define TIMER0_CC(number) REGISTER(0x40008540U + 4U * (number))
#define TIMER0_INTERRUPT 8U

#define RTC1_TASKS_STOP REGISTER(0x40011004U)
#define RTC1_INTENCLR REGISTER(0x40011308U)
#define RTC1_EVTENCLR REGISTER(0x40011348U)

#define NVMC_ICACHECNF REGISTER(0x4001E540U)

#define USBD_TASKS_STARTEPIN(number) REGISTER(0x40027004U + 4U * (number))
#define USBD_TASKS_STARTEPOUT(number) REGISTER(0x40027028U + 4U * (number))
#define USBD_TASKS_EP0RCVOUT REGISTER(0x4002704CU)
#define USBD_TASKS_EP0STATUS REGISTER(0x40027050U)
#define USBD_TASKS_EP0STALL REGISTER(0x40027054U)
#define USBD_EVENTS_USBRESET REGISTER(0x40027100U)
#define USBD_EVENTS_ENDEPIN(number) REGISTER(0x40027108U + 4U * (number))
#define USBD_EVENTS_EP0DATADONE REGISTER(0x40027128U)
#define USBD_EVENTS_ENDEPOUT(number) REGISTER(0x40027130U + 4U * (number))
#define USBD_EVENTS_USBEVENT REGISTER(0x40027158U)
#define USBD_EVENTS_EP0SETUP REGISTER(0x4002715CU)
#define USBD_EVENTS_EPDATA REGISTER(0x40027160U)
#define USBD_INTENSET REGISTER(0x40027304U)
#define USBD_INTENCLR REGISTER(0x40027308U)
#define USBD_INT_USBRESET (1U << 0)
#define USBD_INT_EP0DATADONE (1U << 10)
#define USBD_INT_USBEVENT (1U << 22)
#define USBD_INT_EP0SETUP (1U << 23)
#define USBD_INT_EPDATA (1U << 24)
#define USBD_EVENTCAUSE REGISTER(0x40027400U)
#define EVENTCAUSE_SUSPEND (1U << 8)
#define EVENTCAUSE_RESUME (1U << 9)
#define EVENTCAUSE_USBWUALLOWED (1U << 10)
#define EVENTCAUSE_READY (1U << 11)
#define USBD_EPDATASTATUS REGISTER(0x4002746CU)
#define USBD_SETUP(byte) REGISTER(0x40027480U + 4U * (byte))
#define USBD_SIZE_EPOUT(number) REGISTER(0x400274A0U + 4U * (number))
#define USBD_ENABLE REGISTER(0x40027500U)
#define USBD_USBPULLUP REGISTER(0x40027504U)
#define USBD_DTOGGLE REGISTER(0x4002750CU)
#define DTOGGLE_DATA0 (1U << 8)
#define USBD_EPINEN REGISTER(0x40027510U)
#define USBD_EPOUTEN REGISTER(0x40027514U)
#define USBD_EPSTALL REGISTER(0x40027518U)
#define EPSTALL_IN (1U << 7) /* in DTOGGLE as well */
#define EPSTALL_STALL (1U << 8)
#define USBD_LOWPOWER REGISTER(0x4002752CU)
#define USBD_EPIN_PTR(number) REGISTER(0x40027600U + 0x14U * (number))
#define USBD_EPIN_MAXCNT(number) REGISTER(0x40027604U + 0x14U * (number))
#define USBD_EPOUT_PTR(number) REGISTER(0x40027700U + 0x14U * (number))
#define USBD_EPOUT_MAXCNT(number) REGISTER(0x40027704U + 0x14U * (number))
#define USBD_EPOUT_AMOUNT(number) REGISTER(0x40027708U + 0x14U * (number))
#define USBD_INTERRUPT 39U

/* Registers that only the errata name. */
#define HIDDEN_199 REGISTER(0x40027C1CU)
#define HIDDEN_199_ON 0x82U
#define HIDDEN_LOCK REGISTER(0x4006EC00U)
#define HIDDEN_KEY 0x9375U
#define HIDDEN_171 REGISTER(0x4006EC14U)
#define HIDDEN_171_ON 0xC0U
#define HIDDEN_187 REGISTER(0x4006ED14U)
#define HIDDEN_187_ON 3U

#define P0_OUTSET REGISTER(0x50000508U)
#define P0_OUTCLR REGISTER(0x5000050CU)
#define P0_PIN_CNF(pin) REGISTER(0x50000700U + 4U * (pin))
#define P1_OUTSET REGISTER(0x50000808U)
#define P1_OUTCLR REGISTER(0x5000080CU)
#define P1_PIN_CNF(pin) REGISTER(0x50000A00U + 4U * (pin))
#define PIN_CNF_OUTPUT 3U         /* direction output, input buffer disconnected */
#define PIN_CNF_INPUT_PULLUP 0xCU /* direction input, buffer connected, pull-up */
#define PIN_CNF_OPEN_DRAIN 0x600U /* direction input, buffer connected, drive S0D1 (PS 6.31.6) */

#endif
