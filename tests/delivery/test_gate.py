"""May this be delivered now?  Each check by itself: what passes, what refuses, and the words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

from drivers.interface import (
    Capabilities,
    DeviceIdentity,
    DeviceStatus,
    ReportKind,
    TimedTrain,
    TrainTiming,
)
from protocols.limits import Finding, Level
from protocols.pattern import Train
from tests.delivery.plans import TEN_HZ
from tms_console.delivery.gate import (
    CLOCK_SLACK_S,
    COIL_STOP_C,
    LEAST_FREE_BYTES,
    TREATMENT_CODES,
    Answer,
    CheckResult,
    CoilStated,
    GateRefused,
    SessionFacts,
    TrainFacts,
    check_session,
    check_train,
    refusals,
    require,
)

DIGEST = "ab" * 32


def no_fast_ones(train: Train, intensity_pct_mso: int) -> str | None:
    return "too fast at that intensity" if train.rate_hz * intensity_pct_mso > 2_000 else None


DEVICE = Capabilities(
    DeviceIdentity("MagPro X100", "1234"),
    "C-B60",
    TrainTiming.DEVICE,
    ReportKind.PULSE_OR_BURST,
    5,
    90,
    True,
    1.0,
    0.4,
    no_fast_ones,
)
STATUS = DeviceStatus(0, False, False, 60, "C-B60", 24)
NOT_ASKED = tuple(
    CheckResult(code, Answer.NOT_APPLICABLE, "not applicable: rehearsal")
    for code in ("login", "screening", "approval")
)
SESSION = SessionFacts(
    kind="rehearsal",
    people=NOT_ASKED,
    signed_digest=DIGEST,
    content_digest=DIGEST,
    proof="built by this process",
    database_purpose="rehearsal",
    free_bytes=LEAST_FREE_BYTES,
    behind_s=CLOCK_SLACK_S,
    capabilities=DEVICE,
    status=STATUS,
    loads=[(TEN_HZ, 60)],
    sequence=[TimedTrain(0, TEN_HZ, 60)],
    coils=["figure-8"],
)
ALL_ASKED = tuple(CheckResult(code, Answer.PASSED, "It is.") for code in TREATMENT_CODES)
TREATMENT = replace(
    SESSION,
    kind="treatment",
    people=ALL_ASKED,
    proof="",
    database_purpose="clinic",
    capabilities=replace(DEVICE, coil_shape="figure-8"),
    driver_reviewed=True,
)
TRAIN = TrainFacts(
    people=(),
    signed_digest=DIGEST,
    content_digest=DIGEST,
    status=STATUS,
    coil_at_start="C-B60",
    train=TEN_HZ,
    pulses=5,
    intensity_pct_mso=60,
    lowest_pct_mso=60,
    highest_pct_mso=60,
    capabilities=DEVICE,
    pulses_so_far=595,
    pulses_allowed=600,
)


def hot(c: int | None) -> DeviceStatus:
    return replace(STATUS, coil_temperature_c=c)


def test_a_rehearsal_on_a_proved_emulator_passes_and_says_what_was_not_asked() -> None:
    answers = {one.code: one for one in check_session(SESSION)}
    require(list(answers.values()))
    assert [code for code, one in answers.items() if one.answer is Answer.NOT_APPLICABLE] == [
        "login",
        "screening",
        "approval",
    ]
    assert answers["login"].sentence == "not applicable: rehearsal"
    assert answers["simulated"].sentence == "The stimulator is simulated: built by this process."
    assert not any(one.remedy for one in answers.values())


SESSION_REFUSALS = [
    ("digest", replace(SESSION, content_digest="cd" * 32), "cdcdcdcdcdcd"),
    ("digest", replace(SESSION, signed_digest="", content_digest=""), "is not what was authorised"),
    ("simulated", replace(SESSION, proof=""), "counts as a real one"),
    ("database", replace(SESSION, database_purpose="clinic"), "a clinic database"),
    ("disk", replace(SESSION, free_bytes=LEAST_FREE_BYTES - 1), "63 MB are free"),
    ("wall clock", replace(SESSION, behind_s=CLOCK_SLACK_S + 0.6), "3 s behind"),
    ("capability", replace(SESSION, loads=[(TEN_HZ, 60), (TEN_HZ, 91)]), "91 %MSO is outside"),
    ("capability", replace(SESSION, loads=[(TEN_HZ, 4)]), "4 %MSO is outside"),
    ("capability", replace(SESSION, loads=[(Train(5, Fraction(50)), 60)]), "too fast"),
    ("coil", replace(SESSION, status=replace(STATUS, coil="")), "No coil is connected"),
    ("temperature", replace(SESSION, status=hot(COIL_STOP_C)), "41 °C"),
    ("stimulator", replace(SESSION, status=replace(STATUS, problem="No cooler.")), "No cooler."),
]


@pytest.mark.parametrize(("code", "facts", "words"), SESSION_REFUSALS)
def test_one_thing_that_is_wrong_refuses_a_session_by_itself(
    code: str, facts: SessionFacts, words: str
) -> None:
    refused = refusals(check_session(facts))
    assert [one.code for one in refused] == [code]
    assert words in refused[0].sentence
    assert refused[0].remedy
    with pytest.raises(GateRefused) as caught:
        require(check_session(facts))
    assert caught.value.refusals == refused
    assert refused[0].remedy in str(caught.value)


@pytest.mark.parametrize("kind", ["threshold", "test", ""])
def test_a_kind_of_session_that_nobody_can_authorise_yet_is_refused(kind: str) -> None:
    """Promise 1: nobody delivers an unapproved stimulus, above all not on a real stimulator."""
    assert "authority" in {
        one.code for one in refusals(check_session(replace(TREATMENT, kind=kind)))
    }


def test_a_treatment_of_which_everything_was_asked_passes_on_a_real_stimulator() -> None:
    require(check_session(TREATMENT))


@pytest.mark.parametrize("code", sorted(TREATMENT_CODES))
def test_a_treatment_of_which_one_thing_was_not_asked_is_refused(code: str) -> None:
    """A check that was left out by mistake must not pass in silence."""
    people = tuple(one for one in ALL_ASKED if one.code != code)
    refused = refusals(check_session(replace(TREATMENT, people=people)))
    assert [one.code for one in refused] == ["authority"]
    assert code in refused[0].sentence


@pytest.mark.parametrize("code", sorted(TREATMENT_CODES))
def test_one_thing_of_the_patient_that_is_wrong_refuses_a_treatment(code: str) -> None:
    people = tuple(
        CheckResult(code, Answer.REFUSED, "It is not.", "Do it.") if one.code == code else one
        for one in ALL_ASKED
    )
    assert [one.code for one in refusals(check_session(replace(TREATMENT, people=people)))] == [
        code
    ]


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("simulated", replace(TREATMENT, proof="an emulator")),
        ("simulated", replace(TREATMENT, database_purpose="demo")),
        ("database", replace(TREATMENT, database_purpose="rehearsal", proof="an emulator")),
        ("coil", replace(TREATMENT, coils=["figure-8", "H1"])),
        ("coil", replace(TREATMENT, capabilities=DEVICE)),
    ],
)
def test_simulated_and_real_never_mix_and_the_coil_is_the_prescribed_one(
    code: str, facts: SessionFacts
) -> None:
    assert [one.code for one in refusals(check_session(facts))] == [code]


def test_a_demonstration_passes_on_a_simulated_stimulator() -> None:
    require(check_session(replace(TREATMENT, database_purpose="demo", proof="an emulator")))


def test_a_coil_that_is_prescribed_by_its_own_name_passes() -> None:
    require(check_session(replace(TREATMENT, coils=["C-B60"], capabilities=DEVICE)))


def test_what_people_changed_since_refuses_the_next_train() -> None:
    withdrawn = CheckResult("approval", Answer.REFUSED, "It was withdrawn.", "Ask.")
    assert [one.code for one in refusals(check_train(replace(TRAIN, people=(withdrawn,))))] == [
        "approval"
    ]


@pytest.mark.parametrize("temperature", [None, -3, 20, COIL_STOP_C - 1])
def test_a_coil_below_the_limit_or_without_a_sensor_passes(temperature: int | None) -> None:
    require(check_session(replace(SESSION, status=hot(temperature))))
    require(check_train(replace(TRAIN, status=hot(temperature))))


def test_a_train_within_everything_passes() -> None:
    require(check_train(TRAIN))
    assert all(one.answer is Answer.PASSED for one in check_train(TRAIN))


TRAIN_REFUSALS = [
    ("digest", replace(TRAIN, content_digest="")),
    ("intensity", replace(TRAIN, intensity_pct_mso=61)),
    ("intensity", replace(TRAIN, intensity_pct_mso=59)),
    ("capability", replace(TRAIN, train=Train(5, Fraction(40)))),
    ("coil", replace(TRAIN, status=replace(STATUS, coil="MC-125"))),
    ("coil", replace(TRAIN, status=replace(STATUS, coil=""))),
    ("temperature", replace(TRAIN, status=hot(COIL_STOP_C))),
    ("stimulator", replace(TRAIN, status=replace(STATUS, problem="Smoke."))),
    ("pulses", replace(TRAIN, pulses_so_far=596)),
]


@pytest.mark.parametrize(("code", "facts"), TRAIN_REFUSALS)
def test_one_thing_that_is_wrong_refuses_a_train_by_itself(code: str, facts: TrainFacts) -> None:
    assert [one.code for one in refusals(check_train(facts))] == [code]


def test_every_refusal_is_told_at_once() -> None:
    """Somebody who must fix three things should not learn of them one by one."""
    facts = replace(SESSION, proof="", free_bytes=0, status=replace(STATUS, coil=""))
    with pytest.raises(GateRefused) as caught:
        require(check_session(facts))
    assert [one.code for one in caught.value.refusals] == ["simulated", "disk", "coil"]


def test_a_finding_that_blocks_closes_the_gate_and_others_do_not() -> None:
    """A caution is a physician's to answer; what cannot be given is nobody's."""
    caution = Finding(Level.CAUTION, "train-outside-chen", "Outside Chen.", "Chen 1997", "recalled")
    block = Finding(Level.BLOCK, "not-deliverable", "Above 100 %MSO.", "", "computed")
    passed, refused = (
        next(one for one in check_session(replace(SESSION, findings=found)) if one.code == "limits")
        for found in ((caution,), (caution, block))
    )
    assert passed.answer is Answer.PASSED
    assert refused.answer is Answer.REFUSED
    assert refused.sentence == "Above 100 %MSO."


# A stimulator that nobody reviewed, and one that does not name its coil -------------------------


def answers_of(facts: SessionFacts) -> dict[str, CheckResult]:
    return {one.code: one for one in check_session(facts)}


def test_a_real_stimulator_whose_driver_nobody_reviewed_treats_nobody() -> None:
    for kind in (TREATMENT, replace(TREATMENT, database_purpose="demo")):
        refused = answers_of(replace(kind, driver_reviewed=False))["driver"]
        assert refused.answer is Answer.REFUSED
        assert refused.sentence == (
            "The driver for the MagPro X100 has not been reviewed, so no real MagPro X100 treats a "
            "patient with this program."
        )
    assert answers_of(TREATMENT)["driver"].answer is Answer.PASSED
    assert answers_of(SESSION)["driver"].sentence == "Nobody is treated with it."


NAMELESS = replace(DEVICE, names_coil=False, coil_shape="figure-8")
"""A shape that cannot be known of a coil that is not named."""


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        (None, "nobody stated it"),
        (CoilStated("H1", "Ann Smith"), "Ann Smith states that it is: H1. The prescription asks"),
        (CoilStated("figure-8", "Ann Smith"), ""),
    ],
)
def test_a_coil_that_is_not_named_counts_by_somebodys_word_alone(
    stated: CoilStated | None, words: str
) -> None:
    said = answers_of(replace(TREATMENT, capabilities=NAMELESS, coil_stated=stated))["coil"]
    assert said.answer is (Answer.REFUSED if words else Answer.PASSED)
    assert words in said.sentence
    assert "the stimulator does not say which" in said.sentence


def test_nobodys_word_counts_where_the_stimulator_names_its_coil() -> None:
    other = replace(TREATMENT, capabilities=replace(DEVICE, coil_shape="round"))
    for stated in (None, CoilStated("figure-8", "Ann Smith")):
        said = answers_of(replace(other, coil_stated=stated))["coil"]
        assert said.answer is Answer.REFUSED
        assert "Ann" not in said.sentence


def test_a_missing_coil_is_missing_whatever_was_stated() -> None:
    stated = CoilStated("figure-8", "Ann Smith")
    status = replace(STATUS, coil="")
    facts = replace(TREATMENT, capabilities=NAMELESS, status=status, coil_stated=stated)
    assert answers_of(facts)["coil"].sentence == "No coil is connected."


def test_trains_that_cannot_follow_each_other_are_refused_before_the_session() -> None:
    seen: list[list[TimedTrain]] = []

    def too_close(trains: Sequence[TimedTrain]) -> str | None:
        seen.append(list(trains))
        return "too close: 7 s could be prescribed."

    facts = replace(SESSION, capabilities=replace(DEVICE, sequence_refusal=too_close))
    refused = answers_of(facts)["capability"]
    assert (refused.answer, refused.sentence) == (
        Answer.REFUSED,
        "too close: 7 s could be prescribed.",
    )
    assert seen == [[TimedTrain(0, TEN_HZ, 60)]]
