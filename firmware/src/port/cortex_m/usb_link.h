/* The USB link: the CDC stream (firmware/lib/usb) as a link beside the UART. */
#ifndef USB_LINK_H
#define USB_LINK_H

/* Add the link, and tell the core who this device is. Before the driver's first event. */
void usb_link_start(void);

#endif
