/* A sketch that the harness can test:
 *
 *     tinyhil emit MODEL --name gesture --out SKETCH_FOLDER
 *     tinyhil run --board nano33 --port PORT --model MODEL
 */
#include <TinyHil.h>

#include "gesture.h"

static TinyHil hil(gesture_descriptor, "nano33");

void setup() {
    Serial.begin(115200);
    hil.begin(Serial);
}

void loop() {
    hil.poll();
}
