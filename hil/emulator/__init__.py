"""A Cortex-M4F with the two chips' peripherals, on unicorn; always run as a process of its own.

    python -m hil.emulator --board nano33 --elf firmware.elf --pty

What is where: `image` reads the ELF, `thumb` knows each block's instructions and estimated cycles,
`engine` runs unicorn and counts (`native` with a C hook, `portable` without a compiler), `nvic`,
`exceptions` and `system` are the core's parts that unicorn lacks, `uart` is the line's timing, and
`nrf52840` and `stm32l476` hold the chips' peripherals, `sensors` what hangs on their buses.
`machine` puts them together, `crash` explains faults, `control` is the channel beside the bytes.

What is exact: the result and the number of every executed instruction, the memory and register
state, faults with their registers. What is an estimate: cycles, and therefore virtual time.
Known gaps: no bus contention or flash wait states, unaligned LDRD/LDM/STM do not fault, code that
was copied to RAM divides by zero without the fault that CCR.DIV_0_TRP asks for, the FPU's registers
are stacked at once and not lazily, no MPU regions but the one a bootloader leaves, no debugger.
"""
