/* The USB controller's start, in two steps with 25 ms between them; see usb.c and usb_start.c. */
#ifndef USB_CONTROLLER_H
#define USB_CONTROLLER_H

/* Make it a device. Returns 0 where nothing answers at its address. */
int usb_controller_start(void);

/* Set it up, and show the host a device. */
void usb_controller_connect(void);

#endif
