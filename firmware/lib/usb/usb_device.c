#include "usb_device.h"

#include <string.h>

#include "usb_cdc.h"
#include "usb_descriptors.h"

/* bmRequestType (USB 2.0 table 9-2) and bRequest (table 9-4, PSTN 1.2 table 13). */
enum { TO_DEVICE = 0x00, TO_INTERFACE = 0x01, TO_ENDPOINT = 0x02, CLASS_INTERFACE = 0x21 };
enum {
    GET_STATUS = 0,
    CLEAR_FEATURE = 1,
    SET_FEATURE = 3,
    SET_ADDRESS = 5,
    GET_DESCRIPTOR = 6,
    GET_CONFIGURATION = 8,
    SET_CONFIGURATION = 9,
    GET_INTERFACE = 10,
    SET_INTERFACE = 11,
    SET_LINE_CODING = 0x20,
    GET_LINE_CODING = 0x21,
    SET_CONTROL_LINE_STATE = 0x22,
    SEND_BREAK = 0x23
};

/* Where a control transfer is. STATUS also means: the next thing to come is a SETUP. */
enum stage { STATUS, DATA_IN, DATA_OUT };

#define ALWAYS (USB_DEFAULT | USB_ADDRESSED | USB_CONFIGURED)
#define ONCE_ADDRESSED (USB_ADDRESSED | USB_CONFIGURED)
#define MAX_OUT 7U
#define MAX_ADDRESS 127U

/* A request: in which states it is answered, the data stage it must have if it is OUT, and how.
 * `handle` returns 0 to refuse. */
struct request {
    uint8_t type, request, states, out_length;
    int (*handle)(const struct usb_setup *setup, struct usb_data *data);
};

static struct {
    const struct usb_identity *identity;
    enum usb_state state;
    enum stage stage;
    uint8_t suspended, ends_short; /* ends_short: the data stage needs a packet below 64 bytes */
    uint8_t halted;                /* bit per place in `endpoints` */
    struct usb_setup setup;
    const struct request *request;
    struct usb_data data; /* IN: what is left to be sent */
    uint8_t received[MAX_OUT];
    size_t received_size;
} device;

static const uint8_t endpoints[] = {USB_NOTIFY_IN, USB_DATA_OUT, USB_DATA_IN};

/* The endpoint's bit in `halted`, 0 where there is no such endpoint. */
static uint8_t endpoint_bit(uint16_t endpoint) {
    for (uint8_t i = 0; i < sizeof endpoints; i++) {
        if (endpoints[i] == endpoint)
            return (uint8_t)(1U << i);
    }
    return 0U;
}

static int is_control_pipe(uint16_t endpoint) {
    return endpoint == 0U || endpoint == USB_IN;
}

/* Two bytes of status, 0 or 1. */
static int answer_status(int value, struct usb_data *data) {
    static const uint8_t status[2][2] = {{0, 0}, {1, 0}};
    *data = (struct usb_data){status[value ? 1 : 0], 2};
    return 1;
}

static void configure(int on) {
    device.halted = 0U;
    if (device.state == USB_CONFIGURED) {
        for (size_t i = 0; i < sizeof endpoints; i++)
            usb_driver_close(endpoints[i]);
    }
    device.state = on ? USB_CONFIGURED : USB_ADDRESSED;
    usb_cdc_configure(on);
}

/* Bus powered, no remote wake-up. */
static int get_device_status(const struct usb_setup *setup, struct usb_data *data) {
    return setup->value == 0U && setup->index == 0U && answer_status(0, data);
}

static int get_interface_status(const struct usb_setup *setup, struct usb_data *data) {
    return setup->value == 0U && setup->index < USB_INTERFACES && answer_status(0, data);
}

static int get_endpoint_status(const struct usb_setup *setup, struct usb_data *data) {
    const uint8_t bit = device.state == USB_CONFIGURED ? endpoint_bit(setup->index) : 0U;
    if (setup->value != 0U || !(bit || is_control_pipe(setup->index)))
        return 0;
    return answer_status(device.halted & bit, data);
}

static int set_address(const struct usb_setup *setup, struct usb_data *data) {
    (void)data;
    if (setup->value > MAX_ADDRESS || setup->index != 0U)
        return 0;
    usb_driver_set_address((uint8_t)setup->value);
    device.state = setup->value ? USB_ADDRESSED : USB_DEFAULT;
    return 1;
}

static int get_descriptor(const struct usb_setup *setup, struct usb_data *data) {
    return usb_descriptor(device.identity, setup->value, setup->index, data);
}

static int get_configuration(const struct usb_setup *setup, struct usb_data *data) {
    static const uint8_t number[2] = {0, USB_CONFIGURATION};
    *data = (struct usb_data){&number[device.state == USB_CONFIGURED], 1};
    return setup->value == 0U && setup->index == 0U;
}

static int set_configuration(const struct usb_setup *setup, struct usb_data *data) {
    (void)data;
    if (setup->value > USB_CONFIGURATION || setup->index != 0U)
        return 0;
    configure(setup->value == USB_CONFIGURATION);
    return 1;
}

static int get_interface(const struct usb_setup *setup, struct usb_data *data) {
    static const uint8_t first[1] = {0};
    *data = (struct usb_data){first, 1};
    return setup->value == 0U && setup->index < USB_INTERFACES;
}

/* USB 2.0 9.1.1.5: selecting a setting, though it is the one there is, starts its endpoints anew.
 */
static int set_interface(const struct usb_setup *setup, struct usb_data *data) {
    (void)data;
    if (setup->value != 0U || setup->index >= USB_INTERFACES)
        return 0;
    for (size_t i = 0; i < sizeof endpoints; i++) {
        if ((endpoints[i] == USB_NOTIFY_IN) != (setup->index == USB_COMMUNICATION_INTERFACE))
            continue;
        device.halted &= (uint8_t) ~(1U << i);
        usb_driver_stall(endpoints[i], 0);
        usb_cdc_restart(endpoints[i]);
    }
    return 1;
}

/* ENDPOINT_HALT is feature 0. The default pipe need not have it (9.4.5), and has not. */
static int clear_halt(const struct usb_setup *setup, struct usb_data *data) {
    const uint8_t bit = endpoint_bit(setup->index);
    (void)data;
    if (setup->value != 0U || !bit)
        return 0;
    device.halted &= (uint8_t)~bit;
    usb_driver_stall((uint8_t)setup->index, 0);
    usb_cdc_restart((uint8_t)setup->index);
    return 1;
}

static int set_halt(const struct usb_setup *setup, struct usb_data *data) {
    const uint8_t bit = endpoint_bit(setup->index);
    (void)data;
    if (setup->value != 0U || !bit)
        return 0;
    device.halted |= bit;
    usb_driver_stall((uint8_t)setup->index, 1);
    return 1;
}

/* USB 2.0 9.4, as far as the device has what a request is about; the rest is refused. */
static const struct request requests[] = {
    {TO_DEVICE | USB_IN, GET_STATUS, ONCE_ADDRESSED, 0, get_device_status},
    {TO_INTERFACE | USB_IN, GET_STATUS, USB_CONFIGURED, 0, get_interface_status},
    {TO_ENDPOINT | USB_IN, GET_STATUS, ONCE_ADDRESSED, 0, get_endpoint_status},
    {TO_ENDPOINT, CLEAR_FEATURE, USB_CONFIGURED, 0, clear_halt},
    {TO_ENDPOINT, SET_FEATURE, USB_CONFIGURED, 0, set_halt},
    {TO_DEVICE, SET_ADDRESS, USB_DEFAULT | USB_ADDRESSED, 0, set_address},
    {TO_DEVICE | USB_IN, GET_DESCRIPTOR, ALWAYS, 0, get_descriptor},
    {TO_DEVICE | USB_IN, GET_CONFIGURATION, ONCE_ADDRESSED, 0, get_configuration},
    {TO_DEVICE, SET_CONFIGURATION, ONCE_ADDRESSED, 0, set_configuration},
    {TO_INTERFACE | USB_IN, GET_INTERFACE, USB_CONFIGURED, 0, get_interface},
    {TO_INTERFACE, SET_INTERFACE, USB_CONFIGURED, 0, set_interface},
    {CLASS_INTERFACE, SET_LINE_CODING, USB_CONFIGURED, 7, usb_cdc_set_line_coding},
    {CLASS_INTERFACE | USB_IN, GET_LINE_CODING, USB_CONFIGURED, 0, usb_cdc_get_line_coding},
    {CLASS_INTERFACE, SET_CONTROL_LINE_STATE, USB_CONFIGURED, 0, usb_cdc_set_line_state},
    {CLASS_INTERFACE, SEND_BREAK, USB_CONFIGURED, 0, usb_cdc_send_break},
};

static const struct request *find(const struct usb_setup *setup) {
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        const struct request *request = &requests[i];
        if (request->type == setup->type && request->request == setup->request &&
            request->states & device.state &&
            (setup->type & USB_IN || request->out_length == setup->length))
            return request;
    }
    return NULL;
}

static void refuse(void) {
    device.stage = STATUS;
    usb_driver_stall(0U, 1);
}

/* The status stage goes against the data stage, and to the host where there was none. */
static void complete(uint8_t direction) {
    device.stage = STATUS;
    usb_driver_status(direction);
    if (device.request->type == CLASS_INTERFACE)
        usb_cdc_request_done();
}

static void send_next(void) {
    const size_t size = device.data.size < USB_EP0_SIZE ? device.data.size : USB_EP0_SIZE;
    const uint8_t *bytes = device.data.bytes;
    device.data.bytes += size;
    device.data.size -= size;
    if (size < USB_EP0_SIZE)
        device.ends_short = 0U;
    usb_driver_write(USB_IN, bytes, size);
}

/* An answer shorter than was asked for ends with a short packet, empty if need be (5.5.3). */
static void answer(void) {
    struct usb_data data = {0};
    if (!device.request->handle(&device.setup, &data)) {
        refuse();
        return;
    }
    if (device.setup.length == 0U) {
        complete(USB_IN);
        return;
    }
    device.ends_short = data.size < device.setup.length;
    if (data.size > device.setup.length)
        data.size = device.setup.length;
    device.data = data;
    device.stage = DATA_IN;
    send_next();
}

static void carry_out(void) {
    struct usb_data data = {device.received, device.received_size};
    if (device.request->handle(&device.setup, &data))
        complete(USB_IN);
    else
        refuse();
}

static uint16_t word(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

/* A SETUP ends whatever was going on (USB 2.0 5.5.5). */
void usb_device_setup(const uint8_t packet[8]) {
    device.setup = (struct usb_setup){packet[0], packet[1], word(packet + 2), word(packet + 4),
                                      word(packet + 6)};
    device.request = find(&device.setup);
    device.received_size = 0U;
    if (!device.request) {
        refuse();
    } else if (device.setup.type & USB_IN) {
        answer();
    } else if (device.setup.length == 0U) {
        carry_out();
    } else {
        device.stage = DATA_OUT;
        usb_driver_read(0U);
    }
}

static void control_sent(void) {
    if (device.stage != DATA_IN)
        return;
    if (device.data.size > 0U || device.ends_short)
        send_next();
    else
        complete(0U);
}

/* Every request's data fits one packet, so anything but the whole is an error. */
static void control_received(const uint8_t *data, size_t size) {
    if (device.stage != DATA_OUT)
        return;
    if (size != device.setup.length) {
        refuse();
        return;
    }
    memcpy(device.received, data, size);
    device.received_size = size;
    carry_out();
}

void usb_device_sent(uint8_t endpoint) {
    if (endpoint == USB_IN)
        control_sent();
    else if (device.state == USB_CONFIGURED)
        usb_cdc_sent(endpoint);
}

void usb_device_received(uint8_t endpoint, const uint8_t *data, size_t size) {
    if (endpoint == 0U)
        control_received(data, size);
    else if (device.state == USB_CONFIGURED && endpoint == USB_DATA_OUT)
        usb_cdc_received(data, size);
}

void usb_device_bus_reset(void) {
    configure(0);
    device.state = USB_DEFAULT;
    device.stage = STATUS;
    device.suspended = 0U;
}

void usb_device_detached(void) {
    usb_device_bus_reset();
}

void usb_device_suspended(int on) {
    device.suspended = on != 0;
    if (!on && device.state == USB_CONFIGURED)
        usb_cdc_kick();
}

void usb_device_start(const struct usb_identity *identity) {
    memset(&device, 0, sizeof device);
    device.identity = identity;
    device.state = USB_DEFAULT;
    usb_cdc_configure(0);
}

enum usb_state usb_device_state(void) {
    return device.state;
}

int usb_device_is_suspended(void) {
    return device.suspended;
}

int usb_device_is_halted(uint8_t endpoint) {
    return (device.halted & endpoint_bit(endpoint)) != 0;
}

void usb_device_serial(char serial[USB_SERIAL_SIZE], uint64_t number) {
    for (size_t i = USB_SERIAL_SIZE - 1U; i-- > 0U; number >>= 4)
        serial[i] = "0123456789ABCDEF"[number & 0xFU];
    serial[USB_SERIAL_SIZE - 1U] = '\0';
}
