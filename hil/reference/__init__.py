"""What the host says of every window: the inputs, the models, the runtimes that run them."""
