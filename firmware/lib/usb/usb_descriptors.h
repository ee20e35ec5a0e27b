/* The device's descriptors: one configuration, a CDC ACM function of two interfaces. */
#ifndef USB_DESCRIPTORS_H
#define USB_DESCRIPTORS_H

#include "usb_device.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USB_INTERFACES 2U
#define USB_COMMUNICATION_INTERFACE 0U
#define USB_CONFIGURATION 1U

#define USB_NOTIFY_IN 0x81U
#define USB_NOTIFY_SIZE 16U
#define USB_DATA_OUT 0x02U
#define USB_DATA_IN 0x82U
#define USB_DATA_SIZE 64U

/* Answer GET_DESCRIPTOR's wValue and wIndex; 0: there is no such descriptor. */
int usb_descriptor(const struct usb_identity *identity, uint16_t value, uint16_t index,
                   struct usb_data *data);

#ifdef __cplusplus
}
#endif

#endif
