"""One run: a model, its windows and a device go in, a record comes out; `steps` is the order."""
