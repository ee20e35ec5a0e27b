"""Architectures, training, pruning, quantization: the only importer of tensorflow."""
