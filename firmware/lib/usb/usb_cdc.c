#include "usb_cdc.h"

#include <string.h>

#include "usb_descriptors.h"

#define LINE_CODING_SIZE 7U /* PSTN 1.2 table 17: rate, stop bits, parity, data bits */
#define TOUCH_RATE 1200U
#define DTR (1U << 0)
#define LINE_STATE_BITS 3U /* DTR and RTS; PSTN 1.2 table 18 */

#define NOTIFICATION_SIZE 10U
enum { NOTIFY_TYPE = 0xA1, SERIAL_STATE = 0x20, CARRIER_AND_READY = 3 };

/* 115,200 baud, 8N1: what a host reads before it has set anything. The rate means nothing here. */
static const uint8_t default_coding[LINE_CODING_SIZE] = {0x00, 0xC2, 0x01, 0x00, 0, 0, 8};

static struct {
    uint8_t coding[LINE_CODING_SIZE];
    uint8_t packet[USB_DATA_SIZE]; /* on its way to the host, kept until it has arrived */
    size_t packet_size;
    volatile uint8_t configured, dtr, sending; /* the main loop reads these */
    uint8_t receiving, touched, broken;
    uint8_t notifying, state_told; /* SERIAL_STATE under way; the DTR it told of */
} cdc;

static uint32_t rate(void) {
    return (uint32_t)cdc.coding[0] | (uint32_t)cdc.coding[1] << 8 | (uint32_t)cdc.coding[2] << 16 |
           (uint32_t)cdc.coding[3] << 24;
}

static int may_use(uint8_t endpoint) {
    return cdc.configured && !usb_device_is_suspended() && !usb_device_is_halted(endpoint);
}

/* A full packet that is the last must be followed by an empty one, or the host goes on waiting for
 * the rest (USB 2.0 5.8.3). */
static void send_next(void) {
    const int owes_end = cdc.packet_size == USB_DATA_SIZE;
    cdc.packet_size = usb_cdc_take(cdc.packet, sizeof cdc.packet);
    cdc.sending = cdc.packet_size > 0U || owes_end;
    if (cdc.sending)
        usb_driver_write(USB_DATA_IN, cdc.packet, cdc.packet_size);
}

static void accept_next(void) {
    if (usb_cdc_room() < USB_DATA_SIZE)
        return;
    cdc.receiving = 1U;
    usb_driver_read(USB_DATA_OUT);
}

/* Carrier and readiness follow DTR: the far end is there when somebody listens. */
static void notify(void) {
    const uint8_t notification[NOTIFICATION_SIZE] = {
        NOTIFY_TYPE,
        SERIAL_STATE,
        0,
        0,
        USB_COMMUNICATION_INTERFACE,
        0,
        2,
        0,
        cdc.dtr ? CARRIER_AND_READY : 0,
        0,
    };
    cdc.notifying = 1U;
    cdc.state_told = cdc.dtr;
    usb_driver_write(USB_NOTIFY_IN, notification, sizeof notification);
}

void usb_cdc_kick(void) {
    if (!cdc.sending && may_use(USB_DATA_IN))
        send_next();
    if (!cdc.receiving && may_use(USB_DATA_OUT))
        accept_next();
    if (!cdc.notifying && cdc.state_told != cdc.dtr && may_use(USB_NOTIFY_IN))
        notify();
}

void usb_cdc_sent(uint8_t endpoint) {
    if (endpoint == USB_DATA_IN)
        cdc.sending = 0U;
    if (endpoint == USB_NOTIFY_IN)
        cdc.notifying = 0U;
    usb_cdc_kick();
}

void usb_cdc_received(const uint8_t *data, size_t size) {
    if (!cdc.receiving || size > USB_DATA_SIZE)
        return;
    cdc.receiving = 0U;
    usb_cdc_put(data, size);
    usb_cdc_kick();
}

int usb_cdc_is_open(void) {
    return cdc.configured && cdc.dtr;
}

int usb_cdc_is_idle(void) {
    return !cdc.sending;
}

static void set_dtr(uint8_t dtr) {
    const int before = usb_cdc_is_open();
    cdc.dtr = dtr;
    if (before != usb_cdc_is_open())
        usb_cdc_opened(usb_cdc_is_open());
}

/* A packet that an unplugged or reset bus leaves behind is dropped: its stream has ended. */
void usb_cdc_configure(int on) {
    set_dtr(0U);
    memset(&cdc, 0, sizeof cdc);
    memcpy(cdc.coding, default_coding, sizeof cdc.coding);
    if (!on)
        return;
    usb_driver_open(USB_NOTIFY_IN, USB_INTERRUPT, USB_NOTIFY_SIZE);
    usb_driver_open(USB_DATA_OUT, USB_BULK, USB_DATA_SIZE);
    usb_driver_open(USB_DATA_IN, USB_BULK, USB_DATA_SIZE);
    cdc.configured = 1U;
    usb_cdc_kick();
}

/* What was under way when the endpoint halted is given to the controller again: nothing is lost. */
void usb_cdc_restart(uint8_t endpoint) {
    if (endpoint == USB_DATA_IN && cdc.sending)
        usb_driver_write(USB_DATA_IN, cdc.packet, cdc.packet_size);
    if (endpoint == USB_DATA_OUT && cdc.receiving)
        usb_driver_read(USB_DATA_OUT);
    if (endpoint == USB_NOTIFY_IN && cdc.notifying)
        notify();
    usb_cdc_kick();
}

static int is_ours(const struct usb_setup *setup) {
    return setup->index == USB_COMMUNICATION_INTERFACE;
}

/* Rates and formats are the host's business: nothing here is sent over a line that has one. Values
 * that PSTN 1.2 does not name are refused. */
int usb_cdc_set_line_coding(const struct usb_setup *setup, struct usb_data *data) {
    enum { STOP_BITS = 4, PARITY = 5, DATA_BITS = 6 };
    const uint8_t *coding = data->bytes;
    const uint8_t bits = coding[DATA_BITS];
    if (!is_ours(setup) || setup->value != 0U || coding[STOP_BITS] > 2U || coding[PARITY] > 4U ||
        (bits != 16U && (bits < 5U || bits > 8U)))
        return 0;
    memcpy(cdc.coding, coding, sizeof cdc.coding);
    return 1;
}

int usb_cdc_get_line_coding(const struct usb_setup *setup, struct usb_data *data) {
    *data = (struct usb_data){cdc.coding, sizeof cdc.coding};
    return is_ours(setup) && setup->value == 0U;
}

int usb_cdc_set_line_state(const struct usb_setup *setup, struct usb_data *data) {
    (void)data;
    if (!is_ours(setup) || setup->value > LINE_STATE_BITS)
        return 0;
    const uint8_t dtr = (setup->value & DTR) != 0U;
    cdc.touched = cdc.dtr && !dtr && rate() == TOUCH_RATE;
    set_dtr(dtr);
    return 1;
}

/* Its value is the break's length, 0 ends one that was begun without a length (PSTN 1.2 6.3.13). */
int usb_cdc_send_break(const struct usb_setup *setup, struct usb_data *data) {
    (void)data;
    cdc.broken = is_ours(setup) && setup->value != 0U;
    return is_ours(setup);
}

void usb_cdc_request_done(void) {
    const uint8_t touched = cdc.touched, broken = cdc.broken;
    cdc.touched = cdc.broken = 0U;
    usb_cdc_kick();
    if (touched)
        usb_cdc_touched();
    if (broken)
        usb_cdc_broken();
}
