/* What the USB core asks of a controller, and what a controller tells the core. A driver
 * (firmware/src/port/CHIP/usb.c) implements the first half and calls the second from its interrupt
 * handler; the core calls the first half from inside those calls, or with interrupts off.
 *
 * An endpoint is named by its address: bit 7 set for IN, towards the host (USB 2.0, 9.6.6). Only
 * whole packets pass this line; the core does transfers. */
#ifndef USB_DRIVER_H
#define USB_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define USB_IN 0x80U
#define USB_EP0_SIZE 64U

enum usb_endpoint_type { USB_BULK = 2, USB_INTERRUPT = 3 };

/* Endpoint 0 is always open. A newly opened endpoint starts with DATA0 and takes nothing. */
void usb_driver_open(uint8_t endpoint, enum usb_endpoint_type type, size_t size);
void usb_driver_close(uint8_t endpoint);

/* Give the controller one packet to send; usb_device_sent follows. Copied before it returns.
 * On an endpoint that was reset by usb_driver_stall(…, 0) it replaces what was there. */
void usb_driver_write(uint8_t endpoint, const uint8_t *data, size_t size);

/* Take one packet more from the host; usb_device_received follows. Until then the host is told to
 * wait (NAK): nothing is lost. */
void usb_driver_read(uint8_t endpoint);

/* Answer with STALL, or no longer and begin again with DATA0. Endpoint 0: the request that is being
 * answered; the controller ends it by itself with the next SETUP. */
void usb_driver_stall(uint8_t endpoint, int on);

/* Answer to this address after the status stage of the present request. */
void usb_driver_set_address(uint8_t address);

/* Complete the control request: an empty packet to the host (USB_IN) or from it (0). */
void usb_driver_status(uint8_t direction);

/* The driver's calls into the core (usb_device.c). */
void usb_device_bus_reset(void);
void usb_device_setup(const uint8_t packet[8]);
void usb_device_sent(uint8_t endpoint);
void usb_device_received(uint8_t endpoint, const uint8_t *data, size_t size);
void usb_device_suspended(int on);
void usb_device_detached(void);

#ifdef __cplusplus
}
#endif

#endif
