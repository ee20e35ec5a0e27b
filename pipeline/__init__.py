"""From recordings to a model folder and its C: train, prune, quantize, read .tflite, emit."""
