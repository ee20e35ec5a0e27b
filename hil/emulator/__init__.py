"""A Cortex-M4F with the two chips' peripherals, on unicorn; always run as a process of its own."""
