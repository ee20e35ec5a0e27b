/* The requests that run the model. Each begins with the model's reset and its own input, so that an
 * answer depends on nothing but the request and the staged bytes it names. */
#include "wire_crc32.h"
#include "wire_exchange.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "raw samples travel as little-endian int16 and are used in place"
#endif

static bool is_staged(uint8_t form) {
    return form == WIRE_DATA_FORM_STAGED_INT8 || form == WIRE_DATA_FORM_STAGED_RAW;
}

static bool is_raw(uint8_t form) {
    return form == WIRE_DATA_FORM_RAW || form == WIRE_DATA_FORM_STAGED_RAW;
}

/* Find the `wanted` bytes that the request's tail holds or names; NULL: refused. */
static const uint8_t *find_data(struct wire_exchange *x, uint8_t form, size_t fixed,
                                uint32_t wanted) {
    const uint8_t *tail = x->body + fixed;
    size_t size = x->size - fixed;
    if (!is_staged(form)) {
        if (size == wanted)
            return tail;
        wire_refuse(x, WIRE_ERROR_CODE_INPUT_SIZE, wanted, "size of the input");
        return NULL;
    }
    if (size != 4) {
        wire_refuse(x, WIRE_ERROR_CODE_BAD_LENGTH, (uint32_t)fixed + 4, "a CRC-32 was expected");
        return NULL;
    }
    if (wanted > x->config->staging_size) {
        wire_refuse(x, WIRE_ERROR_CODE_TOO_LARGE, x->config->staging_size, "staging buffer");
        return NULL;
    }
    uint32_t crc = wire_crc32(0, x->config->staging, wanted);
    if (crc != wire_get_u32(tail)) {
        wire_refuse(x, WIRE_ERROR_CODE_STAGING, crc, "other bytes are staged");
        return NULL;
    }
    return x->config->staging;
}

/* Preprocess raw samples. Those of a frame have no alignment: they move to the reply's place, which
 * has, and is free until the reply is written. */
static void preprocess(struct wire_exchange *x, const uint8_t *raw, bool in_frame) {
    const struct nn_model *model = x->config->model;
    if (in_frame) {
        memcpy(x->reply, raw, model->raw_size);
        raw = x->reply;
    }
    model->preprocess((const int16_t *)(const void *)raw, model->input);
}

/* Reset the model and give it the request's input; false: refused, and the model is untouched. */
static bool load_input(struct wire_exchange *x, uint8_t form, size_t fixed) {
    const struct nn_model *model = x->config->model;
    if (form > WIRE_DATA_FORM_STAGED_RAW)
        return wire_refuse(x, WIRE_ERROR_CODE_BAD_ARGUMENT, WIRE_DATA_FORM_STAGED_RAW, "form");
    if (is_raw(form) && model->preprocess == NULL)
        return wire_refuse(x, WIRE_ERROR_CODE_UNSUPPORTED, 0, "the model has no preprocessing");
    const uint8_t *data =
        find_data(x, form, fixed, is_raw(form) ? model->raw_size : model->input_size);
    if (data == NULL)
        return false;
    model->reset();
    if (is_raw(form))
        preprocess(x, data, !is_staged(form));
    else
        memcpy(model->input, data, model->input_size);
    return true;
}

static bool run(struct wire_exchange *x, uint16_t layer) {
    const struct nn_layer *step = &x->config->model->layers[layer];
    int result = step->run();
    return result == 0 || wire_refuse(x, WIRE_ERROR_CODE_INVOKE, (uint32_t)result, step->name);
}

/* How many entries of a u32 table to report: from `first`, as many as fit behind `fixed` bytes. */
static size_t table_count(const struct wire_exchange *x, uint16_t first, size_t fixed) {
    size_t rest = (size_t)x->config->model->layer_count - first;
    size_t room = (WIRE_MAX_BODY - fixed) / 4;
    return rest < room ? rest : room;
}

static bool check_first(struct wire_exchange *x, uint16_t first) {
    uint16_t count = x->config->model->layer_count;
    return first <= count || wire_refuse(x, WIRE_ERROR_CODE_BAD_ARGUMENT, count, "first layer");
}

static bool check_layer(struct wire_exchange *x, uint16_t layer) {
    uint32_t count = x->config->model->layer_count;
    return layer < count || wire_refuse(x, WIRE_ERROR_CODE_BAD_ARGUMENT, count - 1, "layer");
}

/* A piece of a tensor: the offset must lie in it, the piece must fit a frame. */
static bool check_piece(struct wire_exchange *x, uint32_t offset, uint32_t size, size_t length,
                        uint32_t room) {
    if (offset > size)
        return wire_refuse(x, WIRE_ERROR_CODE_BAD_ARGUMENT, size, "offset");
    return length <= room || wire_refuse(x, WIRE_ERROR_CODE_TOO_LARGE, room, "length");
}

static void put_piece(struct wire_exchange *x, size_t fixed, const int8_t *tensor, uint32_t size,
                      uint32_t offset, size_t length) {
    if (length > size - offset)
        length = size - offset;
    memcpy(x->reply + fixed, tensor + offset, length);
    x->reply_size = fixed + length;
}

void wire_stage(struct wire_exchange *x) {
    uint32_t offset = wire_stage_request_unpack(x->body).offset, room = x->config->staging_size;
    size_t size = x->size - WIRE_STAGE_REQUEST_SIZE;
    if (offset > room || size > room - offset) {
        wire_refuse(x, WIRE_ERROR_CODE_TOO_LARGE, room, "staging buffer");
        return;
    }
    memcpy(x->config->staging + offset, x->body + WIRE_STAGE_REQUEST_SIZE, size);
    wire_stage_reply_pack(x->reply, &(struct wire_stage_reply){.size = room});
    x->reply_size = WIRE_STAGE_REPLY_SIZE;
}

void wire_infer(struct wire_exchange *x) {
    const struct nn_model *model = x->config->model;
    if (model->output_size > WIRE_MAX_BODY - WIRE_INFER_REPLY_SIZE) {
        wire_refuse(x, WIRE_ERROR_CODE_TOO_LARGE, WIRE_MAX_BODY - WIRE_INFER_REPLY_SIZE,
                    "the output: use READ_LAYER");
        return;
    }
    if (!load_input(x, wire_infer_request_unpack(x->body).form, WIRE_INFER_REQUEST_SIZE))
        return;
    struct wire_infer_reply reply = {.input_crc = wire_crc32(0, model->input, model->input_size)};
    uint32_t begin = x->config->ops.cycles();
    for (uint16_t i = 0; i < model->layer_count; i++)
        if (!run(x, i))
            return;
    reply.cycles = x->config->ops.cycles() - begin;
    wire_infer_reply_pack(x->reply, &reply);
    memcpy(x->reply + WIRE_INFER_REPLY_SIZE, model->output, model->output_size);
    x->reply_size = WIRE_INFER_REPLY_SIZE + model->output_size;
}

void wire_tap(struct wire_exchange *x) {
    const struct nn_model *model = x->config->model;
    struct wire_tap_request request = wire_tap_request_unpack(x->body);
    if (!check_first(x, request.first) || !load_input(x, request.form, WIRE_TAP_REQUEST_SIZE))
        return;
    struct wire_tap_reply reply = {.input_crc = wire_crc32(0, model->input, model->input_size)};
    wire_tap_reply_pack(x->reply, &reply);
    size_t count = table_count(x, request.first, WIRE_TAP_REPLY_SIZE);
    uint8_t *crcs = x->reply + WIRE_TAP_REPLY_SIZE;
    for (uint16_t i = 0; i < request.first + count; i++) {
        const struct nn_layer *layer = &model->layers[i];
        if (!run(x, i))
            return;
        if (i >= request.first)
            wire_put_u32(crcs + 4 * (size_t)(i - request.first),
                         wire_crc32(0, layer->output, layer->output_size));
    }
    x->reply_size = WIRE_TAP_REPLY_SIZE + 4 * count;
}

void wire_read_layer(struct wire_exchange *x) {
    const struct nn_model *model = x->config->model;
    struct wire_read_layer_request request = wire_read_layer_request_unpack(x->body);
    bool input = request.layer == WIRE_INPUT_LAYER;
    if (!input && !check_layer(x, request.layer))
        return;
    const struct nn_layer *layer = input ? NULL : &model->layers[request.layer];
    uint32_t size = input ? model->input_size : layer->output_size;
    if (!check_piece(x, request.offset, size, request.length,
                     WIRE_MAX_BODY - WIRE_READ_LAYER_REPLY_SIZE) ||
        !load_input(x, request.form, WIRE_READ_LAYER_REQUEST_SIZE))
        return;
    for (uint16_t i = 0; !input && i <= request.layer; i++)
        if (!run(x, i))
            return;
    wire_read_layer_reply_pack(x->reply, &(struct wire_read_layer_reply){.size = size});
    put_piece(x, WIRE_READ_LAYER_REPLY_SIZE, input ? model->input : layer->output, size,
              request.offset, request.length);
}

static uint32_t inputs_size(const struct nn_layer *layer) {
    uint32_t size = 0;
    for (size_t i = 0; i < layer->input_count; i++)
        size += layer->inputs[i].size;
    return size;
}

static void load_layer(const struct nn_layer *layer, const uint8_t *data) {
    for (size_t i = 0; i < layer->input_count; i++) {
        memcpy(layer->inputs[i].data, data, layer->inputs[i].size);
        data += layer->inputs[i].size;
    }
}

void wire_run_layer(struct wire_exchange *x) {
    const struct nn_model *model = x->config->model;
    struct wire_run_layer_request request = wire_run_layer_request_unpack(x->body);
    if (!check_layer(x, request.layer))
        return;
    if (is_raw(request.form) || request.form > WIRE_DATA_FORM_STAGED_RAW) {
        wire_refuse(x, WIRE_ERROR_CODE_BAD_ARGUMENT, WIRE_DATA_FORM_STAGED_INT8, "form");
        return;
    }
    const struct nn_layer *layer = &model->layers[request.layer];
    uint32_t room = WIRE_MAX_BODY - WIRE_RUN_LAYER_REPLY_SIZE;
    if (!check_piece(x, request.offset, layer->output_size, request.length, room))
        return;
    const uint8_t *data =
        find_data(x, request.form, WIRE_RUN_LAYER_REQUEST_SIZE, inputs_size(layer));
    if (data == NULL)
        return;
    model->reset();
    load_layer(layer, data);
    if (!run(x, request.layer))
        return;
    struct wire_run_layer_reply reply = {.size = layer->output_size};
    reply.crc = wire_crc32(0, layer->output, layer->output_size);
    wire_run_layer_reply_pack(x->reply, &reply);
    put_piece(x, WIRE_RUN_LAYER_REPLY_SIZE, layer->output, reply.size, request.offset,
              request.length);
}

/* The stamps are taken back to back: the layers' cycles add up to the total. */
void wire_cycles(struct wire_exchange *x) {
    const struct nn_model *model = x->config->model;
    struct wire_cycles_request request = wire_cycles_request_unpack(x->body);
    if (!check_first(x, request.first) || !load_input(x, request.form, WIRE_CYCLES_REQUEST_SIZE))
        return;
    size_t count = table_count(x, request.first, WIRE_CYCLES_REPLY_SIZE);
    uint8_t *table = x->reply + WIRE_CYCLES_REPLY_SIZE;
    uint32_t begin = x->config->ops.cycles(), last = begin;
    for (uint16_t i = 0; i < model->layer_count; i++) {
        if (!run(x, i))
            return;
        uint32_t now = x->config->ops.cycles();
        if (i >= request.first && i - request.first < (int)count)
            wire_put_u32(table + 4 * (size_t)(i - request.first), now - last);
        last = now;
    }
    wire_cycles_reply_pack(x->reply, &(struct wire_cycles_reply){.total = last - begin});
    x->reply_size = WIRE_CYCLES_REPLY_SIZE + 4 * count;
}

void wire_layer(struct wire_exchange *x) {
    uint16_t index = wire_layer_request_unpack(x->body).layer;
    if (!check_layer(x, index))
        return;
    const struct nn_layer *layer = &x->config->model->layers[index];
    struct wire_layer_reply reply = {
        .tensor = layer->tensor,
        .input_size = inputs_size(layer),
        .output_size = layer->output_size,
    };
    memcpy(reply.shape, layer->shape, sizeof reply.shape);
    wire_layer_reply_pack(x->reply, &reply);
    const char *names[] = {layer->name, layer->op};
    wire_put_names(x, WIRE_LAYER_REPLY_SIZE, names, 2);
}
