"""What a model has learnt: one class's score lowered, and the simple model beside it."""

from __future__ import annotations

import numpy as np
from fake_device import MODEL
from hypothesis import given
from hypothesis import strategies as st

from hil.model_folder import load_model_folder
from hil.reference.inputs import load_inputs
from hil.run.fit import one_class_lowered, simple_answers, training_fit
from hil.vectors import load_vectors


def right(answers: object, label: object) -> int:
    return int((np.asarray(answers) == np.asarray(label)).sum())


def test_a_bias_of_one_class_is_taken_back() -> None:
    random = np.random.default_rng(0)
    label = random.integers(0, 4, 400)
    scores = random.normal(0, 1, (400, 4)) + 6 * np.eye(4)[label]
    before = right(scores.argmax(axis=1), label)
    biased = scores + 8 * np.eye(4)[2]
    favoured, lowered = one_class_lowered(biased, label)
    assert favoured == 2
    assert right(biased.argmax(axis=1), label) < 250
    assert right(lowered, label) >= before


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 40))
def test_lowering_is_the_best_of_all_amounts(seed: int, classes: int, count: int) -> None:
    random = np.random.default_rng(seed)
    label = random.integers(0, classes, count)
    scores = random.integers(-6, 7, (count, classes)).astype(float)  # exact: ties are ties
    favoured, lowered = one_class_lowered(scores, label)
    # Every amount that changes an answer, for every class: none gives more right windows.
    best = right(scores.argmax(axis=1), label)
    for k in range(classes):
        for by in np.arange(0, 13) + 0.5:
            best = max(best, right((scores - by * np.eye(classes)[k]).argmax(axis=1), label))
    assert right(lowered, label) == best
    others = scores.argmax(axis=1) != favoured
    assert (lowered[others] == scores.argmax(axis=1)[others]).all()


def test_a_trained_model_knows_its_windows_better_than_a_simple_one_knows_others_people() -> None:
    folder = load_model_folder(MODEL)
    fit = training_fit(folder, load_inputs(folder, None, 4))
    assert fit is not None
    label, count = fit.windows.label, len(fit.windows.label)
    assert right(fit.predicted, label) > 0.98 * count
    assert 0.90 * count < right(fit.simple, label) < right(fit.predicted, label)


def test_the_simple_model_needs_several_people() -> None:
    training = load_vectors(MODEL / "training.npz")
    one = training.take(np.flatnonzero(training.subject == training.subject[0]))
    assert simple_answers(one).size == 0
