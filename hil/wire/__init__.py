"""The serial protocol: one schema, a frame codec and a session, all free of input and output."""
