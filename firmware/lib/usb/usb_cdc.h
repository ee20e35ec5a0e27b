/* The CDC ACM function (CDC 1.2, PSTN 1.2): a byte stream each way over the data endpoints.
 *
 * The user of the stream (firmware/src/port/cortex_m/link.c, or a test) implements the second half.
 * All of it is called from the driver's interrupt handler, or with interrupts off. */
#ifndef USB_CDC_H
#define USB_CDC_H

#include "usb_device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For usb_device.c: its class requests (1: done, 0: refused), and the device's life. */
int usb_cdc_set_line_coding(const struct usb_setup *setup, struct usb_data *data);
int usb_cdc_get_line_coding(const struct usb_setup *setup, struct usb_data *data);
int usb_cdc_set_line_state(const struct usb_setup *setup, struct usb_data *data);
int usb_cdc_send_break(const struct usb_setup *setup, struct usb_data *data);
void usb_cdc_request_done(void);
void usb_cdc_configure(int on);
void usb_cdc_restart(uint8_t endpoint); /* its halt was cleared */
void usb_cdc_sent(uint8_t endpoint);
void usb_cdc_received(const uint8_t *data, size_t size);

/* For the user: there are bytes to take, or room again for usb_cdc_put. */
void usb_cdc_kick(void);

/* True while a host program has the port open: configured and DTR set. */
int usb_cdc_is_open(void);

/* True when no packet is on its way to the host. */
int usb_cdc_is_idle(void);

/* The user's half. Take up to `size` bytes to be sent; return how many. */
size_t usb_cdc_take(uint8_t *data, size_t size);
/* Keep `size` bytes that have come; never more than usb_cdc_room said. */
void usb_cdc_put(const uint8_t *data, size_t size);
size_t usb_cdc_room(void);
/* usb_cdc_is_open has changed. */
void usb_cdc_opened(int open);
/* The port was closed at 1200 baud: the host asks for the bootloader. The request is answered. */
void usb_cdc_touched(void);
/* The host sends a break, which on a line of wires would begin now. */
void usb_cdc_broken(void);

#ifdef __cplusplus
}
#endif

#endif
