/* A minimal stand-in for the Arduino core's header: what the library uses, declared as the core's
 * reference documents it, on a file descriptor of the host. It is not the core: what an Arduino
 * toolchain says of the library is told by that toolchain alone. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stddef.h>
#include <stdint.h>

unsigned long micros();

/* The shapes are those of ArduinoCore-API: readBytes is not virtual, and takes char or uint8_t. */
namespace arduino {

class Print {
  public:
    virtual ~Print() = default;
    virtual size_t write(uint8_t byte) = 0;
    virtual size_t write(const uint8_t *buffer, size_t size);
    size_t write(const char *buffer, size_t size) {
        return write(reinterpret_cast<const uint8_t *>(buffer), size);
    }
    virtual int availableForWrite() {
        return 0;
    }
    virtual void flush() {}
};

class Stream : public Print {
  public:
    virtual int available() = 0;
    virtual int read() = 0;
    virtual int peek() = 0;
    size_t readBytes(char *buffer, size_t length);
    size_t readBytes(uint8_t *buffer, size_t length) {
        return readBytes(reinterpret_cast<char *>(buffer), length);
    }
};

} // namespace arduino

using namespace arduino;

class SerialOnDescriptor : public Stream {
  public:
    void begin(unsigned long baud);
    int available() override;
    int read() override;
    int peek() override;
    using Print::write;
    size_t write(uint8_t byte) override;
    size_t write(const uint8_t *buffer, size_t size) override;
};

extern SerialOnDescriptor Serial;

void setup();
void loop();

#endif
