/* SPI2 (RM0351 chapter 42), as far as the firmware uses it.
 *
 *   register    address      section  written with, or read for
 *   SPI2 CR1    0x40003800   42.6.1   one data line (BIDIMODE), mode 3, master, clock / 16; BIDIOE
 *                                     and SPE byte by byte
 *   SPI2 CR2    0x40003804   42.6.2   8 bits, RXNE from one byte on
 *   SPI2 SR     0x40003808   42.6.3   RXNE, TXE, BSY, FTLVL read
 *   SPI2 DR     0x4000380C   42.6.4   read and written, a byte at a time
 *   RCC APB1ENR1  SPI2EN
 */
#ifndef SPI2_H
#define SPI2_H

#include "stm32l476.h"

#define SPI2_CR1 REGISTER(0x40003800U)
#define SPI_CR1_BIDIMODE (1U << 15)
#define SPI_CR1_BIDIOE (1U << 14) /* the line is driven */
#define SPI_CR1_SSM (1U << 9)
#define SPI_CR1_SSI (1U << 8)
#define SPI_CR1_SPE (1U << 6)
#define SPI_CR1_DIVIDE_16 (3U << 3)
#define SPI_CR1_MSTR (1U << 2)
#define SPI_CR1_MODE_3 3U /* CPOL, CPHA */
#define SPI2_CR2 REGISTER(0x40003804U)
#define SPI_CR2_FRXTH (1U << 12)
#define SPI_CR2_8_BITS (7U << 8)
#define SPI2_SR REGISTER(0x40003808U)
#define SPI_SR_FTLVL (3U << 11)
#define SPI_SR_BSY (1U << 7)
#define SPI_SR_TXE (1U << 1)
#define SPI_SR_RXNE (1U << 0)
#define SPI2_DR REGISTER_BYTE(0x4000380CU)

#define APB1ENR1_SPI2 (1U << 14)

#endif
