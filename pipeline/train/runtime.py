"""Tensorflow, imported once: with Keras 2, quietly, and set up to be repeatable.

Keras 2 (`tf_keras`), because tensorflow-model-optimization needs it and because only its LSTM
converts to the fused operator. One thread: these models are too small to gain from a second one,
and the sums are then added in the same order on any number of cores.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Read by tensorflow when it is imported, so set before.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what native code writes to standard error; let it out if an exception passes.

    tensorflow and its converter log there before and beside any logger that could be told.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except Exception:
            held.seek(0)
            os.write(saved, held.read()[-4000:])
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


with quiet():
    import tensorflow as tf
    import tensorflow_model_optimization as tfmot
    import tf_keras as keras

__all__ = ["keras", "quiet", "seed_everything", "tf", "tfmot"]

tf.get_logger().setLevel("ERROR")
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()


def seed_everything(seed: int) -> None:
    """Start from a clean slate: layer names, random numbers of Python, NumPy and tensorflow."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
