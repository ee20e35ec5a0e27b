/* The stand-in's Serial on the descriptor that TINYHIL_FD names, and main() as a core has it. The
 * program ends when the other end closes. */
#include "Arduino.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

SerialOnDescriptor Serial;

static int line = -1;

unsigned long micros() {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<unsigned long>(now.tv_sec) * 1000000UL +
           static_cast<unsigned long>(now.tv_nsec) / 1000UL;
}

void SerialOnDescriptor::begin(unsigned long) {
    const char *name = getenv("TINYHIL_FD");
    line = name ? atoi(name) : -1;
}

int SerialOnDescriptor::available() {
    int waiting = 0;
    return ioctl(line, FIONREAD, &waiting) == 0 ? waiting : 0;
}

int SerialOnDescriptor::read() {
    uint8_t byte;
    return readBytes(&byte, 1) == 1 ? byte : -1;
}

size_t SerialOnDescriptor::readBytes(uint8_t *buffer, size_t length) {
    const ssize_t got = ::read(line, buffer, length);
    return got > 0 ? static_cast<size_t>(got) : 0;
}

/* Short writes happen on a board as well: the library must go on from where this one ended. */
size_t SerialOnDescriptor::write(const uint8_t *buffer, size_t size) {
    const ssize_t put = ::write(line, buffer, size < 100 ? size : 100);
    return put > 0 ? static_cast<size_t>(put) : 0;
}

void SerialOnDescriptor::flush() {}

static bool is_open() {
    struct pollfd wait = {line, POLLIN, 0};
    return poll(&wait, 1, 1000) >= 0 &&
           !((wait.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 && Serial.available() == 0);
}

int main() {
    setup();
    while (is_open())
        loop();
    return 0;
}
