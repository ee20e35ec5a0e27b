"""The nRF52840's peripherals, as far as firmware uses them (Product Specification v1.7)."""
