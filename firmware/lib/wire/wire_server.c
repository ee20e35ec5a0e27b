#include "wire_exchange.h"

#if WIRE_PROTOCOL_VERSION != 1
#error "this server speaks version 1 of the protocol: bring it up to the new one"
#endif

static void hello(struct wire_exchange *x) {
    const struct wire_identity *who = &x->config->identity;
    const struct nn_model *model = x->config->model;
    struct wire_hello_reply reply = {
        .protocol = WIRE_PROTOCOL_VERSION,
        .max_body = WIRE_MAX_BODY,
        .credits = WIRE_CREDITS,
        .arithmetic = WIRE_ARITHMETIC_TFLM_REFERENCE,
        .reset_cause = who->reset_cause,
        .boot_id = who->boot_id,
        .device_id = who->device_id,
        .clock_hz = who->clock_hz,
        .staging_size = x->config->staging_size,
        .input_size = model->input_size,
        .output_size = model->output_size,
        .raw_size = model->preprocess ? model->raw_size : 0,
        .input_scale = model->input_scale,
        .input_zero_point = model->input_zero_point,
        .output_scale = model->output_scale,
        .output_zero_point = model->output_zero_point,
        .layer_count = model->layer_count,
    };
    memcpy(reply.model_hash, model->hash, sizeof reply.model_hash);
    memcpy(reply.firmware_hash, who->firmware_hash, sizeof reply.firmware_hash);
    wire_hello_reply_pack(x->reply, &reply);
    const char *names[] = {who->board, model->name, who->firmware_version, model->raw_unit};
    wire_put_names(x, WIRE_HELLO_REPLY_SIZE, names, 4);
}

static void discard(struct wire_exchange *x) {
    wire_discard_reply_pack(x->reply, &(struct wire_discard_reply){.size = (uint32_t)x->size});
    x->reply_size = WIRE_DISCARD_REPLY_SIZE;
}

static void memory(struct wire_exchange *x) {
    struct wire_memory_reply reply = {0};
    x->config->ops.memory(&reply);
    reply.arena = x->config->model->arena_size;
    wire_memory_reply_pack(x->reply, &reply);
    x->reply_size = WIRE_MEMORY_REPLY_SIZE;
}

static void last_fault(struct wire_exchange *x) {
    struct wire_last_fault_reply reply = {0};
    x->config->ops.last_fault(&reply);
    wire_last_fault_reply_pack(x->reply, &reply);
    x->reply_size = WIRE_LAST_FAULT_REPLY_SIZE;
}

static void link(struct wire_exchange *x) {
    struct wire_link_reply reply = {0};
    x->config->ops.link(&reply);
    reply.frames = x->server->frames;
    reply.bad_frames = x->server->bad_frames;
    wire_link_reply_pack(x->reply, &reply);
    x->reply_size = WIRE_LINK_REPLY_SIZE;
}

static void reset(struct wire_exchange *x) {
    if (wire_reset_request_unpack(x->body).boot_id == x->config->identity.boot_id)
        x->server->reset_wanted = true;
}

static const struct request {
    uint8_t type;
    bool tail; /* the body may be longer than `size` */
    uint16_t size;
    void (*serve)(struct wire_exchange *x);
} requests[] = {
    {WIRE_HELLO, WIRE_HELLO_REQUEST_TAIL, WIRE_HELLO_REQUEST_SIZE, hello},
    {WIRE_DISCARD, WIRE_DISCARD_REQUEST_TAIL, WIRE_DISCARD_REQUEST_SIZE, discard},
    {WIRE_STAGE, WIRE_STAGE_REQUEST_TAIL, WIRE_STAGE_REQUEST_SIZE, wire_stage},
    {WIRE_INFER, WIRE_INFER_REQUEST_TAIL, WIRE_INFER_REQUEST_SIZE, wire_infer},
    {WIRE_TAP, WIRE_TAP_REQUEST_TAIL, WIRE_TAP_REQUEST_SIZE, wire_tap},
    {WIRE_READ_LAYER, WIRE_READ_LAYER_REQUEST_TAIL, WIRE_READ_LAYER_REQUEST_SIZE, wire_read_layer},
    {WIRE_RUN_LAYER, WIRE_RUN_LAYER_REQUEST_TAIL, WIRE_RUN_LAYER_REQUEST_SIZE, wire_run_layer},
    {WIRE_CYCLES, WIRE_CYCLES_REQUEST_TAIL, WIRE_CYCLES_REQUEST_SIZE, wire_cycles},
    {WIRE_LAYER, WIRE_LAYER_REQUEST_TAIL, WIRE_LAYER_REQUEST_SIZE, wire_layer},
    {WIRE_MEMORY, WIRE_MEMORY_REQUEST_TAIL, WIRE_MEMORY_REQUEST_SIZE, memory},
    {WIRE_LAST_FAULT, WIRE_LAST_FAULT_REQUEST_TAIL, WIRE_LAST_FAULT_REQUEST_SIZE, last_fault},
    {WIRE_LINK, WIRE_LINK_REQUEST_TAIL, WIRE_LINK_REQUEST_SIZE, link},
    {WIRE_SENSOR, WIRE_SENSOR_REQUEST_TAIL, WIRE_SENSOR_REQUEST_SIZE, wire_sensor},
    {WIRE_SENSOR_START, WIRE_SENSOR_START_REQUEST_TAIL, WIRE_SENSOR_START_REQUEST_SIZE,
     wire_sensor_start},
    {WIRE_SENSOR_STOP, WIRE_SENSOR_STOP_REQUEST_TAIL, WIRE_SENSOR_STOP_REQUEST_SIZE,
     wire_sensor_stop},
    {WIRE_SENSOR_SAMPLES, WIRE_SENSOR_SAMPLES_REQUEST_TAIL, WIRE_SENSOR_SAMPLES_REQUEST_SIZE,
     wire_sensor_samples},
    {WIRE_SENSOR_TEST, WIRE_SENSOR_TEST_REQUEST_TAIL, WIRE_SENSOR_TEST_REQUEST_SIZE,
     wire_sensor_test},
    {WIRE_RESET, WIRE_RESET_REQUEST_TAIL, WIRE_RESET_REQUEST_SIZE, reset},
};

/* Copy a name of at most WIRE_NAME_MAX bytes, without its NUL; return its length. */
static size_t put_name(uint8_t *out, const char *name) {
    size_t size = 0;
    while (name && size < WIRE_NAME_MAX && name[size])
        size++;
    if (size > 0)
        memcpy(out, name, size);
    return size;
}

void wire_put_names(struct wire_exchange *x, size_t fixed, const char *const *names, size_t count) {
    size_t size = fixed;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            x->reply[size++] = 0;
        size += put_name(x->reply + size, names[i]);
    }
    x->reply_size = size;
}

bool wire_refuse(struct wire_exchange *x, enum wire_error_code code, uint32_t detail,
                 const char *text) {
    struct wire_error_reply reply = {.request = x->type, .code = (uint8_t)code, .detail = detail};
    wire_error_reply_pack(x->reply, &reply);
    wire_put_names(x, WIRE_ERROR_REPLY_SIZE, &text, 1);
    x->refused = true;
    return false;
}

static void dispatch(struct wire_exchange *x) {
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        const struct request *request = &requests[i];
        if (request->type != x->type)
            continue;
        if (x->size < request->size || (x->size > request->size && !request->tail))
            wire_refuse(x, WIRE_ERROR_CODE_BAD_LENGTH, request->size, "length of the body");
        else
            request->serve(x);
        return;
    }
    wire_refuse(x, WIRE_ERROR_CODE_UNKNOWN_TYPE, x->type, "no such request");
}

static struct wire_exchange begin(struct wire_server *server, uint8_t type) {
    return (struct wire_exchange){
        .server = server,
        .config = server->config,
        .type = type,
        .body = server->decoder.data + WIRE_HEADER_SIZE,
        .size = server->decoder.size - WIRE_HEADER_SIZE,
        .reply = wire_encoder_body(&server->encoder),
    };
}

static void send(struct wire_exchange *x, uint16_t sequence) {
    uint8_t type = x->refused ? WIRE_ERROR : (uint8_t)(x->type | WIRE_REPLY_BIT);
    x->server->output_begin = 0;
    x->server->output_end = wire_encoder_seal(&x->server->encoder, type, sequence, x->reply_size);
}

static void serve(struct wire_server *server) {
    uint8_t type = wire_get_u8(server->decoder.data);
    /* A reply, perhaps our own on a line that echoes: to answer would never end. */
    if (type & WIRE_REPLY_BIT)
        return;
    server->frames++;
    server->bad_frame_told = false;
    struct wire_exchange x = begin(server, type);
    dispatch(&x);
    send(&x, wire_get_u16(server->decoder.data + 1));
}

static void refuse_frame(struct wire_server *server, const char *reason) {
    server->bad_frames++;
    if (server->bad_frame_told)
        return;
    server->bad_frame_told = true;
    struct wire_exchange x = begin(server, 0);
    wire_refuse(&x, WIRE_ERROR_CODE_BAD_FRAME, 0, reason);
    send(&x, 0);
}

void wire_server_init(struct wire_server *server, const struct wire_config *config) {
    memset(server, 0, sizeof *server);
    server->config = config;
}

size_t wire_server_feed(struct wire_server *server, const uint8_t *data, size_t size) {
    size_t total = 0;
    while (total < size && server->output_begin == server->output_end) {
        size_t used;
        enum wire_decoder_result result =
            wire_decoder_feed(&server->decoder, data + total, size - total, &used);
        total += used;
        switch (result) {
        case WIRE_DECODER_MORE:
            break;
        case WIRE_DECODER_FRAME:
            serve(server);
            break;
        case WIRE_DECODER_BAD_COBS:
            refuse_frame(server, "COBS");
            break;
        case WIRE_DECODER_BAD_SIZE:
            refuse_frame(server, "size");
            break;
        case WIRE_DECODER_BAD_CRC:
            refuse_frame(server, "CRC");
            break;
        }
    }
    return total;
}

const uint8_t *wire_server_output(const struct wire_server *server, size_t *size) {
    *size = server->output_end - server->output_begin;
    return server->encoder.data + server->output_begin;
}

void wire_server_sent(struct wire_server *server, size_t size) {
    server->output_begin += size;
}

bool wire_server_reset_wanted(const struct wire_server *server) {
    return server->reset_wanted && server->output_begin == server->output_end;
}
