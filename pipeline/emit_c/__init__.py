"""From the IR to C11 that needs nothing but a compiler."""
