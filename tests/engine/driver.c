/* Runs emitted models, with sanitizers. models.h includes them and lists them in `models`.
 *
 * Standard input: u32 number of a model, then one input, again and again. Standard output, for
 * each: the CRC-32 of every layer's output as u32. All in host order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn_model.h"

struct entry {
    const struct nn_model *model;
    int (*invoke)(const int8_t *input, int8_t *output);
};

#include "models.h"

static uint32_t crc32(const void *data, size_t size) {
    const unsigned char *bytes = data;
    uint32_t crc = 0xFFFFFFFFu;
    size_t i;
    int bit;
    for (i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
        }
    }
    return ~crc;
}

/* Layer by layer, as the device's tap does; writes each layer's CRC. */
static void tap(const struct nn_model *model, const int8_t *input) {
    uint32_t crc = 0;
    int i;
    model->reset();
    memcpy(model->input, input, model->input_size);
    for (i = 0; i < model->layer_count; i++) {
        if (model->layers[i].run() != 0) {
            exit(3);
        }
        crc = crc32(model->layers[i].output, model->layers[i].output_size);
        fwrite(&crc, sizeof crc, 1, stdout);
    }
}

int main(void) {
    uint32_t number, count = 0;
    while (fread(&number, sizeof number, 1, stdin) == 1) {
        const struct entry *entry = &models[number];
        const struct nn_model *model = entry->model;
        /* Odd addresses: callers' buffers need no alignment. */
        int8_t *input = (int8_t *)malloc(model->input_size + 1) + 1;
        int8_t *output = (int8_t *)malloc(model->output_size + 1) + 1;
        uint32_t crc;
        if (fread(input, 1, model->input_size, stdin) != model->input_size) {
            return 2;
        }
        tap(model, input);
        crc = crc32(model->output, model->output_size); /* not always the last layer's */
        if (count++ % 8 == 0) {                         /* the whole at once, now and then */
            model->reset();
            if (entry->invoke(input, output) != 0 || crc32(output, model->output_size) != crc) {
                return 4;
            }
        }
        free(input - 1);
        free(output - 1);
    }
    return 0;
}
