/* The committed model, as the firmware runs it: the table's invariants, and that it repeats. */
#include <string.h>

#include "check.h"
#include "model.h"

TEST(the_layer_table_is_complete) {
    CHECK(model_descriptor.layer_count > 0);
    for (uint16_t i = 0; i < model_descriptor.layer_count; i++) {
        const struct nn_layer *layer = &model_descriptor.layers[i];
        CHECK(layer->name && layer->op && layer->output && layer->run && layer->inputs);
        CHECK(layer->output_size > 0);
        CHECK(layer->input_count > 0);
        for (uint16_t k = 0; k < layer->input_count; k++)
            CHECK(layer->inputs[k].data && layer->inputs[k].size > 0);
    }
    CHECK(model_descriptor.layers[0].inputs[0].data == model_descriptor.input);
    CHECK_EQUAL(model_descriptor.input_size, model_descriptor.layers[0].inputs[0].size);
}

static void infer(uint32_t seed, int8_t *output) {
    model_descriptor.reset();
    for (uint32_t i = 0; i < model_descriptor.input_size; i++) {
        seed = seed * 1664525u + 1013904223u;
        model_descriptor.input[i] = (int8_t)(seed >> 24);
    }
    for (uint16_t i = 0; i < model_descriptor.layer_count; i++)
        CHECK_EQUAL(0, model_descriptor.layers[i].run());
    memcpy(output, model_descriptor.output, model_descriptor.output_size);
}

TEST(an_inference_leaves_nothing_behind) {
    int8_t once[64], other[64], again[64];
    CHECK(model_descriptor.output_size <= sizeof once);
    infer(1, once);
    infer(2, other);
    infer(1, again);
    CHECK_EQUAL(0, memcmp(once, again, model_descriptor.output_size));
}
