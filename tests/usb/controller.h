/* A controller as the core's driver interface describes it, for tests on the host: a test is the
 * host and sends tokens. Whatever a driver may rely on is checked here, and ends the program. */
#ifndef CONTROLLER_H
#define CONTROLLER_H

#include <stddef.h>
#include <stdint.h>

enum { CONTROLLER_ACK = 0, CONTROLLER_NAK = -1, CONTROLLER_STALL = -2, CONTROLLER_SILENT = -3 };

void controller_start(uint16_t vendor, uint16_t product, uint64_t serial, size_t room);
void controller_reset(void);
void controller_detach(void);
void controller_suspend(int on);
void controller_setup(uint8_t address, const uint8_t *packet);
/* Returns the packet's size, or one of the answers above; `*toggle`: DATA0 or DATA1. */
int controller_in(uint8_t address, uint8_t endpoint, uint8_t *data, int *toggle);
int controller_out(uint8_t address, uint8_t endpoint, const uint8_t *data, size_t size, int toggle);

/* The stream's user: what it has to send, what came, and how much it will take. */
void user_send(const uint8_t *data, size_t size);
size_t user_received(uint8_t *data);
void user_make_room(size_t more);
int user_is_open(void);
int user_touches(void);
int user_breaks(void);

#endif
