/* The nRF52840's USBD (PS 6.35) for firmware/lib/usb. Nothing of it is touched before POWER has
 * told of a voltage on VBUS: without a cable the controller stays off.
 *
 * An endpoint has a buffer of its own in the controller; EasyDMA moves a packet between that and
 * RAM in some microseconds, one transfer at a time. They are waited for in place, so a packet is in
 * one of two states, here or there, and nothing has to be queued.
 *
 * Errata of the chip's revisions (nRF52840 Errata v1.x), by number:
 *   166  isochronous double buffering: no isochronous endpoint here
 *   171  USBD might not power up                 power_up: 0x4006EC14 around ENABLE, and in
 *                                                wake_up around the end of low power
 *   187  USBD cannot be enabled                  power_up: 0x4006ED14 before ENABLE
 *   199  no task reaches USBD during EasyDMA     transfer: 0x40027C1C around it
 *   211  stays in SUSPEND too long when the host resumes by traffic alone
 *                                                0x4006ED14 stays set while USBD is on
 *   223  odd behaviour after the first ENABLE since reset
 *                                                power_up: the first time it is enabled twice */
#include "usb_link.h"

#include <string.h>

#include "chip.h"
#include "link.h"
#include "nrf52840.h"
#include "usb_device.h"
#include "vectors.h"

/* The UART's: no handler interrupts another, and rings have one producer. */
#define PRIORITY 0x80U
#define ENDPOINTS 8U

/* READY comes within some 10 µs of ENABLE, a transfer's end within 5 µs; each loop takes longer
 * than 0.1 µs. Should one not come, the core still runs, and the UART serves. */
#define WAIT_LOOPS 100000U

/* No data sheet says that USBWUALLOWED comes when it is the host that resumes. This is waited for
 * in a handler, and has to end before the UART's FIFO of six bytes is full: 0.5 ms. */
#define WAKE_LOOPS 1000U

#define ALL_EVENTS                                                                                 \
    (USBD_INT_USBRESET | USBD_INT_EP0DATADONE | USBD_INT_USBEVENT | USBD_INT_EP0SETUP |            \
     USBD_INT_EPDATA)

static _Alignas(4) uint8_t packet[USB_EP0_SIZE]; /* EasyDMA reaches RAM, not flash */
static uint32_t wanted, waiting;                 /* OUT endpoints, by number: asked for; arrived */
static uint8_t is_on, was_on, is_asleep, takes_control_data, address_is_set;

static void wait_loops(uint32_t loops, volatile const uint32_t *address, uint32_t bits) {
    for (uint32_t i = 0; i < loops && (*address & bits) == 0U; i++)
        ;
}

static void wait_for(volatile const uint32_t *address, uint32_t bits) {
    wait_loops(WAIT_LOOPS, address, bits);
}

/* These registers are locked by default; the key opens them and locks them again. Who ran before,
 * such as a bootloader, may have left them open. */
static void set_hidden(volatile uint32_t *address, uint32_t value) {
    if (HIDDEN_LOCK == 0U)
        HIDDEN_LOCK = HIDDEN_KEY;
    *address = value;
    HIDDEN_LOCK = HIDDEN_KEY;
}

static void enable_and_wait(void) {
    USBD_EVENTCAUSE = EVENTCAUSE_READY;
    USBD_ENABLE = 1U;
    wait_for(&USBD_EVENTCAUSE, EVENTCAUSE_READY);
    USBD_EVENTCAUSE = EVENTCAUSE_READY;
}

/* What the bus did before the cable was pulled, or in the bootloader, is over. */
static void forget_events(void) {
    USBD_EVENTS_USBRESET = USBD_EVENTS_EP0DATADONE = USBD_EVENTS_USBEVENT = 0U;
    USBD_EVENTS_EP0SETUP = USBD_EVENTS_EPDATA = 0U;
    USBD_EVENTCAUSE = USBD_EVENTCAUSE;
    USBD_EPDATASTATUS = USBD_EPDATASTATUS;
    wanted = waiting = 0U;
    address_is_set = takes_control_data = 0U;
}

static void power_up(void) {
    if (is_on)
        return;
    set_hidden(&HIDDEN_187, HIDDEN_187_ON);
    set_hidden(&HIDDEN_171, HIDDEN_171_ON);
    enable_and_wait();
    if (!was_on) {
        USBD_ENABLE = 0U;
        enable_and_wait();
    }
    set_hidden(&HIDDEN_171, 0U);
    forget_events();
    is_on = was_on = 1U;
    USBD_INTENSET = ALL_EVENTS;
    nvic_enable(USBD_INTERRUPT, PRIORITY);
}

static void power_down(void) {
    if (!is_on)
        return;
    is_on = is_asleep = 0U;
    USBD_LOWPOWER = 0U;
    USBD_INTENCLR = 0xFFFFFFFFU;
    USBD_USBPULLUP = 0U;
    USBD_ENABLE = 0U;
    set_hidden(&HIDDEN_187, 0U);
    usb_device_detached();
}

void power_interrupt(void) {
    if (POWER_EVENTS_USBREMOVED) {
        POWER_EVENTS_USBREMOVED = 0U;
        power_down();
    }
    if (POWER_EVENTS_USBDETECTED) {
        POWER_EVENTS_USBDETECTED = 0U;
        if (POWER_USBREGSTATUS & USBREGSTATUS_VBUSDETECT)
            power_up();
    }
    if (POWER_EVENTS_USBPWRRDY) {
        POWER_EVENTS_USBPWRRDY = 0U;
        if (is_on)
            USBD_USBPULLUP = 1U;
    }
    link_event();
}

void usb_start(void) {
    usb_link_start();
    POWER_EVENTS_USBDETECTED = 0U;
    POWER_EVENTS_USBREMOVED = 0U;
    POWER_EVENTS_USBPWRRDY = 0U;
    POWER_INTENSET = POWER_INT_USB;
    nvic_enable(POWER_INTERRUPT, PRIORITY);
    const uint32_t status = POWER_USBREGSTATUS;
    if (status & USBREGSTATUS_VBUSDETECT)
        power_up();
    if (is_on && status & USBREGSTATUS_OUTPUTRDY)
        USBD_USBPULLUP = 1U;
}

static void transfer(volatile uint32_t *task, volatile uint32_t *ended) {
    *ended = 0U;
    HIDDEN_199 = HIDDEN_199_ON;
    barrier();
    *task = 1U;
    wait_for(ended, 1U);
    HIDDEN_199 = 0U;
    *ended = 0U;
}

static uint32_t number_of(uint8_t endpoint) {
    return endpoint & 0xFU;
}

static uint32_t selects(uint8_t endpoint) {
    return number_of(endpoint) | (endpoint & USB_IN ? EPSTALL_IN : 0U);
}

/* The endpoint is selected by a write of its own (PS 6.35, register DTOGGLE). */
static void begin_with_data0(uint8_t endpoint) {
    USBD_DTOGGLE = selects(endpoint);
    USBD_DTOGGLE = selects(endpoint) | DTOGGLE_DATA0;
}

/* Writing SIZE lets the controller take a packet; reading the packet out does so as well. */
void usb_driver_open(uint8_t endpoint, enum usb_endpoint_type type, size_t size) {
    const uint32_t number = number_of(endpoint);
    (void)type; /* bulk and interrupt are the same to USBD, and 64 bytes its size */
    (void)size;
    begin_with_data0(endpoint);
    if (endpoint & USB_IN) {
        USBD_EPINEN |= 1U << number;
        return;
    }
    wanted &= ~(1U << number);
    waiting &= ~(1U << number);
    USBD_EPOUTEN |= 1U << number;
    USBD_SIZE_EPOUT(number) = 0U;
}

/* A halt outlives the endpoint in USBD, so it is taken away here. */
void usb_driver_close(uint8_t endpoint) {
    if (!is_on)
        return;
    USBD_EPSTALL = selects(endpoint);
    if (endpoint & USB_IN)
        USBD_EPINEN &= ~(1U << number_of(endpoint));
    else
        USBD_EPOUTEN &= ~(1U << number_of(endpoint));
}

void usb_driver_write(uint8_t endpoint, const uint8_t *data, size_t size) {
    const uint32_t number = number_of(endpoint);
    if (size)
        memcpy(packet, data, size);
    USBD_EPIN_PTR(number) = (uint32_t)packet;
    USBD_EPIN_MAXCNT(number) = (uint32_t)size;
    transfer(&USBD_TASKS_STARTEPIN(number), &USBD_EVENTS_ENDEPIN(number));
}

static void fetch(uint32_t number) {
    const uint32_t size = USBD_SIZE_EPOUT(number);
    USBD_EPOUT_PTR(number) = (uint32_t)packet;
    USBD_EPOUT_MAXCNT(number) = size < sizeof packet ? size : sizeof packet;
    transfer(&USBD_TASKS_STARTEPOUT(number), &USBD_EVENTS_ENDEPOUT(number));
    usb_device_received((uint8_t)number, packet, USBD_EPOUT_AMOUNT(number));
}

/* The controller takes one packet unasked; it may be here already. */
void usb_driver_read(uint8_t endpoint) {
    const uint32_t bit = 1U << number_of(endpoint);
    if (endpoint == 0U) {
        takes_control_data = 1U;
        USBD_TASKS_EP0RCVOUT = 1U;
    } else if (waiting & bit) {
        waiting &= ~bit;
        fetch(number_of(endpoint));
    } else {
        wanted |= bit;
    }
}

void usb_driver_stall(uint8_t endpoint, int on) {
    const uint32_t number = number_of(endpoint);
    if (number == 0U) {
        USBD_TASKS_EP0STALL = 1U;
        return;
    }
    USBD_EPSTALL = selects(endpoint) | (on ? EPSTALL_STALL : 0U);
    if (on)
        return;
    begin_with_data0(endpoint);
    if (!(endpoint & USB_IN) && !(waiting >> number & 1U))
        USBD_SIZE_EPOUT(number) = 0U;
}

/* USBD answers SET_ADDRESS by itself, status stage included (PS 6.35.9). */
void usb_driver_set_address(uint8_t address) {
    (void)address;
    address_is_set = 1U;
}

void usb_driver_status(uint8_t direction) {
    (void)direction; /* USBD knows it from the SETUP */
    if (!address_is_set)
        USBD_TASKS_EP0STATUS = 1U;
    address_is_set = 0U;
}

static void wake_up(void) {
    if (!is_asleep)
        return;
    is_asleep = 0U;
    set_hidden(&HIDDEN_171, HIDDEN_171_ON);
    USBD_LOWPOWER = 0U;
    wait_loops(WAKE_LOOPS, &USBD_EVENTCAUSE, EVENTCAUSE_USBWUALLOWED);
    USBD_EVENTCAUSE = EVENTCAUSE_USBWUALLOWED;
    set_hidden(&HIDDEN_171, 0U);
}

/* The core is told first: nothing is given to the controller from then on. */
static void fall_asleep(void) {
    usb_device_suspended(1);
    is_asleep = 1U;
    USBD_LOWPOWER = 1U;
}

static void bus_was_reset(void) {
    wake_up();
    wanted = waiting = 0U;
    address_is_set = takes_control_data = 0U;
    USBD_EPINEN = 1U;
    USBD_EPOUTEN = 1U;
    usb_device_bus_reset();
}

/* Returns whether the bus is idle: a resume or a reset beside a suspend came after it. */
static int bus_changed(void) {
    const uint32_t cause = USBD_EVENTCAUSE;
    USBD_EVENTCAUSE = cause;
    if (cause & EVENTCAUSE_RESUME) {
        wake_up();
        usb_device_suspended(0);
    }
    return (cause & (EVENTCAUSE_SUSPEND | EVENTCAUSE_RESUME)) == EVENTCAUSE_SUSPEND;
}

static void data_moved(void) {
    const uint32_t moved = USBD_EPDATASTATUS;
    USBD_EPDATASTATUS = moved;
    for (uint32_t number = 1; number < ENDPOINTS; number++) {
        const uint32_t bit = 1U << number;
        if (moved & bit)
            usb_device_sent((uint8_t)(number | USB_IN));
        if (!(moved >> 16 & bit))
            continue;
        if (wanted & bit) {
            wanted &= ~bit;
            fetch(number);
        } else {
            waiting |= bit;
        }
    }
}

static void control_moved(void) {
    if (takes_control_data)
        fetch(0U);
    else
        usb_device_sent(USB_IN);
}

/* A host that gives up may send another one while this one is read. */
static void setup_came(void) {
    uint8_t setup[8];
    do {
        USBD_EVENTS_EP0SETUP = 0U;
        for (uint32_t i = 0; i < sizeof setup; i++)
            setup[i] = (uint8_t)USBD_SETUP(i);
    } while (USBD_EVENTS_EP0SETUP);
    takes_control_data = address_is_set = 0U;
    usb_device_setup(setup);
}

/* In the order in which the bus did it: a suspend comes after all. What a SETUP has overtaken ended
 * with it, and must not be gone on with: the controller would take it for part of the new request.
 * In low power EasyDMA and the endpoints' registers are out of reach (PS 6.35.6): the
 * controller leaves it first, and enters it last. */
void usb_interrupt(void) {
    int idle = 0;
    if (!is_on) /* pending when the cable was pulled, and POWER's handler came first */
        return;
    if (USBD_EVENTS_USBEVENT) {
        USBD_EVENTS_USBEVENT = 0U;
        idle = bus_changed();
    }
    if (USBD_EVENTS_USBRESET) {
        USBD_EVENTS_USBRESET = 0U;
        idle = 0;
        bus_was_reset();
    }
    if (USBD_EVENTS_EPDATA) {
        USBD_EVENTS_EPDATA = 0U;
        data_moved();
    }
    if (USBD_EVENTS_EP0DATADONE) {
        USBD_EVENTS_EP0DATADONE = 0U;
        if (!USBD_EVENTS_EP0SETUP)
            control_moved();
    }
    if (USBD_EVENTS_EP0SETUP)
        setup_came();
    if (idle)
        fall_asleep();
    link_event();
}
