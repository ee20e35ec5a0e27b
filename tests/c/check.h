/* C tests, run by `pio test -e native` with sanitizers. Each file of this folder is linked into one
 * program with all of firmware/lib; a test is
 *
 *     TEST(crc_of_nothing_is_zero) {
 *         CHECK_EQUAL(0, wire_crc32(NULL, 0));
 *     }
 *
 * A failed check is printed with its place; the test goes on, and the program ends with status 1.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct check_test {
    const char *file, *name;
    int line;
    void (*run)(void);
    struct check_test *next;
};

void check_add(struct check_test *test);
void check_failed(const char *file, int line, const char *text);
void check_differ(const char *file, int line, const char *text, int64_t expected, int64_t actual);

#define TEST(name)                                                                                 \
    static void name(void);                                                                        \
    __attribute__((constructor)) static void add_##name(void) {                                    \
        static struct check_test test = {__FILE__, #name, __LINE__, name, 0};                      \
        check_add(&test);                                                                          \
    }                                                                                              \
    static void name(void)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            check_failed(__FILE__, __LINE__, #condition);                                          \
    } while (0)

#define CHECK_EQUAL(expected, actual)                                                              \
    do {                                                                                           \
        const int64_t check_expected = (int64_t)(expected), check_actual = (int64_t)(actual);      \
        if (check_expected != check_actual)                                                        \
            check_differ(__FILE__, __LINE__, #actual, check_expected, check_actual);               \
    } while (0)

#endif
