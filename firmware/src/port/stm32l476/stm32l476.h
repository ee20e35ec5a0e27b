/* The STM32L476's registers, as far as the firmware uses them, by section of its reference manual
 * (RM0351). All 32-bit. This table is complete: an emulator of these runs the image.
 *
 *   register         address      section  written with, or read for
 *   UID[0..2]        0x1FFF7590   49.1     read: the device's number
 *   ROM              0x1FFF0000   2.6      read: its stack and its start, before it is jumped to
 *   UART5 CR1        0x40005000   40.8.1   UE, RE, TE, RXNEIE; TXEIE while bytes wait
 *   UART5 CR2, CR3   0x40005004   40.8.2   0: 8N1, no DMA, no flow control
 *   UART5 BRR        0x4000500C   40.8.4   clock / baud
 *   UART5 ISR        0x4000501C   40.8.8   RXNE, TXE, TC, ORE, NE, FE, PE
 *   UART5 ICR        0x40005020   40.8.9   clears ORE, NE, FE, PE
 *   UART5 RDR, TDR   0x40005024   40.8.10  read, written
 *   PWR CR1          0x40007000   5.4.1    VOS = range 1 (needed above 26 MHz); DBP: RCC BDCR opens
 *   PWR CR2          0x40007004   5.4.2    USV: USB's supply is there
 *   PWR SR2          0x40007014   5.4.6    VOSF read until 0 (bounded)
 *   SYSCFG MEMRMP    0x40010000   9.2.1    the ROM at 0, before it is jumped to
 *   RCC CR           0x40021000   6.4.1    HSION, PLLON; HSIRDY, PLLRDY read until there (bounded);
 *                                          MSI at 48 MHz for USB, MSIPLLEN: trimmed by the crystal
 *   RCC CFGR         0x40021008   6.4.3    SW, prescalers 1; SWS read until there (bounded)
 *   RCC PLLCFGR      0x4002100C   6.4.4    HSI16 / 1 × 10 / 2 = 80 MHz
 *   RCC CIER         0x40021018   6.4.7    LSERDYIE until the 32 kHz crystal runs, else 0
 *   RCC CICR         0x40021020   6.4.9    LSERDYC
 *   RCC AHB2RSTR     0x4002102C   6.4.11   OTGFSRST
 *   RCC AHB2ENR      0x4002104C   6.4.17   GPIOA, GPIOC, GPIOD, OTGFS
 *   RCC APB1ENR1     0x40021058   6.4.19   UART5, PWR
 *   RCC APB2ENR      0x40021060   6.4.21   SYSCFG, before the ROM is jumped to
 *   RCC CCIPR        0x40021088   6.4.28   UART5's clock is PCLK1, OTG_FS's is MSI
 *   RCC BDCR         0x40021090   6.4.29   LSEON; LSERDY read
 *   RCC CSR          0x40021094   6.4.30   reset flags read, RMVF written
 *   FLASH ACR        0x40022000   3.7.1    4 wait states, prefetch, caches; read back
 *   GPIOA MODER…     0x48000000…  8.4      PA11, PA12: USB's D− and D+, alternate function 10
 *   GPIOC MODER…     0x48000800…  8.4      PC12: UART5 TX, alternate function 8
 *   GPIOD MODER…     0x48000C00…  8.4      PD2: UART5 RX, the same, pull-up
 *
 * The USB controller's registers are in otg_fs.h.
 *
 * Interrupts: RCC is number 5, UART5 53 (section 13.3, table 57). */
#ifndef STM32L476_H
#define STM32L476_H

#include "core.h"

#define CORE_CLOCK_HZ 80000000U

#define UID(word) REGISTER(0x1FFF7590U + 4U * (word))

#define UART5_CR1 REGISTER(0x40005000U)
#define CR1_TXEIE (1U << 7)
#define CR1_RXNEIE (1U << 5)
#define CR1_TE (1U << 3)
#define CR1_RE (1U << 2)
#define CR1_UE (1U << 0)
#define UART5_CR2 REGISTER(0x40005004U)
#define UART5_CR3 REGISTER(0x40005008U)
#define UART5_BRR REGISTER(0x4000500CU)
#define UART5_ISR REGISTER(0x4000501CU)
#define ISR_TXE (1U << 7)
#define ISR_TC (1U << 6)
#define ISR_RXNE (1U << 5)
#define ISR_ORE (1U << 3)
#define ISR_FE (1U << 1)
#define ISR_LINE_ERRORS 0x7U /* NE, FE, PE */
#define ISR_ERRORS (ISR_ORE | ISR_LINE_ERRORS)
#define UART5_ICR REGISTER(0x40005020U)
#define UART5_RDR REGISTER(0x40005024U)
#define UART5_TDR REGISTER(0x40005028U)
#define UART5_INTERRUPT 53U

#define PWR_CR1 REGISTER(0x40007000U)
#define PWR_CR1_VOS (3U << 9)
#define PWR_CR1_RANGE_1 (1U << 9)
#define PWR_CR1_DBP (1U << 8)
#define PWR_CR2 REGISTER(0x40007004U)
#define PWR_CR2_USV (1U << 10)
#define PWR_SR2 REGISTER(0x40007014U)
#define PWR_SR2_VOSF (1U << 10)

#define SYSCFG_MEMRMP REGISTER(0x40010000U)
#define MEMRMP_ROM 1U
#define ROM(word) REGISTER(0x1FFF0000U + 4U * (word))

#define RCC_CR REGISTER(0x40021000U)
#define RCC_CR_PLLRDY (1U << 25)
#define RCC_CR_PLLON (1U << 24)
#define RCC_CR_MSIRANGE (0xFU << 4)
#define RCC_CR_MSIRANGE_48_MHZ (11U << 4)
#define RCC_CR_MSIRGSEL (1U << 3)
#define RCC_CR_MSIPLLEN (1U << 2)
#define RCC_CR_MSIRDY (1U << 1)
#define RCC_CR_MSION (1U << 0)
#define RCC_CR_HSIRDY (1U << 10)
#define RCC_CR_HSION (1U << 8)
#define RCC_CFGR REGISTER(0x40021008U)
#define RCC_CFGR_SW_HSI16 1U
#define RCC_CFGR_SW_PLL 3U
#define RCC_CFGR_SWS(value) (((value) >> 2) & 3U)
#define RCC_PLLCFGR REGISTER(0x4002100CU)
#define PLLCFGR_HSI16 (2U << 0)
#define PLLCFGR_M(divider) (((divider)-1U) << 4)
#define PLLCFGR_N(factor) ((factor) << 8)
#define PLLCFGR_REN (1U << 24)
#define PLLCFGR_R(divider) (((divider) / 2U - 1U) << 25)
#define RCC_CIER REGISTER(0x40021018U)
#define RCC_CIER_LSERDYIE (1U << 1)
#define RCC_CICR REGISTER(0x40021020U)
#define RCC_CICR_LSERDYC (1U << 1)
#define RCC_INTERRUPT 5U
#define RCC_AHB2RSTR REGISTER(0x4002102CU)
#define AHB2RSTR_OTGFS (1U << 12)
#define RCC_AHB2ENR REGISTER(0x4002104CU)
#define AHB2ENR_GPIOA (1U << 0)
#define AHB2ENR_GPIOC (1U << 2)
#define AHB2ENR_GPIOD (1U << 3)
#define AHB2ENR_OTGFS (1U << 12)
#define RCC_APB1ENR1 REGISTER(0x40021058U)
#define APB1ENR1_UART5 (1U << 20)
#define APB1ENR1_PWR (1U << 28)
#define RCC_APB2ENR REGISTER(0x40021060U)
#define APB2ENR_SYSCFG (1U << 0)
#define RCC_CCIPR REGISTER(0x40021088U)
#define CCIPR_UART5SEL (3U << 8)
#define CCIPR_CLK48SEL_MSI (3U << 26)
#define RCC_BDCR REGISTER(0x40021090U)
#define RCC_BDCR_LSERDY (1U << 1)
#define RCC_BDCR_LSEON (1U << 0)
#define RCC_CSR REGISTER(0x40021094U)
#define RCC_CSR_WWDGRSTF (1U << 30)
#define RCC_CSR_IWDGRSTF (1U << 29)
#define RCC_CSR_SFTRSTF (1U << 28)
#define RCC_CSR_BORRSTF (1U << 27)
#define RCC_CSR_PINRSTF (1U << 26)
#define RCC_CSR_RMVF (1U << 23)

#define FLASH_ACR REGISTER(0x40022000U)
#define FLASH_ACR_LATENCY 7U
#define FLASH_ACR_DCEN (1U << 10)
#define FLASH_ACR_ICEN (1U << 9)
#define FLASH_ACR_PRFTEN (1U << 8)

#define GPIOA_BASE 0x48000000U
#define GPIOC_BASE 0x48000800U
#define GPIOD_BASE 0x48000C00U
#define GPIO_MODER(port) REGISTER((port) + 0x00U)
#define GPIO_OSPEEDR(port) REGISTER((port) + 0x08U)
#define GPIO_PUPDR(port) REGISTER((port) + 0x0CU)
#define GPIO_AFRL(port) REGISTER((port) + 0x20U)
#define GPIO_AFRH(port) REGISTER((port) + 0x24U)
#define MODER_ALTERNATE 2U
#define PUPDR_UP 1U

static inline void set_field(volatile uint32_t *address, uint32_t index, uint32_t bits,
                             uint32_t value) {
    const uint32_t mask = ((1U << bits) - 1U) << (bits * index);
    *address = (*address & ~mask) | value << (bits * index);
}

#endif
