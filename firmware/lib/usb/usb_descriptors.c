#include "usb_descriptors.h"

#include <string.h>

enum { DEVICE = 1, CONFIGURATION = 2, STRING = 3, INTERFACE = 4, ENDPOINT = 5 };
enum { CS_INTERFACE = 0x24, HEADER = 0, CALL_MANAGEMENT = 1, ACM = 2, UNION = 6 };
enum { COMMUNICATIONS_CLASS = 2, ABSTRACT_CONTROL = 2, NO_PROTOCOL = 0, DATA_CLASS = 10 };

#define LOW(word) ((uint8_t)((word)&0xFFU))
#define HIGH(word) ((uint8_t)((word) >> 8))
#define CONFIGURATION_SIZE 67U
#define BUS_POWERED 0x80U
#define MILLIAMPERES(value) ((value) / 2U)

/* 1.10, the version of CDC that hosts' drivers know; nothing used here changed in 1.2. */
#define CDC_RELEASE 0x0110U
/* PSTN 1.2 table 4: SEND_BREAK; SET_LINE_CODING, SET_CONTROL_LINE_STATE, GET_LINE_CODING and
 * SERIAL_STATE. */
#define ACM_CAPABILITIES (0x04U | 0x02U)

/* A descriptor a line. */
/* clang-format off */
static const uint8_t configuration[] = {
    9, CONFIGURATION, LOW(CONFIGURATION_SIZE), HIGH(CONFIGURATION_SIZE), USB_INTERFACES,
    USB_CONFIGURATION, 0, BUS_POWERED, MILLIAMPERES(100U),
    9, INTERFACE, 0, 0, 1, COMMUNICATIONS_CLASS, ABSTRACT_CONTROL, NO_PROTOCOL, 0,
    5, CS_INTERFACE, HEADER, LOW(CDC_RELEASE), HIGH(CDC_RELEASE),
    5, CS_INTERFACE, CALL_MANAGEMENT, 0, 1,
    4, CS_INTERFACE, ACM, ACM_CAPABILITIES,
    5, CS_INTERFACE, UNION, 0, 1,
    7, ENDPOINT, USB_NOTIFY_IN, USB_INTERRUPT, USB_NOTIFY_SIZE, 0, 16,
    9, INTERFACE, 1, 0, 2, DATA_CLASS, 0, NO_PROTOCOL, 0,
    7, ENDPOINT, USB_DATA_OUT, USB_BULK, USB_DATA_SIZE, 0, 0,
    7, ENDPOINT, USB_DATA_IN, USB_BULK, USB_DATA_SIZE, 0, 0,
};
/* clang-format on */
_Static_assert(sizeof configuration == CONFIGURATION_SIZE, "wTotalLength");

/* USB 2.0 table 9-8. */
static int device(const struct usb_identity *identity, struct usb_data *data) {
    static uint8_t bytes[18];
    const uint8_t made[sizeof bytes] = {
        18,
        DEVICE,
        0x00,
        0x02,
        COMMUNICATIONS_CLASS,
        0,
        0,
        USB_EP0_SIZE,
        LOW(identity->vendor),
        HIGH(identity->vendor),
        LOW(identity->product),
        HIGH(identity->product),
        LOW(identity->release),
        HIGH(identity->release),
        1,
        2,
        3,
        1,
    };
    memcpy(bytes, made, sizeof bytes);
    *data = (struct usb_data){bytes, sizeof bytes};
    return 1;
}

/* USB 2.0 9.6.7: UTF-16LE, without a NUL; ASCII's characters are its first 128. */
static int string(const char *text, struct usb_data *data) {
    static uint8_t bytes[128];
    size_t size = 2;
    for (; *text && size < sizeof bytes; size += 2U) {
        bytes[size] = (uint8_t)*text++;
        bytes[size + 1U] = 0U;
    }
    bytes[0] = (uint8_t)size;
    bytes[1] = STRING;
    *data = (struct usb_data){bytes, size};
    return 1;
}

static int languages(struct usb_data *data) {
    static const uint8_t english[] = {4, STRING, 0x09, 0x04};
    *data = (struct usb_data){english, sizeof english};
    return 1;
}

/* Any language is answered in the one there is: hosts that ask for their own still get a name. */
static int text(const struct usb_identity *identity, uint8_t number, struct usb_data *data) {
    switch (number) {
    case 0:
        return languages(data);
    case 1:
        return string(identity->manufacturer, data);
    case 2:
        return string(identity->name, data);
    case 3:
        return string(identity->serial, data);
    default:
        return 0;
    }
}

int usb_descriptor(const struct usb_identity *identity, uint16_t value, uint16_t index,
                   struct usb_data *data) {
    const uint8_t number = LOW(value);
    switch (HIGH(value)) {
    case DEVICE:
        return number == 0U && index == 0U && device(identity, data);
    case CONFIGURATION:
        *data = (struct usb_data){configuration, sizeof configuration};
        return number == 0U && index == 0U;
    case STRING:
        return text(identity, number, data);
    default: /* a device qualifier would claim high speed: USB 2.0 9.6.2 wants a STALL */
        return 0;
    }
}
