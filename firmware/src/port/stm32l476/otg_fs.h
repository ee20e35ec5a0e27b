/* The STM32L476's OTG_FS registers, as far as the firmware uses them (RM0351, chapter 47). All
 * 32-bit. Like stm32l476.h's, this table is complete.
 *
 *   register         offset   written with, or read for
 *   GOTGCTL          0x000    BVALOEN, BVALOVAL: the session is valid, whatever VBUS says
 *   GAHBCFG          0x008    GINTMSK: interrupts on
 *   GUSBCFG          0x00C    FDMOD, TRDT for an AHB of 32 MHz and more
 *   GRSTCTL          0x010    AHBIDL read; TXFFLSH with a FIFO's number, read until 0
 *   GINTSTS          0x014    what happened; USBSUSP, USBRST, WKUPINT cleared by writing 1;
 *                             GONAKEFF read: no OUT endpoint takes a packet
 *   GINTMSK          0x018    what interrupts
 *   GRXSTSP          0x020    one entry off the receive FIFO
 *   GRXFSIZ          0x024    the receive FIFO's words
 *   DIEPTXF0         0x028    transmit FIFO 0: start, words
 *   GCCFG            0x038    PWRDWN: the transceiver is on (0 is off); no VBUS detection
 *   DIEPTXF(n)       0x104+   transmit FIFO n, from 1
 *   DCFG             0x800    DSPD full speed, DAD the address
 *   DCTL             0x804    SDIS: no pull-up; SGONAK, CGONAK: every OUT endpoint NAKs, or not
 *   DIEPMSK, DOEPMSK 0x810+   XFRC; STUP for OUT
 *   DAINTMSK         0x81C    the endpoints that interrupt
 *   DIEPCTL(n)       0x900+   endpoint n, IN: type, FIFO, STALL, NAK, DATA0, enable, disable
 *   DIEPINT(n)       0x908+   XFRC, EPDISD, INEPNE; cleared by writing 1
 *   DIEPTSIZ(n)      0x910+   packets and bytes of a transfer
 *   DOEPCTL(n)       0xB00+   endpoint n, OUT: as for IN
 *   DOEPINT(n)       0xB08+   XFRC, STUP, EPDISD; whatever is set is cleared
 *   DOEPTSIZ(n)      0xB10+   packets and bytes; for endpoint 0 also SETUPs in a row
 *   FIFO(n)          0x1000+  written: transmit FIFO n; read: the receive FIFO
 *
 * Interrupt: number 67 (section 13.3, table 57). */
#ifndef OTG_FS_H
#define OTG_FS_H

#include "core.h"

#define OTG(offset) REGISTER(0x50000000U + (offset))
#define OTG_INTERRUPT 67U

#define GOTGCTL OTG(0x000U)
#define GOTGCTL_BVALOVAL (1U << 7)
#define GOTGCTL_BVALOEN (1U << 6)
#define GAHBCFG OTG(0x008U)
#define GAHBCFG_GINTMSK (1U << 0)
#define GUSBCFG OTG(0x00CU)
#define GUSBCFG_FDMOD (1U << 30)
#define GUSBCFG_TRDT (0xFU << 10)
#define GUSBCFG_TRDT_32_MHZ (6U << 10)
#define GRSTCTL OTG(0x010U)
#define GRSTCTL_AHBIDL (1U << 31)
#define GRSTCTL_TXFNUM(number) ((number) << 6)
#define GRSTCTL_TXFFLSH (1U << 5)
#define GINTSTS OTG(0x014U)
#define GINTMSK OTG(0x018U)
#define GINT_WKUP (1U << 31)
#define GINT_OEPINT (1U << 19)
#define GINT_IEPINT (1U << 18)
#define GINT_USBRST (1U << 12)
#define GINT_USBSUSP (1U << 11)
#define GINT_GONAKEFF (1U << 7)
#define GINT_RXFLVL (1U << 4)
#define GRXSTSP OTG(0x020U)
#define GRXSTSP_EPNUM(entry) ((entry)&0xFU)
#define GRXSTSP_BCNT(entry) ((entry) >> 4 & 0x7FFU)
#define GRXSTSP_PKTSTS(entry) ((entry) >> 17 & 0xFU)
#define PKTSTS_DATA 2U
#define PKTSTS_SETUP 6U
#define GRXFSIZ OTG(0x024U)
#define DIEPTXF0 OTG(0x028U)
#define DIEPTXF(number) OTG(0x100U + 4U * (number))
#define DIEPTXF_AT(start, words) ((words) << 16 | (start))
#define GCCFG OTG(0x038U)
#define GCCFG_PWRDWN (1U << 16)

#define DCFG OTG(0x800U)
#define DCFG_DAD(address) ((uint32_t)(address) << 4)
#define DCFG_DSPD_FULL 3U
#define DCTL OTG(0x804U)
#define DCTL_CGONAK (1U << 10)
#define DCTL_SGONAK (1U << 9)
#define DCTL_SDIS (1U << 1)
#define DIEPMSK OTG(0x810U)
#define DOEPMSK OTG(0x814U)
#define DAINTMSK OTG(0x81CU)
#define DAINT_IN(number) (1U << (number))
#define DAINT_OUT(number) (0x10000U << (number))

#define DIEPCTL(number) OTG(0x900U + 0x20U * (number))
#define DIEPINT(number) OTG(0x908U + 0x20U * (number))
#define DIEPTSIZ(number) OTG(0x910U + 0x20U * (number))
#define DOEPCTL(number) OTG(0xB00U + 0x20U * (number))
#define DOEPINT(number) OTG(0xB08U + 0x20U * (number))
#define DOEPTSIZ(number) OTG(0xB10U + 0x20U * (number))
#define EPCTL_EPENA (1U << 31)
#define EPCTL_EPDIS (1U << 30)
#define EPCTL_SD0PID (1U << 28)
#define EPCTL_SNAK (1U << 27)
#define EPCTL_CNAK (1U << 26)
#define EPCTL_TXFNUM(number) ((number) << 22)
#define EPCTL_STALL (1U << 21)
#define EPCTL_EPTYP(type) ((uint32_t)(type) << 18)
#define EPCTL_USBAEP (1U << 15)
#define EPCTL_MPSIZ(size) ((uint32_t)(size)) /* endpoint 0 has a code here: 0 is 64 */
#define EPINT_INEPNE (1U << 6)
#define EPINT_STUP (1U << 3)
#define EPINT_EPDISD (1U << 1)
#define EPINT_XFRC (1U << 0)
#define EPTSIZ_STUPCNT (3U << 29)
#define EPTSIZ_PACKETS(count) ((count) << 19)

#define FIFO(number) OTG(0x1000U + 0x1000U * (number))

#endif
