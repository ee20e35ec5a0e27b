/* A host that goes away during a reply: the Stream then takes nothing. Ends with the number of the
 * first line that found something else, 0 for none; a poll() that never returns ends by SIGALRM. */
#include <TinyHil.h>
#include <unistd.h>
#include <vector>

#include "gesture.h"

#define EXPECT(what)                                                                               \
    if (!(what))                                                                                   \
    return __LINE__

struct Line : public Stream {
    std::vector<uint8_t> in, out;
    size_t room = 0; /* bytes that write still takes */
    int available() override {
        return static_cast<int>(in.size());
    }
    int peek() override {
        return in.empty() ? -1 : in.front();
    }
    int read() override {
        const int byte = peek();
        if (byte >= 0)
            in.erase(in.begin());
        return byte;
    }
    using Print::write;
    size_t write(uint8_t byte) override {
        if (room == 0)
            return 0;
        room--;
        out.push_back(byte);
        return 1;
    }
    void hello(uint16_t sequence) {
        static wire_encoder encoder;
        wire_put_u16(wire_encoder_body(&encoder), WIRE_PROTOCOL_VERSION);
        const size_t size = wire_encoder_seal(&encoder, WIRE_HELLO, sequence, 2);
        in.push_back(0);
        in.insert(in.end(), encoder.data, encoder.data + size);
    }
    /* The sequence number of the only good frame that came; -1: none, or several. */
    int answer() {
        static wire_decoder decoder;
        wire_decoder_init(&decoder);
        int found = -1, frames = 0;
        for (size_t used, at = 0; at < out.size(); at += used)
            if (wire_decoder_feed(&decoder, &out[at], out.size() - at, &used) == WIRE_DECODER_FRAME)
                frames++, found = wire_get_u16(decoder.data + 1);
        out.clear();
        return frames == 1 ? found : -1;
    }
};

int main() {
    alarm(20);
    static TinyHil hil(gesture_descriptor, "nano33");
    Line line;
    hil.begin(line);

    line.hello(1);
    EXPECT(hil.poll());
    EXPECT(!hil.poll());
    EXPECT(line.out.empty());
    line.room = 5;
    EXPECT(!hil.poll());
    line.room = 10000;
    EXPECT(!hil.poll());
    EXPECT(line.answer() == 1); /* the same session: its reply goes on where it stood */

    for (const size_t room : {0U, 5U}) { /* another session: the reply is not for it */
        line.room = room;
        line.hello(2);
        EXPECT(hil.poll());
        line.room = 10000;
        line.hello(3);
        EXPECT(hil.poll());
        EXPECT(line.answer() == 3);
    }
    return 0;
}
