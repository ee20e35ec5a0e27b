"""Hardware-in-the-loop testing of int8 TinyML models: stream, compare, locate the loss, report."""

__version__ = "0.1.0"
