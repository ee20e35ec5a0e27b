#include "usb_link.h"

#include <stdatomic.h>

#include "build_info.h"
#include "chip.h"
#include "core.h"
#include "link.h"
#include "usb_cdc.h"

/* A power of two. Small: a host whose packets find no room is told to wait, so nothing overruns. */
#define RECEIVE_SIZE 1024U

static uint8_t received[RECEIVE_SIZE];
static volatile uint32_t head, tail;

/* A tail that usb_cdc_opened has moved meanwhile stays where it is. */
static size_t read(uint8_t *data, size_t size) {
    const uint32_t from = tail;
    uint32_t at = from;
    const uint32_t there = head - at;
    const size_t count = size < there ? size : there;
    atomic_signal_fence(memory_order_acq_rel);
    for (size_t i = 0; i < count; i++)
        data[i] = received[at++ % RECEIVE_SIZE];
    interrupts_off();
    if (tail == from)
        tail = at;
    interrupts_on();
    return count;
}

static const struct link usb = {read, usb_cdc_kick, usb_cdc_is_idle, usb_cdc_is_open};

size_t usb_cdc_take(uint8_t *data, size_t size) {
    return link_carries(&usb) ? link_take(data, size) : 0U;
}

size_t usb_cdc_room(void) {
    return RECEIVE_SIZE - (head - tail);
}

void usb_cdc_put(const uint8_t *data, size_t size) {
    uint32_t at = head;
    for (size_t i = 0; i < size; i++)
        received[at++ % RECEIVE_SIZE] = data[i];
    atomic_signal_fence(memory_order_acq_rel);
    head = at;
}

/* What a host left unread belongs to it, and ends with it. A read that this interrupts still gives
 * bytes of the old session, which no CRC lets pass. */
void usb_cdc_opened(int open) {
    (void)open;
    tail = head;
}

void usb_cdc_touched(void) {
    chip_enter_bootloader();
}

void usb_cdc_broken(void) {
    link_break();
}

void usb_link_start(void) {
    static struct usb_identity identity = {
        .vendor = BUILD_USB_VENDOR,
        .product = BUILD_USB_PRODUCT,
        .release = 0x0100U,
        .manufacturer = "tinyhil",
        .name = BUILD_USB_NAME,
    };
    usb_device_serial(identity.serial, chip_device_id());
    usb_device_start(&identity);
    link_add(&usb);
}
