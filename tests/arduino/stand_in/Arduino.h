/* A minimal stand-in for the Arduino core's header: what the library uses, declared as the core's
 * reference documents it, on a file descriptor of the host. It is not the core: what an Arduino
 * toolchain says of the library is told by that toolchain alone. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stddef.h>
#include <stdint.h>

unsigned long micros();

class Stream {
  public:
    virtual ~Stream() = default;
    virtual int available() = 0;
    virtual int read() = 0;
    virtual size_t readBytes(uint8_t *buffer, size_t length) = 0;
    virtual size_t write(const uint8_t *buffer, size_t size) = 0;
    virtual void flush() = 0;
};

class SerialOnDescriptor : public Stream {
  public:
    void begin(unsigned long baud);
    int available() override;
    int read() override;
    size_t readBytes(uint8_t *buffer, size_t length) override;
    size_t write(const uint8_t *buffer, size_t size) override;
    void flush() override;
};

extern SerialOnDescriptor Serial;

void setup();
void loop();

#endif
