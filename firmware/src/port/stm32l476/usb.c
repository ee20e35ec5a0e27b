/* The STM32L476's OTG_FS (RM0351 47) as a device, for firmware/lib/usb; without its DMA. It starts
 * once usb_start.c has 48 MHz for it.
 *
 * A packet to the host lies in its endpoint's transmit FIFO until it is taken: one at a time. What
 * comes goes through one receive FIFO for all endpoints; an endpoint is enabled for one packet at a
 * time, and NAKs until it is enabled again, so the FIFO has room for whatever may come.
 *
 * The B session is declared valid, and VBUS not sensed: whether the SensorTile's PA9 sees VBUS is
 * not known here, and ST's own firmware for it (STSW-STLKT01, usbd_conf.c) does not sense it. A
 * pulled cable then looks like a suspended bus, and the next one begins with a reset. Until then
 * the session stays with USB, unless a HELLO comes over the UART (link.h).
 *
 * Erratum of the controller (in ST's sheets for the STM32L4 series): a packet's words going into a
 * transmit FIFO must not be interleaved with accesses to its other registers. All accesses are made
 * from this interrupt, or with interrupts off.
 *
 * The controller's revision, 3.10a, ends a transfer of endpoint 0 that was none: between a SETUP
 * and its end, and when the status stage of an OUT request begins. The second sets
 * DOEPINT.STSPHSRX, and no further SETUP ends until that is cleared. (Neither is in RM0351;
 * TinyUSB's driver, dcd_dwc2.c, tells of it on this chip.) So only what brought a packet counts,
 * and all of DOEPINT is cleared. */
#include <string.h>

#include "core.h"
#include "link.h"
#include "otg_fs.h"
#include "usb_controller.h"
#include "usb_descriptors.h"
#include "usb_device.h"
#include "vectors.h"

/* The UART's: no handler interrupts another, and rings have one producer. */
#define PRIORITY 0x80U
#define IN_ENDPOINTS 3U

/* What is waited for comes within a packet's time on the bus, 55 µs; a loop takes 50 ns or more.
 * Should it not come, the core still runs, and the UART serves. */
#define WAIT_LOOPS 10000U

/* In words, of 320 (RM0351 47, "Device FIFO RAM allocation", for the smallest receive FIFO that
 * will do: 10 for SETUPs, 17 for a packet of 64 bytes and its entry, 2 for each OUT endpoint, 1;
 * two packets are let in). */
#define RECEIVE_WORDS 64U
#define TRANSMIT_WORDS 16U /* the least that may be; a packet of 64 bytes */
#define TRANSMIT_START(number) (RECEIVE_WORDS + TRANSMIT_WORDS * (number))

static uint8_t control_data[USB_EP0_SIZE], bulk_data[USB_EP0_SIZE], setup[8];
static size_t control_size, bulk_size;
static uint8_t setup_waits;  /* a SETUP has been read off the FIFO and not yet been answered */
static uint8_t control_came; /* control_data is a packet that the core has not been given */

static void wait_for(volatile const uint32_t *address, uint32_t bits, uint32_t value) {
    for (uint32_t i = 0; i < WAIT_LOOPS && (*address & bits) != value; i++)
        ;
}

/* Takes effect within 25 ms (RM0351 47, GUSBCFG.FDMOD): usb_start.c waits. Returns 0 where nothing
 * answers at the controller's address. */
int usb_controller_start(void) {
    wait_for(&GRSTCTL, GRSTCTL_AHBIDL, GRSTCTL_AHBIDL);
    if ((GRSTCTL & GRSTCTL_AHBIDL) == 0U)
        return 0;
    GUSBCFG = (GUSBCFG & ~GUSBCFG_TRDT) | GUSBCFG_TRDT_32_MHZ | GUSBCFG_FDMOD;
    return 1;
}

static void divide_memory(void) {
    GRXFSIZ = RECEIVE_WORDS;
    DIEPTXF0 = DIEPTXF_AT(TRANSMIT_START(0U), TRANSMIT_WORDS);
    for (uint32_t number = 1; number < IN_ENDPOINTS; number++)
        DIEPTXF(number) = DIEPTXF_AT(TRANSMIT_START(number), TRANSMIT_WORDS);
}

void usb_controller_connect(void) {
    DCTL = DCTL_SDIS;
    GOTGCTL = GOTGCTL_BVALOEN | GOTGCTL_BVALOVAL;
    GCCFG = GCCFG_PWRDWN;
    DCFG = DCFG_DSPD_FULL;
    divide_memory();
    DIEPMSK = EPINT_XFRC;
    DOEPMSK = EPINT_XFRC | EPINT_STUP;
    DAINTMSK = DAINT_IN(0U) | DAINT_OUT(0U);
    GINTSTS = GINT_WKUP | GINT_USBRST | GINT_USBSUSP;
    GINTMSK = GINT_WKUP | GINT_OEPINT | GINT_IEPINT | GINT_USBRST | GINT_USBSUSP | GINT_RXFLVL;
    GAHBCFG = GAHBCFG_GINTMSK;
    nvic_enable(OTG_INTERRUPT, PRIORITY);
    DCTL = 0U;
}

static uint32_t number_of(uint8_t endpoint) {
    return endpoint & 0xFU;
}

/* Throw away a packet that the host has not taken: RM0351 47, "IN endpoint disable". */
static void drop_packet(uint32_t number) {
    if ((DIEPCTL(number) & EPCTL_EPENA) == 0U)
        return;
    DIEPCTL(number) |= EPCTL_SNAK;
    wait_for(&DIEPINT(number), EPINT_INEPNE, EPINT_INEPNE);
    DIEPCTL(number) |= EPCTL_EPDIS | EPCTL_SNAK;
    wait_for(&DIEPINT(number), EPINT_EPDISD, EPINT_EPDISD);
    DIEPINT(number) = EPINT_INEPNE | EPINT_EPDISD | EPINT_XFRC;
    GRSTCTL = GRSTCTL_TXFNUM(number) | GRSTCTL_TXFFLSH;
    wait_for(&GRSTCTL, GRSTCTL_TXFFLSH, 0U);
}

static void take_packet(uint8_t *data, size_t size) {
    for (size_t at = 0; at < size; at += 4U) {
        const uint32_t word = FIFO(0U);
        if (at < USB_EP0_SIZE)
            memcpy(data + at, &word, 4U);
    }
}

/* The entries that end a transfer or a SETUP carry nothing: popping them raises XFRC or STUP. */
static void take_entry(void) {
    const uint32_t entry = GRXSTSP;
    const size_t size = GRXSTSP_BCNT(entry);
    if (GRXSTSP_PKTSTS(entry) == PKTSTS_SETUP) {
        uint32_t words[2] = {FIFO(0U), FIFO(0U)};
        memcpy(setup, words, sizeof setup);
        setup_waits = 1U;
    } else if (GRXSTSP_PKTSTS(entry) == PKTSTS_DATA && GRXSTSP_EPNUM(entry) == 0U) {
        take_packet(control_data, size);
        control_size = size;
        control_came = 1U;
    } else if (GRXSTSP_PKTSTS(entry) == PKTSTS_DATA) {
        take_packet(bulk_data, size);
        bulk_size = size;
    }
}

/* RM0351 47, "Setting the global OUT NAK": it takes effect once its mark has come off the receive
 * FIFO, and whatever came before it. */
static void nak_all_out(void) {
    DCTL = DCTL_SGONAK;
    for (uint32_t i = 0; i < WAIT_LOOPS; i++) {
        const uint32_t events = GINTSTS;
        if (events & GINT_RXFLVL)
            take_entry();
        else if (events & GINT_GONAKEFF)
            return;
    }
}

/* RM0351 47, "Disabling an OUT endpoint"; endpoint 0 cannot be. A packet that has come by then has
 * ended the read: its XFRC stays, for packets_came. */
static void end_read(uint32_t number) {
    nak_all_out();
    if (DOEPCTL(number) & EPCTL_EPENA) {
        DOEPCTL(number) |= EPCTL_EPDIS | EPCTL_SNAK;
        wait_for(&DOEPINT(number), EPINT_EPDISD, EPINT_EPDISD);
        DOEPINT(number) = EPINT_EPDISD;
    }
    DCTL = DCTL_CGONAK;
}

void usb_driver_open(uint8_t endpoint, enum usb_endpoint_type type, size_t size) {
    const uint32_t number = number_of(endpoint);
    const uint32_t control =
        EPCTL_SD0PID | EPCTL_SNAK | EPCTL_USBAEP | EPCTL_EPTYP(type) | EPCTL_MPSIZ(size);
    if (endpoint & USB_IN) {
        DIEPCTL(number) = control | EPCTL_TXFNUM(number);
        DAINTMSK |= DAINT_IN(number);
    } else {
        DOEPCTL(number) = control;
        DAINTMSK |= DAINT_OUT(number);
    }
}

/* What came and was not yet dealt with is dropped with the rest. */
void usb_driver_close(uint8_t endpoint) {
    const uint32_t number = number_of(endpoint);
    if (endpoint & USB_IN) {
        drop_packet(number);
        DIEPCTL(number) = EPCTL_SNAK;
        DAINTMSK &= ~DAINT_IN(number);
    } else {
        end_read(number);
        DOEPINT(number) = EPINT_XFRC;
        DOEPCTL(number) = EPCTL_SNAK;
        DAINTMSK &= ~DAINT_OUT(number);
    }
}

void usb_driver_write(uint8_t endpoint, const uint8_t *data, size_t size) {
    const uint32_t number = number_of(endpoint);
    DIEPTSIZ(number) = EPTSIZ_PACKETS(1U) | (uint32_t)size;
    DIEPCTL(number) |= EPCTL_EPENA | EPCTL_CNAK;
    for (size_t at = 0; at < size; at += 4U) {
        uint32_t word = 0;
        memcpy(&word, data + at, size - at < 4U ? size - at : 4U);
        FIFO(number) = word;
    }
}

/* The size may not be written while the endpoint is enabled; it is always the same. A packet that
 * came as its endpoint halted is what is asked for: no other is let in over it. */
void usb_driver_read(uint8_t endpoint) {
    const uint32_t number = number_of(endpoint);
    if (number && DOEPINT(number) & EPINT_XFRC)
        return;
    if ((DOEPCTL(number) & EPCTL_EPENA) == 0U)
        DOEPTSIZ(number) = EPTSIZ_PACKETS(1U) | USB_EP0_SIZE | (number ? 0U : EPTSIZ_STUPCNT);
    DOEPCTL(number) |= EPCTL_EPENA | EPCTL_CNAK;
}

static void stall_in(uint32_t number, int on) {
    if (on) {
        DIEPCTL(number) |= EPCTL_STALL;
        return;
    }
    drop_packet(number);
    DIEPCTL(number) = (DIEPCTL(number) & ~EPCTL_STALL) | EPCTL_SD0PID;
}

/* A read under way ends with either (RM0351 47, "Stalling a nonisochronous OUT endpoint"). */
static void stall_out(uint32_t number, int on) {
    if (number)
        end_read(number);
    if (on)
        DOEPCTL(number) |= EPCTL_STALL;
    else
        DOEPCTL(number) = (DOEPCTL(number) & ~EPCTL_STALL) | EPCTL_SD0PID;
}

/* The controller takes endpoint 0's STALL away with the next SETUP. */
void usb_driver_stall(uint8_t endpoint, int on) {
    const uint32_t number = number_of(endpoint);
    if (number == 0U || endpoint & USB_IN)
        stall_in(number, on);
    if ((endpoint & USB_IN) == 0U)
        stall_out(number, on);
}

/* Written before the status stage; it takes effect after (RM0351 47, "SetAddress command"). */
void usb_driver_set_address(uint8_t address) {
    DCFG = DCFG_DSPD_FULL | DCFG_DAD(address);
}

void usb_driver_status(uint8_t direction) {
    if (direction == USB_IN)
        usb_driver_write(USB_IN, NULL, 0U);
    else
        usb_driver_read(0U);
}

/* What is enabled keeps the count that it was enabled with. */
static void expect_setups(void) {
    if ((DOEPCTL(0U) & EPCTL_EPENA) == 0U)
        DOEPTSIZ(0U) = EPTSIZ_STUPCNT;
}

/* RM0351 47, "Endpoint initialization on USB reset". The core closes the other endpoints. */
static void bus_was_reset(void) {
    DCFG = DCFG_DSPD_FULL;
    DOEPCTL(0U) |= EPCTL_SNAK;
    drop_packet(0U);
    expect_setups();
    setup_waits = control_came = 0U;
    usb_device_bus_reset();
}

/* What a SETUP has overtaken ended with it, and must not be gone on with. */
static void packets_sent(void) {
    for (uint32_t number = 0; number < IN_ENDPOINTS; number++) {
        if ((DIEPINT(number) & EPINT_XFRC) == 0U)
            continue;
        DIEPINT(number) = EPINT_XFRC;
        if (number || !setup_waits)
            usb_device_sent((uint8_t)(number | USB_IN));
    }
}

static void packets_came(void) {
    const uint32_t control = DOEPINT(0U), bulk = DOEPINT(number_of(USB_DATA_OUT));
    DOEPINT(0U) = control;
    DOEPINT(number_of(USB_DATA_OUT)) = bulk;
    if (bulk & EPINT_XFRC)
        usb_device_received(USB_DATA_OUT, bulk_data, bulk_size);
    if (control & EPINT_XFRC && control_came) {
        control_came = 0U;
        usb_device_received(0U, control_data, control_size);
    }
    if (control & EPINT_STUP) {
        setup_waits = 0U;
        drop_packet(0U);
        expect_setups();
        usb_device_setup(setup);
    }
}

static void bus_changed(uint32_t events) {
    GINTSTS = events & (GINT_USBRST | GINT_USBSUSP | GINT_WKUP);
    if (events & GINT_USBSUSP)
        usb_device_suspended(1);
    if (events & GINT_WKUP)
        usb_device_suspended(0);
    if (events & GINT_USBRST)
        bus_was_reset();
}

void usb_interrupt(void) {
    const uint32_t events = GINTSTS;
    bus_changed(events);
    while (GINTSTS & GINT_RXFLVL)
        take_entry();
    packets_sent();
    packets_came();
    link_event();
}
