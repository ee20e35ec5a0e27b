"""The scorer, on observations made by hand."""

from __future__ import annotations

from dataclasses import replace

from hil.verdict.causes import CAUSES
from hil.zoo.collection import PAIRS, specimens
from hil.zoo.expected import ANSWERS, IDENTITY, expected
from hil.zoo.faults import FAULTS
from hil.zoo.score import NOTHING, Found, found, score, worse
from hil.zoo.specimen import Observation, Specimen
from hil.zoo.table import table

KERNEL = Found("problem", "device", "conv2", "stale-weights")
HEALED = Found("note", "link", None, "damaged-frames")
RUNTIMES = Found("note", "runtime", "int8-xnnpack", "other-classes")


def seen(
    faults: tuple[tuple[str, int], ...],
    findings: tuple[Found, ...] = (),
    differing: int = 1,
    right: str = "1" * 20,
    refused: tuple[str, str] | None = None,
) -> Observation:
    counts = {"layers": differing, "link": differing, "incomplete": 0}
    return Observation(
        Specimen("cnn", "nano33", faults), refused, findings, counts, {"float": right}, 0.1
    )


STALE = (("device-stale-channels", 1),)


def test_every_fault_has_an_answer_in_the_vocabulary() -> None:
    assert set(ANSWERS) == set(FAULTS)
    for stage, cause in ANSWERS.values():
        assert stage == IDENTITY or cause in CAUSES[stage], (stage, cause)
    for name, fault in FAULTS.items():
        for arch in fault.places:
            assert expected(name, arch, 2).places


def test_what_is_found() -> None:
    assert found(seen(STALE, (RUNTIMES, KERNEL, HEALED))) == KERNEL
    assert found(seen(STALE, (RUNTIMES, HEALED))) == HEALED
    assert found(seen(STALE, (RUNTIMES,))) == NOTHING
    refused = ("IdentityError", "the board carries model 'x' (…), not this one")
    assert found(seen(STALE, refused=refused)).cause == "other-model"


def test_right_needs_stage_location_and_cause() -> None:
    (run,) = score([seen(STALE, (KERNEL,))]).runs
    assert (run.stage, run.location, run.cause) == (True, True, True)
    elsewhere = Found("problem", "device", "conv3", "stale-weights")
    (run,) = score([seen(STALE, (elsewhere,))]).runs
    assert (run.stage, run.location, run.cause) == (True, False, True)
    other = Found("problem", "data", "conv2", "stale-weights")
    (run,) = score([seen(STALE, (other,))]).runs
    assert (run.stage, run.location, run.cause) == (False, False, False)


def test_the_majority_decides_and_the_undetectable_are_listed() -> None:
    wrong = Found("problem", "device", "conv2", "kernel")
    made = score([seen(STALE, (KERNEL,)), seen(STALE, (KERNEL,)), seen(STALE, (wrong,))])
    assert made.wrong_cause == ()
    assert made.per_run["cause"].right == 2
    assert made.matrix == {"device/stale-weights": {"device/kernel": 1, "device/stale-weights": 2}}
    hidden = score([seen(STALE, (), differing=0)])
    assert hidden.undetectable == ("device-stale-channels",)
    assert hidden.faults == 0


def test_statistical_faults_need_net_flips_against_the_clean_run() -> None:
    fault = (("recording-bias", 1),)
    clean = seen((), right="1" * 20)
    for flips, detectable in ((7, False), (8, True)):
        faulty = seen(fault, right="0" * flips + "1" * (20 - flips))
        (run,) = score([clean, faulty]).runs
        assert run.detectable is detectable


def test_alarms_and_pairs() -> None:
    pair = (("preprocessing-gain", 1), ("device-stale-channels", 1))
    gain = Found("problem", "preprocessing", "ay", "gain")
    made = score([seen(()), seen((), (KERNEL,)), seen(pair, (KERNEL, gain)), seen(pair, (gain,))])
    assert (made.clean_alarms.right, made.clean_alarms.total) == (1, 2)
    assert (made.pairs.right, made.pairs.total) == (1, 2)
    assert "cnn-nano33-clean: device/stale-weights" in table(made)


def test_worse_is_told() -> None:
    before = {"a/b": {"a/b": 3, "a/c": 1}}
    assert worse(before, before) == []
    assert worse({"a/b": {"a/b": 4}}, before) == []
    assert worse({"a/b": {"a/b": 2, "a/c": 2}}, before) == ["a/b: 2 right, 3 before"]
    assert worse({}, before) == ["a/b: 0 right, 3 before"]


def test_specimens() -> None:
    quick, whole = specimens(True, None), specimens(False, None)
    assert set(quick) <= set(whole)
    assert {n for s in quick for n, _ in s.faults} == set(FAULTS)
    assert len({s.key for s in whole}) == len(whole)
    assert {s.arch for s in whole if s.faults} == {"cnn", "lstm", "dense"}
    for arch, first, second in PAIRS:
        assert {ANSWERS[first][0], ANSWERS[second][0]} != {ANSWERS[first][0]}
        assert arch in FAULTS[first].places
        assert arch in FAULTS[second].places


def test_a_line_that_ends_the_session_is_detectable_without_its_counts() -> None:
    cut = Found("problem", "link", None, "incomplete")
    made = replace(seen((("wire-cut", 1),), (cut,)), differing={"layers": 0, "incomplete": 1})
    (run,) = score([made]).runs
    assert run.detectable
    assert run.cause
