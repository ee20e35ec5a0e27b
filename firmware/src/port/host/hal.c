/* hal.h on a POSIX host: the same firmware as a process, for sanitizers, fuzzers and debuggers.
 *
 * The link is the file descriptor that TINYHIL_FD names (a socket or a pty), else a pty whose name
 * is printed. It ends when the other end closes, and on a descriptor that it was given, when its
 * parent is gone, though it hang. Cycles are nanoseconds, and clock_hz says so:
 * they mean nothing for a board. A reset runs the program anew on the same descriptor. */
#define _XOPEN_SOURCE 700

#include "hal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "build_info.h"
#include "wire_schema.h"

#define NANOSECONDS 1000000000U

extern char **environ;

static int line;
static bool line_full; /* the last write was cut short */
static uint32_t boot_id;
static uint8_t reset_cause;
static pid_t parent;

static _Noreturn void die(const char *what) {
    perror(what);
    exit(EXIT_FAILURE);
}

static uint32_t number_from(const char *variable, uint32_t otherwise) {
    const char *text = getenv(variable);
    return text ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

/* The far end stays open here as well, so that a program may close and open it again. */
static int open_pty(void) {
    const int near_end = posix_openpt(O_RDWR | O_NOCTTY);
    if (near_end < 0 || grantpt(near_end) != 0 || unlockpt(near_end) != 0)
        die("pty");
    const int far_end = open(ptsname(near_end), O_RDWR | O_NOCTTY);
    struct termios raw;
    if (far_end < 0 || tcgetattr(far_end, &raw) != 0)
        die("pty");
    raw.c_iflag = 0;
    raw.c_oflag = 0;
    raw.c_lflag = 0;
    raw.c_cflag |= CS8;
    if (tcsetattr(far_end, TCSANOW, &raw) != 0)
        die("pty");
    (void)printf("%s\n", ptsname(near_end));
    (void)fflush(stdout);
    return near_end;
}

static uint32_t now(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint32_t)time.tv_sec * NANOSECONDS + (uint32_t)time.tv_nsec;
}

static void end_with_parent(int number) {
    (void)number;
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
}

/* Look once a second, or not any more. */
static void watch_parent(bool on) {
    const struct timeval period = {.tv_sec = on};
    const struct itimerval timer = {period, period};
    struct sigaction action = {.sa_handler = end_with_parent, .sa_flags = SA_RESTART};
    parent = getppid();
    if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &timer, NULL) != 0)
        die("timer");
}

void hal_init(void) {
    if (getenv("TINYHIL_FD"))
        watch_parent(true);
    line = getenv("TINYHIL_FD") ? (int)number_from("TINYHIL_FD", 0) : open_pty();
    boot_id = number_from("TINYHIL_BOOT", now() ^ (uint32_t)getpid());
    reset_cause = (uint8_t)number_from("TINYHIL_RESET_CAUSE", WIRE_RESET_CAUSE_POWER_ON);
    const int flags = fcntl(line, F_GETFL);
    if (flags < 0 || fcntl(line, F_SETFL, flags | O_NONBLOCK) != 0)
        die("link");
}

static bool is_for_later(ssize_t result) {
    return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

size_t hal_read(uint8_t *data, size_t size) {
    const ssize_t result = read(line, data, size);
    if (is_for_later(result))
        return 0;
    if (result <= 0)
        exit(EXIT_SUCCESS); /* the other end is gone */
    return (size_t)result;
}

size_t hal_write(const uint8_t *data, size_t size) {
    const ssize_t result = write(line, data, size);
    line_full = is_for_later(result) || (result >= 0 && (size_t)result < size);
    if (is_for_later(result))
        return 0;
    if (result < 0)
        exit(EXIT_SUCCESS);
    return (size_t)result;
}

int hal_write_done(void) {
    return 1; /* the kernel has it */
}

void hal_sleep(void) {
    struct pollfd wait = {.fd = line, .events = line_full ? POLLIN | POLLOUT : POLLIN};
    (void)poll(&wait, 1, -1);
}

uint32_t hal_cycles(void) {
    return now();
}

void hal_identity(struct hal_identity *identity) {
    *identity = (struct hal_identity){
        .board = BUILD_BOARD,
        .clock_hz = NANOSECONDS,
        .boot_id = boot_id,
        .device_id = 0,
        .reset_cause = reset_cause,
    };
}

/* A process has no such sizes. */
void hal_memory(struct hal_memory *memory) {
    *memory = (struct hal_memory){0};
}

/* The kernel sees to it that nothing is lost. */
void hal_link(struct hal_link *link) {
    *link = (struct hal_link){0};
}

/* A fault ends the process: its report is on standard error, not here. */
void hal_fault(struct hal_fault *fault) {
    *fault = (struct hal_fault){0};
}

struct hal_sensor hal_sensor(void) {
    return (struct hal_sensor){0};
}

uint8_t *hal_spare_ram(size_t *size) {
    static _Alignas(8) uint8_t spare[256 * 1024];
    *size = sizeof spare;
    return spare;
}

static void pass_on(const char *variable, uint32_t value) {
    char text[11];
    (void)snprintf(text, sizeof text, "%u", value);
    if (setenv(variable, text, 1) != 0)
        die(variable);
}

_Noreturn void hal_reset(void) {
    char *const arguments[] = {"firmware", NULL};
    watch_parent(false); /* a timer outlives execve, its handler does not */
    pass_on("TINYHIL_FD", (uint32_t)line);
    pass_on("TINYHIL_BOOT", boot_id + 1U);
    pass_on("TINYHIL_RESET_CAUSE", WIRE_RESET_CAUSE_SOFTWARE);
    (void)execve("/proc/self/exe", arguments, environ);
    die("reset");
}
