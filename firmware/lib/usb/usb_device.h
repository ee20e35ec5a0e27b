/* A USB 2.0 full-speed device's default control pipe: requests of chapter 9, the states of 9.1. The
 * one function it has is usb_cdc.h's. One device, so its state is static; no heap, no I/O. */
#ifndef USB_DEVICE_H
#define USB_DEVICE_H

#include "usb_driver.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USB_SERIAL_SIZE 17U /* 16 hexadecimal digits and a NUL */

struct usb_identity {
    uint16_t vendor, product, release; /* release in BCD: 0x0102 is 1.2 */
    const char *manufacturer, *name;   /* ASCII, at most 63 characters are shown */
    char serial[USB_SERIAL_SIZE];
};

enum usb_state { USB_DEFAULT = 1, USB_ADDRESSED = 2, USB_CONFIGURED = 4 };

/* USB 2.0 table 9-2. */
struct usb_setup {
    uint8_t type, request;
    uint16_t value, index, length;
};

/* A request's data stage: what was received (OUT), or what to send (IN). */
struct usb_data {
    const uint8_t *bytes;
    size_t size;
};

/* Called once, before the driver's first call. `identity` stays valid. */
void usb_device_start(const struct usb_identity *identity);

enum usb_state usb_device_state(void);
int usb_device_is_suspended(void);
int usb_device_is_halted(uint8_t endpoint);

/* Write `number` into `serial` as the serial number's digits. */
void usb_device_serial(char serial[USB_SERIAL_SIZE], uint64_t number);

#ifdef __cplusplus
}
#endif

#endif
