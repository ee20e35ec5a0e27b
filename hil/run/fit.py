"""What the float model has learnt of the windows that it was trained on.

A model that does not even give these back was not trained to an end, or in vain: no other
recording, person or mounting has a part in it. Two comparisons tell how that is so, on the same
windows. With the scores of one class lowered: a model trained by maximum likelihood answers each
class as often as it occurs there, so that a class answered too often is training's doing, and all
else that it learnt is still there. And a simple model of the windows' means and covariances: what
it gets right of people that it has not seen, a network gets right of people that it has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.model_folder import ModelFolder
from hil.record import Fit
from hil.reference.columns import FLOAT_KERNELS
from hil.reference.inputs import Inputs
from hil.reference.pipeline_parts import read_float_model
from hil.reference.runtimes import LiteRt
from hil.reference.validation import known
from hil.run.distance import Distance
from hil.run.spread import ENOUGH, physical
from hil.vectors import Vectors, load_vectors

#: Training windows that are asked: more would cost time, and tell no more.
WINDOWS: Final = 1000
#: Of the simple model's ridge. Its choice moves it by less than two points between 0.01 and 1.
RIDGE: Final = 0.1
#: A covariance has channels² numbers: with more channels they are not simple.
MOST_CHANNELS: Final = 32
#: What a float32 softmax rounds to 0 is no smaller than this.
SMALLEST: Final = 1e-38


def training_fit(folder: ModelFolder, inputs: Inputs) -> Fit | None:
    """Return the first float model's answers to its training windows; None without either."""
    path = folder.path / "training.npz"
    first = next(iter(folder.manifest.stages.items()), None)
    if first is None or path.name not in folder.manifest.files:
        return None
    everything = load_vectors(path)
    training = everything.take(_spread(np.flatnonzero(everything.label >= 0)))
    same = training.raw.shape[1:] == inputs.vectors.raw.shape[1:]
    classes = everything.manifest.classes == inputs.vectors.manifest.classes
    if not (same and classes and len(training)):
        return None
    stage, file = first
    graph = read_float_model(folder.path / file)
    model = LiteRt(folder.path / file, *FLOAT_KERNELS)
    windows = replace(inputs, vectors=training).for_float(graph)
    scores = np.array([model.run(w) for w in windows], np.float64)
    if graph.ops[-1].name == "SOFTMAX":
        scores = np.log(np.maximum(scores, SMALLEST))
    favoured, lowered = one_class_lowered(scores, training.label)
    return Fit(
        stage=stage,
        windows=known(training),
        predicted=tuple(scores.argmax(axis=1).tolist()),
        favoured=favoured,
        lowered=tuple(lowered.tolist()),
        simple=tuple(simple_answers(training).tolist()),
    )


def _spread(index: NDArray[np.intp]) -> NDArray[np.intp]:
    count = min(WINDOWS, len(index))
    chosen: NDArray[np.intp] = index[np.arange(count) * len(index) // max(count, 1)]
    return chosen


def one_class_lowered(
    scores: NDArray[np.float64], label: NDArray[Any]
) -> tuple[int, NDArray[np.int64]]:
    """Return the class whose lowering helps most, and the classes that are then given.

    scores: logits, or logarithms of probabilities, [N, classes]. It is lowered by what makes most
    windows right.
    """
    answers = scores.argmax(axis=1)
    best, found = 0, answers
    for k in range(scores.shape[1]):
        rest = np.where(np.arange(scores.shape[1]) == k, -np.inf, scores)
        margin, second = scores[:, k] - rest.max(axis=1), rest.argmax(axis=1)
        theirs = answers == k
        gain = (second == label).astype(int) - (label == k)
        less = theirs & (margin <= _amount(margin[theirs], gain[theirs]))
        given = np.where(less, second, answers)
        if (given == label).sum() > (found == label).sum():
            best, found = k, given
    return best, found


def _amount(margin: NDArray[np.float64], gain: NDArray[np.int64]) -> float:
    """Return by what to lower a score so that most is gained.

    Windows of no larger margin (of the score over the second one) then get their second class, and
    each so gains: 1, 0 or −1. Less than every margin where nothing is to be gained.
    """
    order = np.argsort(margin, kind="stable")
    total = gain[order].cumsum()
    if not total.size or total.max() <= 0:
        return -np.inf
    # Equal margins go together: only the last of them is an amount.
    last = np.append(np.diff(margin[order]) > 0, True)
    place = int(np.where(last, total, -1).argmax())
    return float(margin[order[place]])


def simple_answers(training: Vectors) -> NDArray[np.int64]:
    """Return what kernel ridge regression answers, each person judged by the others.

    On the features and with the kernel of hil/run/distance.py. Empty with fewer than ENOUGH people
    or too many channels.
    """
    people = np.unique(training.subject)
    if len(people) < ENOUGH or training.raw.shape[2] > MOST_CHANNELS:
        return np.zeros(0, np.int64)
    distance = Distance(physical(training))
    kernel = distance.kernel(distance.training, distance.training)
    wanted = np.eye(int(training.label.max()) + 1)[training.label]
    answers = np.zeros(len(training), np.int64)
    for one in people:
        theirs = training.subject == one
        inner = kernel[np.ix_(~theirs, ~theirs)] + RIDGE * np.eye(int((~theirs).sum()))
        weights = np.linalg.solve(inner, wanted[~theirs])
        answers[theirs] = (kernel[np.ix_(theirs, ~theirs)] @ weights).argmax(axis=1)
    return answers
