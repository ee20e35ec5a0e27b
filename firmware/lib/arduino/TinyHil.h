/* The harness's end of the wire protocol in somebody's own Arduino sketch: any Stream as the link
 * (Serial over USB, Serial1 on the pins), the model as `tinyhil emit` wrote it.
 *
 *     #include <TinyHil.h>
 *     #include "gesture.h"
 *
 *     static TinyHil hil(gesture_descriptor, "nano33");
 *
 *     void setup() { Serial.begin(115200); hil.begin(Serial); }
 *     void loop()  { hil.poll(); }
 *
 * While the harness runs, nothing else may write to that Stream. */
#ifndef TINYHIL_H
#define TINYHIL_H

#include <Arduino.h>

#include "wire_server.h"

class TinyHil {
  public:
    /* `board` is what `tinyhil run --board` is given: nano33 or sensortile. Both must outlive this
     * object. */
    TinyHil(const nn_model &model, const char *board);

    /* Serve the protocol on `link`, which must be open. `device_id`: a number of your own, by which
     * several boards are told apart; 0 takes the chip's, which is known for an nRF52840 and an
     * STM32. On another chip pass one: two sketches that both say 0 cannot be told apart. */
    void begin(Stream &link, uint64_t device_id = 0);

    /* Answer what has arrived. Call it from loop(). Returns true when there was something, so that
     * a sketch may do its own work in quiet moments. Runs an inference before it returns; a reply
     * that the Stream does not take waits for the next call. */
    bool poll();

  private:
    void receive();
    void drop_stale();
    void use(size_t size);
    bool flush();
    void reset();

    wire_config config_;
    wire_server server_;
    Stream *link_;
    uint8_t input_[64]; /* what has arrived and waits, `held_` bytes */
    size_t held_;
    bool stalled_; /* a reply waits that the Stream did not take */
};

#endif
