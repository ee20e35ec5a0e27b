#include "TinyHil.h"

#include <string.h>

namespace {

volatile uint32_t &word_at(uintptr_t address) {
    return *reinterpret_cast<volatile uint32_t *>(address);
}

/* The chip's own number, put together as this project's firmware does it: a board is the same board
 * under either. The macros are those that cores build with, and CMSIS. */
#if defined(NRF52840_XXAA) || defined(ARDUINO_ARCH_NRF52840)

/* FICR.DEVICEID: nRF52840 Product Specification 4.4.1. */
uint64_t chip_id() {
    return static_cast<uint64_t>(word_at(0x10000064)) << 32 | word_at(0x10000060);
}

#elif defined(UID_BASE)

/* An STM32's 96 bits: RM0351 49.1. */
uint64_t chip_id() {
    const uint32_t high = word_at(UID_BASE + 8) ^ word_at(UID_BASE + 4);
    return static_cast<uint64_t>(high) << 32 | word_at(UID_BASE);
}

#else

uint64_t chip_id() {
    return 0;
}

#endif

#if defined(__ARM_ARCH_7EM__) || defined(__ARM_ARCH_7M__)

extern "C" uint32_t SystemCoreClock; /* CMSIS: every Arduino core for a Cortex-M keeps it */

/* ARMv7-M Architecture Reference Manual: B3.2.6 AIRCR, C1.6.5 DEMCR, C1.8 DWT. */
constexpr uintptr_t AIRCR = 0xE000ED0C, DEMCR = 0xE000EDFC, DWT_CTRL = 0xE0001000,
                    DWT_CYCCNT = 0xE0001004;

void start_counting() {
    word_at(DEMCR) = word_at(DEMCR) | (1U << 24); /* TRCENA */
    word_at(DWT_CTRL) = word_at(DWT_CTRL) | 1U;   /* CYCCNTENA */
}

uint32_t cycles() {
    return word_at(DWT_CYCCNT);
}

uint32_t clock_hz() {
    return SystemCoreClock;
}

void restart() {
    word_at(AIRCR) = 0x05FA0004U; /* VECTKEY, SYSRESETREQ */
    for (;;)
        ;
}

#else

/* No counter of cycles is known for this core: microseconds, and the clock says so. */
void start_counting() {}

uint32_t cycles() {
    return static_cast<uint32_t>(micros());
}

uint32_t clock_hz() {
    return 1000000U;
}

/* Nor a way to reset. */
void restart() {}

#endif

/* What a linker script of this project's own would tell, an Arduino core does not: 0 is unknown. */
void memory(wire_memory_reply *reply) {
    memset(reply, 0, sizeof *reply);
}

/* An Arduino core's fault handlers are its own. */
void last_fault(wire_last_fault_reply *reply) {
    memset(reply, 0, sizeof *reply);
}

/* Nor does a Stream tell what it lost; the frames' check sums do. */
void link_counts(wire_link_reply *reply) {
    reply->overruns = 0;
    reply->line_errors = 0;
}

} // namespace

TinyHil::TinyHil(const nn_model &model, const char *board)
    : config_(), server_(), link_(nullptr), input_(), held_(0), stalled_(false) {
    config_.model = &model;
    config_.identity.board = board;
    config_.identity.firmware_version = "sketch";
    /* firmware_hash stays 0: the harness takes that for a sketch, and never flashes over it. */
    config_.identity.reset_cause = WIRE_RESET_CAUSE_OTHER;
    config_.ops.cycles = cycles;
    config_.ops.memory = memory;
    config_.ops.last_fault = last_fault;
    config_.ops.link = link_counts;
}

void TinyHil::begin(Stream &link, uint64_t device_id) {
    start_counting();
    config_.identity.clock_hz = clock_hz();
    config_.identity.device_id = device_id ? device_id : chip_id();
    wire_server_init(&server_, &config_);
    link_ = &link;
}

/* False when nobody takes it now: the rest waits for the next call, a sketch must go on. (The
 * USBSerial of ArduinoCore-mbed takes nothing while no host has the port open.) */
bool TinyHil::flush() {
    size_t size;
    for (const uint8_t *output; output = wire_server_output(&server_, &size), size > 0U;) {
        const size_t taken = link_->write(output, size);
        wire_server_sent(&server_, taken);
        stalled_ = taken == 0U;
        if (stalled_)
            return false;
    }
    stalled_ = false;
    return true;
}

void TinyHil::receive() {
    const int waiting = link_->available();
    const size_t room = sizeof input_ - held_;
    if (waiting <= 0 || room == 0U)
        return;
    const size_t wanted = static_cast<size_t>(waiting);
    held_ += link_->readBytes(input_ + held_, wanted < room ? wanted : room);
    /* A sketch has no entropy of its own; when its first byte arrives is nobody's plan. */
    if (config_.identity.boot_id == 0U)
        config_.identity.boot_id = static_cast<uint32_t>(micros()) | 1U;
}

/* A HELLO behind a reply that nobody took is a new session's: the reply is not for it. A session
 * begins with 0x00; then COBS has a code, and the type, which is not 0, stands as it is. */
void TinyHil::drop_stale() {
    for (size_t i = 0; stalled_ && i + 2U < held_; i++) {
        if (input_[i] != 0U || input_[i + 1U] < 2U || input_[i + 2U] != WIRE_HELLO)
            continue;
        size_t size;
        (void)wire_server_output(&server_, &size);
        if (size > 0U)
            wire_server_sent(&server_, size - 1U); /* its 0x00 ends what was sent of it */
        use(i);
        stalled_ = false;
    }
}

void TinyHil::use(size_t size) {
    held_ -= size;
    memmove(input_, input_ + size, held_);
}

bool TinyHil::poll() {
    if (link_ == nullptr)
        return false;
    for (bool served = false;; served = true) {
        receive();
        drop_stale();
        if (!flush())
            return served;
        if (wire_server_reset_wanted(&server_))
            reset();
        if (held_ == 0U)
            return served;
        use(wire_server_feed(&server_, input_, held_));
    }
}

void TinyHil::reset() {
    /* Where the core's flush() waits, the reply leaves before the reset; USBSerial's in
     * ArduinoCore-mbed does nothing: there the reply may be lost, and the host
     * then sees the new boot by its number. */
    link_->flush();
    restart();
    /* Where a core cannot be reset, the protocol begins anew. */
    config_.identity.boot_id = 0U;
    held_ = 0;
    wire_server_init(&server_, &config_);
}
