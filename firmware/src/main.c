/* The firmware: the wire protocol's server between the board (hal.h) and the model. */
#include "build_info.h"
#include "hal.h"
#include "model.h"
#include "sensor_wire.h"
#include "wire_server.h"

static void memory(struct wire_memory_reply *reply) {
    struct hal_memory board;
    hal_memory(&board);
    reply->flash_used = board.flash_used;
    reply->ram_static = board.ram_static;
    reply->stack_size = board.stack_size;
    reply->stack_peak = board.stack_peak;
}

static void last_fault(struct wire_last_fault_reply *reply) {
    struct hal_fault fault;
    hal_fault(&fault);
    reply->count = fault.count;
    reply->exception = fault.exception;
    reply->pc = fault.pc;
    reply->lr = fault.lr;
    reply->sp = fault.sp;
    reply->psr = fault.psr;
    reply->cfsr = fault.cfsr;
    reply->hfsr = fault.hfsr;
    reply->address = fault.address;
    for (size_t i = 0; i < sizeof fault.r / sizeof fault.r[0]; i++)
        reply->r[i] = fault.r[i];
}

static void link_counts(struct wire_link_reply *reply) {
    struct hal_link link;
    hal_link(&link);
    reply->overruns = link.overruns;
    reply->line_errors = link.line_errors;
}

static void configure(struct wire_config *config) {
    struct hal_identity board;
    size_t spare;
    hal_identity(&board);
    config->model = &model_descriptor;
    config->identity = (struct wire_identity){
        .board = board.board,
        .firmware_version = BUILD_VERSION,
        .firmware_hash = BUILD_FIRMWARE_HASH,
        .clock_hz = board.clock_hz,
        .boot_id = board.boot_id,
        .device_id = board.device_id,
        .reset_cause = board.reset_cause,
    };
    config->ops =
        (struct wire_ops){hal_cycles, memory, last_fault, link_counts, sensor_wire_start()};
    config->staging = hal_spare_ram(&spare);
    config->staging_size = (uint32_t)spare;
}

static void flush(struct wire_server *server) {
    const uint8_t *output;
    size_t size;
    while (output = wire_server_output(server, &size), size > 0U) {
        const size_t taken = hal_write(output, size);
        if (taken == 0U)
            hal_sleep();
        wire_server_sent(server, taken);
    }
}

static void serve(struct wire_server *server, const uint8_t *data, size_t size) {
    for (size_t used = 0; used < size;) {
        used += wire_server_feed(server, data + used, size - used);
        flush(server);
    }
}

/* What is queued leaves within 0.4 s at 115,200 baud. A host that does not read, or whose bus is
 * suspended, must not hold the reset up. */
#define RESET_CYCLES 80000000U /* 1 s at 80 MHz */

/* Polls: the transmitter becoming idle is no interrupt on every chip. */
static _Noreturn void reset_once_sent(void) {
    const uint32_t begin = hal_cycles();
    while (!hal_write_done() && hal_cycles() - begin < RESET_CYCLES)
        ;
    hal_reset();
}

int main(void) {
    static struct wire_config config;
    static struct wire_server server;
    static uint8_t data[256];
    hal_init();
    configure(&config);
    wire_server_init(&server, &config);
    for (;;) {
        const size_t size = hal_read(data, sizeof data);
        serve(&server, data, size);
        sensor_wire_poll();
        if (wire_server_reset_wanted(&server))
            reset_once_sent();
        if (size == 0U)
            hal_sleep();
    }
}
