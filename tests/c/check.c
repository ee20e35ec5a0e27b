#include "check.h"

#include <stdio.h>
#include <stdlib.h>

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

static struct check_test *first, **last = &first;
static const struct check_test *running;
static unsigned failures; /* of the running test */

/* Not 1: PlatformIO takes an exit status for the number of a signal where there is one. */
#define STATUS_FAILED 100

const char *__asan_default_options(void) {
    return "exitcode=101";
}

const char *__ubsan_default_options(void) {
    return "exitcode=102:print_stacktrace=1";
}

void check_add(struct check_test *test) {
    *last = test;
    last = &test->next;
}

void check_failed(const char *file, int line, const char *text) {
    failures++;
    (void)printf("%s:%d:%s:FAIL:%s\n", file, line, running->name, text);
}

void check_differ(const char *file, int line, const char *text, int64_t expected, int64_t actual) {
    failures++;
    (void)printf("%s:%d:%s:FAIL:%s is %lld, not %lld\n", file, line, running->name, text,
                 (long long)actual, (long long)expected);
}

int main(void) {
    unsigned tests = 0, failed = 0;
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must not swallow what was printed */
    for (running = first; running; running = running->next) {
        failures = 0;
        running->run();
        tests++;
        failed += failures > 0;
        if (failures == 0)
            (void)printf("%s:%d:%s:PASS\n", running->file, running->line, running->name);
    }
    (void)printf("%u tests, %u failed\n", tests, failed);
    return tests == 0 || failed > 0 ? STATUS_FAILED : EXIT_SUCCESS;
}
