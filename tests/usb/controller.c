#include "controller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "usb_cdc.h"
#include "usb_descriptors.h"
#include "usb_device.h"

#define QUEUE 65536U

struct endpoint {
    int is_open, stalled, armed, toggle;
    size_t limit, size;
    uint8_t data[64];
};

static struct endpoint ends[2][16]; /* OUT, IN */
static struct usb_identity identity = {.release = 0x0100, .manufacturer = "Maker", .name = "Name"};
static uint8_t address, next_address, address_waits;
static size_t asked; /* what is left of wLength */
static uint8_t to_send[QUEUE], came[QUEUE];
static size_t send_head, send_tail, came_size, room;
static int is_open, touches, breaks;

static void require(int condition, const char *what) {
    if (condition)
        return;
    (void)fprintf(stderr, "invariant broken: %s\n", what);
    abort();
}

static struct endpoint *at(uint8_t endpoint) {
    require((endpoint & 0x70U) == 0U, "an endpoint that cannot be");
    return &ends[endpoint >> 7][endpoint & 0xFU];
}

static void open_control(void) {
    memset(ends, 0, sizeof ends);
    for (int direction = 0; direction < 2; direction++)
        ends[direction][0] = (struct endpoint){.is_open = 1, .limit = 64};
    address = next_address = address_waits = 0;
}

void usb_driver_open(uint8_t endpoint, enum usb_endpoint_type type, size_t size) {
    require(!at(endpoint)->is_open, "opened twice");
    require(type == USB_BULK || type == USB_INTERRUPT, "an endpoint type");
    require(size > 0U && size <= 64U, "an endpoint's size");
    *at(endpoint) = (struct endpoint){.is_open = 1, .limit = size};
}

void usb_driver_close(uint8_t endpoint) {
    require(at(endpoint)->is_open && (endpoint & 0xFU), "closed what was not open");
    *at(endpoint) = (struct endpoint){0};
}

void usb_driver_write(uint8_t endpoint, const uint8_t *data, size_t size) {
    struct endpoint *end = at(endpoint);
    require(endpoint & USB_IN && end->is_open, "written to what is not open");
    require(!end->armed && !end->stalled, "written to what is busy or halted");
    require(!usb_device_is_suspended() || endpoint == USB_IN, "written while suspended");
    require(size <= end->limit, "a packet too long");
    if (endpoint == USB_IN) {
        require(size <= asked, "more than was asked for");
        asked -= size;
    }
    memcpy(end->data, data, size);
    end->size = size;
    end->armed = 1;
}

void usb_driver_read(uint8_t endpoint) {
    struct endpoint *end = at(endpoint);
    require(!(endpoint & USB_IN) && end->is_open && !end->armed && !end->stalled, "a read");
    end->armed = 1;
}

void usb_driver_stall(uint8_t endpoint, int on) {
    struct endpoint *end = at(endpoint);
    require(end->is_open, "stalled what is not open");
    end->stalled = on;
    end->armed = 0;
    if (endpoint == 0U)
        ends[1][0].stalled = on;
    else if (!on)
        end->toggle = 0;
}

void usb_driver_set_address(uint8_t new_address) {
    next_address = new_address;
    address_waits = 1;
}

void usb_driver_status(uint8_t direction) {
    struct endpoint *end = at(direction);
    require(!end->armed && !end->stalled, "two answers to one request");
    end->armed = 1;
    end->size = 0;
    end->toggle = 1;
}

size_t usb_cdc_take(uint8_t *data, size_t size) {
    const size_t left = send_head - send_tail, count = left < size ? left : size;
    memcpy(data, to_send + send_tail, count);
    send_tail += count;
    return count;
}

void usb_cdc_put(const uint8_t *data, size_t size) {
    require(size <= room && came_size + size <= QUEUE, "more than there is room for");
    if (size)
        memcpy(came + came_size, data, size);
    came_size += size;
    room -= size;
}

size_t usb_cdc_room(void) {
    return room;
}

void usb_cdc_opened(int open) {
    require(open != is_open, "opened is told once");
    is_open = open;
}

void usb_cdc_broken(void) {
    require(at(USB_IN)->armed, "the break comes once the request is answered");
    breaks++;
}

void usb_cdc_touched(void) {
    require(at(USB_IN)->armed, "the touch comes once the request is answered");
    touches++;
}

void controller_start(uint16_t vendor, uint16_t product, uint64_t serial, size_t first_room) {
    identity.vendor = vendor;
    identity.product = product;
    usb_device_serial(identity.serial, serial);
    send_head = send_tail = came_size = 0;
    room = first_room;
    open_control();
    usb_device_start(&identity);
    is_open = touches = breaks = 0;
}

/* The bus first, then the core: a driver's endpoints are closed by the time it tells. */
static void end_endpoints(void) {
    address = next_address = address_waits = 0;
    for (int direction = 0; direction < 2; direction++)
        ends[direction][0] = (struct endpoint){.is_open = 1, .limit = 64};
}

void controller_reset(void) {
    end_endpoints();
    usb_device_bus_reset();
}

void controller_detach(void) {
    end_endpoints();
    usb_device_detached();
}

void controller_suspend(int on) {
    usb_device_suspended(on);
}

void controller_setup(uint8_t to, const uint8_t *packet) {
    if (to != address)
        return;
    for (int direction = 0; direction < 2; direction++) {
        ends[direction][0].stalled = ends[direction][0].armed = 0;
        ends[direction][0].toggle = 1;
    }
    address_waits = 0;
    asked = (size_t)(packet[6] | packet[7] << 8);
    usb_device_setup(packet);
    require(ends[0][0].armed + ends[1][0].armed + ends[0][0].stalled == 1, "one answer to a SETUP");
}

static int refuses(const struct endpoint *end, uint8_t to) {
    if (to != address || !end->is_open)
        return CONTROLLER_SILENT;
    if (end->stalled)
        return CONTROLLER_STALL;
    return end->armed ? CONTROLLER_ACK : CONTROLLER_NAK;
}

int controller_in(uint8_t to, uint8_t endpoint, uint8_t *data, int *toggle) {
    struct endpoint *end = at(endpoint | USB_IN);
    const int refusal = refuses(end, to);
    if (refusal)
        return refusal;
    const int size = (int)end->size;
    memcpy(data, end->data, end->size);
    *toggle = end->toggle;
    end->toggle ^= 1;
    end->armed = 0;
    if (endpoint == 0U && address_waits) {
        address = next_address;
        address_waits = 0;
    }
    usb_device_sent((uint8_t)(endpoint | USB_IN));
    return size;
}

int controller_out(uint8_t to, uint8_t endpoint, const uint8_t *data, size_t size, int toggle) {
    struct endpoint *end = at(endpoint);
    const int refusal = refuses(end, to);
    if (refusal)
        return refusal;
    if (toggle != end->toggle || size > end->limit)
        return CONTROLLER_ACK; /* a packet that was repeated, or babble */
    end->toggle ^= 1;
    end->armed = 0;
    usb_device_received(endpoint, data, size);
    return CONTROLLER_ACK;
}

void user_send(const uint8_t *data, size_t size) {
    require(send_head + size <= QUEUE, "the test's queue");
    if (size)
        memcpy(to_send + send_head, data, size);
    send_head += size;
    usb_cdc_kick();
}

size_t user_received(uint8_t *data) {
    memcpy(data, came, came_size);
    return came_size;
}

void user_make_room(size_t more) {
    room += more;
    if (room > QUEUE - came_size)
        room = QUEUE - came_size;
    usb_cdc_kick();
}

int user_is_open(void) {
    return is_open;
}

int user_touches(void) {
    return touches;
}

int user_breaks(void) {
    return breaks;
}
