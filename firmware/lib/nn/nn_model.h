/* How a model presents itself to whoever runs it: the firmware's server, a test, a sketch.
 * The emitter writes one `struct nn_model NAME_descriptor` per model. */
#ifndef NN_MODEL_H
#define NN_MODEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One of the activations that a layer reads. */
struct nn_input {
    int8_t *data;
    uint32_t size; /* bytes */
};

/* One step of the model. `run` reads `inputs`, writes `output`, and keeps nothing else: all state
 * (an LSTM's) is cleared by the model's reset. Tensors may share memory: an output is valid until
 * a later layer runs. */
struct nn_layer {
    const char *name; /* the tensor's name in the .tflite, made a plain identifier */
    const char *op;   /* TFLite's operator name, e.g. "CONV_2D" */
    int8_t *output;
    uint32_t output_size;          /* bytes */
    const struct nn_input *inputs; /* activations only, in operator order */
    uint16_t input_count;
    uint16_t shape[4]; /* of the output, unused places 0 */
    uint16_t tensor;   /* index of the output tensor in the .tflite */
    int (*run)(void);  /* 0 on success */
};

struct nn_model {
    const char *name;
    uint8_t hash[32]; /* SHA-256 of the .tflite */
    uint32_t input_size, output_size;
    float input_scale, output_scale;
    int32_t input_zero_point, output_zero_point;
    uint32_t arena_size; /* bytes of activations and scratch */
    int8_t *input;       /* where layer 0 reads from */
    const int8_t *output;
    const struct nn_layer *layers;
    uint16_t layer_count;
    void (*reset)(void);
    /* Preprocessing: raw counts to the int8 input; NULL where the model came without it. */
    void (*preprocess)(const int16_t *raw, int8_t *input);
    uint32_t raw_size;    /* bytes of one raw window, 0 without preprocessing */
    const char *raw_unit; /* e.g. "accelerometer 0.000244 g, gyroscope 0.00122 rad/s" */
};

#ifdef __cplusplus
}
#endif

#endif
