/* main() as a core has it. The program ends when the other end of Serial closes. */
#include "Arduino.h"

#include <poll.h>

extern int line;

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
