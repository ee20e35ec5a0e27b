/* The sensor (firmware/lib/sensor) as the wire protocol's server asks for it. */
#ifndef SENSOR_WIRE_H
#define SENSOR_WIRE_H

#include "wire_server.h"

/* Get hold of the board's sensor; it is not touched before somebody asks for it. */
const struct wire_sensor_ops *sensor_wire_start(void);

/* Call in the main loop. */
void sensor_wire_poll(void);

#endif
