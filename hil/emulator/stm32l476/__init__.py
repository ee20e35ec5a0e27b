"""The STM32L476's peripherals, as far as firmware uses them (reference manual RM0351)."""
