/* CRC-32 of IEEE 802.3, as zlib computes it (reflected, polynomial 0x04C11DB7). */
#ifndef WIRE_CRC32_H
#define WIRE_CRC32_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Continue `crc` (0 to begin) over `size` bytes: like zlib's crc32(), so pieces may be chained. */
uint32_t wire_crc32(uint32_t crc, const void *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
