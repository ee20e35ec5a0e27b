/* Runs the fuzzer's entry without libFuzzer, where clang is missing: the files named on the command
 * line, each with a number of random changes that are the same every time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t next(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

static void run(const uint8_t *data, size_t size) {
    uint8_t *exact = malloc(size ? size : 1); /* so that a read behind the end is found */
    if (!exact)
        abort();
    memcpy(exact, data, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

int main(int argc, char **argv) {
    uint32_t random = 1;
    for (int i = 2; i < argc; i++) {
        uint8_t data[4096];
        FILE *file = fopen(argv[i], "rb");
        if (!file)
            return EXIT_FAILURE;
        const size_t size = fread(data, 1, sizeof data, file);
        (void)fclose(file);
        run(data, size);
        for (int k = atoi(argv[1]); k > 0 && size > 0; k--) {
            data[next(&random) % size] = (uint8_t)next(&random);
            run(data, size - next(&random) % 2 * (next(&random) % size));
        }
    }
    return EXIT_SUCCESS;
}
