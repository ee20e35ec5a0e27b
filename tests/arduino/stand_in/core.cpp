/* The stand-in's Serial on the descriptor that TINYHIL_FD names. */
#include "Arduino.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

SerialOnDescriptor Serial;

int line = -1;

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
    return ::read(line, &byte, 1) == 1 ? byte : -1;
}

int SerialOnDescriptor::peek() {
    uint8_t byte;
    return recv(line, &byte, 1, MSG_PEEK) == 1 ? byte : -1;
}

size_t Stream::readBytes(char *buffer, size_t length) {
    size_t got = 0;
    for (int byte; got < length && (byte = read()) >= 0;)
        buffer[got++] = static_cast<char>(byte);
    return got;
}

size_t Print::write(const uint8_t *buffer, size_t size) {
    size_t put = 0;
    while (put < size && write(buffer[put]) == 1)
        put++;
    return put;
}

size_t SerialOnDescriptor::write(uint8_t byte) {
    return write(&byte, 1);
}

/* Short writes happen on a board as well: the library must go on from where this one ended. */
size_t SerialOnDescriptor::write(const uint8_t *buffer, size_t size) {
    const ssize_t put = ::write(line, buffer, size < 100 ? size : 100);
    return put > 0 ? static_cast<size_t>(put) : 0;
}
