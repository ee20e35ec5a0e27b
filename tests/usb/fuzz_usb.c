/* libFuzzer's entry: bytes become tokens, resets and the user's doings; controller.c checks what
 * must hold after each. The host keeps the device's address and configuration half of the time, or
 * random requests would rarely get beyond the default state. */
#include <string.h>

#include "controller.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
    const uint8_t *data;
    size_t size;
};

static uint8_t next(struct script *script) {
    if (script->size == 0U)
        return 0U;
    script->size--;
    return *script->data++;
}

static void drain_control(uint8_t address) {
    uint8_t data[64];
    int toggle;
    for (int i = 0; i < 8; i++) {
        (void)controller_in(address, 0, data, &toggle);
        (void)controller_out(address, 0, data, 0, 1);
    }
}

static void enumerate(void) {
    controller_reset();
    controller_setup(0, (const uint8_t[]){0, 5, 9, 0, 0, 0, 0, 0});
    drain_control(0);
    controller_setup(9, (const uint8_t[]){0, 9, 1, 0, 0, 0, 0, 0});
    drain_control(9);
}

/* Common requests with a byte or two changed come further than noise. */
static void setup(struct script *script, uint8_t address) {
    uint8_t packet[8];
    const uint8_t types[] = {0x80, 0x81, 0x82, 0x00, 0x01, 0x02, 0x21, 0xA1};
    const uint8_t kind = next(script);
    for (size_t i = 0; i < sizeof packet; i++)
        packet[i] = next(script);
    if (kind & 0x80U)
        packet[0] = types[packet[0] & 7U];
    if (kind & 0x40U)
        packet[3] = packet[5] = packet[7] = 0;
    controller_setup(address, packet);
}

static void user(struct script *script) {
    uint8_t data[256];
    memset(data, 0x55, sizeof data);
    user_send(data, next(script));
}

static void out(struct script *script, uint8_t address) {
    uint8_t data[64];
    const uint8_t endpoint = next(script) & 0xFU, size = next(script) & 0x7FU;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)i;
    (void)controller_out(address, endpoint, data, size > 64U ? 64U : size, size >> 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct script script = {data, size};
    uint8_t buffer[64];
    int toggle, sent = 0;
    controller_start(1, 2, 3, 130);
    while (script.size > 0U && sent++ < 200) {
        const uint8_t what = next(&script), address = what & 0x80U ? 9U : (what >> 4 & 1U);
        switch (what & 0xFU) {
        case 0:
            controller_reset();
            break;
        case 1:
            controller_detach();
            break;
        case 2:
            controller_suspend(what >> 4 & 1U);
            break;
        case 3:
            user_make_room(next(&script));
            break;
        case 4:
            user(&script);
            break;
        case 5:
        case 6:
            out(&script, address);
            break;
        case 7:
        case 8:
            (void)controller_in(address, next(&script) & 0xFU, buffer, &toggle);
            break;
        case 9:
            enumerate();
            break;
        case 10:
            drain_control(address);
            break;
        default:
            setup(&script, address);
        }
    }
    return 0;
}
