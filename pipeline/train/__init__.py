"""Architectures, training, pruning, quantization: the only importer of tensorflow.

`runtime` imports tensorflow, once and quietly; every other module takes it from there.
"""
