/* Runs a model over windows from standard input and writes the CRC-32 of every layer's output per
 * window to standard output, as u32 in host order. MODEL names the model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define DESCRIPTOR JOIN(MODEL, _descriptor)
#define INVOKE JOIN(MODEL, _invoke)

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

int main(void) {
    const struct nn_model *model = &DESCRIPTOR;
    /* Odd addresses: callers' buffers need no alignment. */
    int8_t *input = (int8_t *)malloc(model->input_size + 1) + 1;
    int8_t *output = (int8_t *)malloc(model->output_size + 1) + 1;
    uint32_t crc;
    int i;
    while (fread(input, 1, model->input_size, stdin) == model->input_size) {
        model->reset();
        memcpy(model->input, input, model->input_size);
        for (i = 0; i < model->layer_count; i++) {
            if (model->layers[i].run() != 0) {
                return 3;
            }
            crc = crc32(model->layers[i].output, model->layers[i].output_size);
            fwrite(&crc, 4, 1, stdout);
        }
        model->reset();
        if (INVOKE(input, output) != 0 || memcmp(output, model->output, model->output_size) != 0 ||
            crc32(output, model->output_size) != crc) {
            return 4;
        }
    }
    free(input - 1);
    free(output - 1);
    return 0;
}
