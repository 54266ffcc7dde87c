"""Who is in a demonstration: eight patients who never lived; the staff is `demonstration_staff`.

Only who they are and where their courses stand; how that becomes a record is `demonstration`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from protocols.screening import AnswerValue
from protocols.terms import Side, ThresholdKind
from tms_console.clinic.adverse_event import Outcome, Relatedness, What
from tms_console.clinic.patient_details import Medication, PatientDetails, Sex
from tms_console.demonstration_staff import (
    ADMINISTRATOR,
    PHYSICIAN,
    QA,
    SECOND_PHYSICIAN,
    SECOND_TECHNICIAN,
    STAFF,
    TECHNICIAN,
    Staff,
)

__all__ = [
    "ADMINISTRATOR",
    "COURSES",
    "PHYSICIAN",
    "QA",
    "SECOND_PHYSICIAN",
    "SECOND_TECHNICIAN",
    "STAFF",
    "TECHNICIAN",
    "Course",
    "Happened",
    "Staff",
]


@dataclass(frozen=True, slots=True)
class Happened:
    """An adverse event after a session.

    Attributes:
        session: In which session of the course, from 1.
        what: What happened.
        severity: 0 to 4.
        description: It in words.
        action: What was done.
        relatedness: Whether it came from the stimulation.
        outcome: How it ended.
        duration_s: How long it lasted, None if that is not known.
        cleared: Why a physician cleared the hold that it caused, "" if it caused none.
    """

    session: int
    what: What
    severity: int
    description: str
    action: str
    relatedness: Relatedness = Relatedness.PROBABLE
    outcome: Outcome = Outcome.RECOVERED
    duration_s: int | None = None
    cleared: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """A patient and where their course stands.

    Attributes:
        details: Who.
        protocol_id: What is given.
        indication: What for.
        sessions: Of the whole course, where the protocol leaves a choice; None where it does not.
        given: How many were given.
        slot: When in the day, local time.
        threshold: First value, in %MSO.
        moves: What each re-measurement added, in order.
        re_measured: Sessions of the course before which the threshold was measured again.
        today: The last session was given today.
        signed: The technician signed the last session.
        choices: Values for what the protocol leaves open.
        kind: What the threshold was measured on.
        muscle: Which muscle.
        side: Which hemisphere.
        coil: In the protocols' words.
        returned: A first version was returned by a physician, with this comment.
        approved: A version was approved.
        earlier: A first version was approved and replaced by another before this session.
        screened: They were screened.
        answers: Answers to the screening that are not the usual.
        stopped: Session and train in which a session was stopped, with the reason.
        interrupted: Session and train in which one was interrupted; it was resumed.
        happened: Adverse events.
        changes: Medications as they were changed, by the session before which.
        target: Where the coil is aimed.
        over_for_days: The last session was given so many days ago or earlier.
    """

    details: PatientDetails
    protocol_id: str
    indication: str
    sessions: int | None
    given: int
    slot: tuple[int, int]
    threshold: int
    moves: tuple[int, ...] = ()
    re_measured: tuple[int, ...] = ()
    today: bool = False
    signed: bool = True
    choices: Mapping[str, Fraction | int | str] = field(default_factory=dict)
    kind: ThresholdKind = ThresholdKind.RESTING_HAND
    muscle: str = "abductor pollicis brevis"
    side: Side = Side.LEFT
    coil: str = "figure-8"
    returned: str = ""
    approved: bool = True
    earlier: int = 0
    screened: bool = True
    answers: Mapping[str, AnswerValue] = field(default_factory=dict)
    stopped: tuple[int, int, str] | None = None
    interrupted: tuple[int, int] | None = None
    happened: tuple[Happened, ...] = ()
    changes: Mapping[int, tuple[Medication, ...]] = field(default_factory=dict)
    target: str = "left DLPFC"
    over_for_days: int = 0


COURSES = (
    Course(
        PatientDetails(
            "Holt, Peter",
            "1969-08-12",
            Sex.MALE,
            "004471",
            allergies=("penicillin",),
            alerts=("hearing aid, right: take it out",),
            medications=(Medication("escitalopram", "10 mg in the morning"),),
        ),
        "hf10-5s",
        "major depressive disorder, recurrent",
        None,
        21,
        (8, 30),
        42,
        moves=(1, 0, -1, 1),
        re_measured=(6, 11, 16, 21),
        today=True,
        signed=False,
        returned="Start at 110 %, not 120 %, and name the earlier course.",
        happened=(
            Happened(
                2,
                What.SCALP_DISCOMFORT,
                1,
                "under the coil, left",
                "coil turned by 5 degrees",
                duration_s=900,
            ),
            Happened(
                9,
                What.HEADACHE,
                1,
                "band-like, evening",
                "paracetamol 500 mg at home",
                Relatedness.POSSIBLE,
                duration_s=7200,
            ),
        ),
    ),
    Course(
        PatientDetails("Sato, Emi", "1994-02-02", Sex.FEMALE, "004498"),
        "itbs-600",
        "major depressive disorder, single episode",
        30,
        4,
        (9, 15),
        38,
        today=True,
        stopped=(2, 9, "the patient asked for a break and went home"),
    ),
    Course(
        PatientDetails(
            "Rivera, Ana M.",
            "1981-03-14",
            Sex.FEMALE,
            "004512",
            allergies=("latex",),
            alerts=("bupropion 300 mg lowers the seizure threshold",),
            medications=(
                Medication("bupropion", "300 mg in the morning"),
                Medication("levothyroxine", "75 µg"),
            ),
        ),
        "itbs-600",
        "major depressive disorder, single episode",
        30,
        11,
        (10, 0),
        35,
        moves=(1, 1),
        re_measured=(6, 11),
        earlier=6,
        answers={
            "medications": True,
            "medications_detail": "bupropion 300 mg, unchanged for a year",
        },
        interrupted=(7, 12),
        happened=(Happened(1, What.FACIAL_TWITCH, 0, "left eyelid during trains", ""),),
    ),
    Course(
        PatientDetails(
            "Okafor-Lindqvist, Maximiliane Charlotte",
            "1977-09-30",
            Sex.FEMALE,
            "0045120077",
            alerts=("needs an interpreter: Igbo or Swedish",),
            medications=(Medication("Opipramoldihydrochlorid", "100 mg am Abend"),),
        ),
        "itbs-600",
        "Rezidivierende depressive Störung, gegenwärtig schwere Episode",
        30,
        0,
        (10, 30),
        51,
        screened=False,
    ),
    Course(
        PatientDetails(
            "Byrne, Tom",
            "1988-05-08",
            Sex.MALE,
            "004503",
            medications=(Medication("venlafaxine", "150 mg"),),
        ),
        "hf10-5s",
        "major depressive disorder, recurrent",
        None,
        15,
        (11, 15),
        47,
        moves=(1, 0),
        re_measured=(6, 11),
        changes={9: (Medication("venlafaxine", "225 mg"),)},
        happened=(
            Happened(
                4,
                What.LIGHT_HEADEDNESS,
                2,
                "on standing up",
                "lay down for ten minutes, water",
                duration_s=600,
            ),
        ),
    ),
    Course(
        PatientDetails("Novák, Ivana", "1990-01-21", Sex.FEMALE, "004517"),
        "ocd-20hz",
        "obsessive-compulsive disorder",
        None,
        0,
        (13, 0),
        54,
        kind=ThresholdKind.RESTING_LEG,
        muscle="tibialis anterior",
        side=Side.LEFT,
        coil="H7",
        choices={"blocks[1].coil": "H7"},
        returned="Which exposure precedes the sessions? Write it into the plan.",
        approved=False,
        target="dorsomedial prefrontal cortex",
    ),
    Course(
        PatientDetails(
            "Díaz, Lucía",
            "1959-07-03",
            Sex.FEMALE,
            "004466",
            allergies=("iodine", "adhesive plaster"),
            alerts=("fainted in session 3: lies down for every session",),
            medications=(
                Medication("mirtazapine", "15 mg at night"),
                Medication("ramipril", "5 mg"),
            ),
        ),
        "lf1-right",
        "major depressive disorder with anxiety",
        15,
        14,
        (13, 45),
        44,
        moves=(1, -1),
        re_measured=(6, 11),
        side=Side.RIGHT,
        target="right DLPFC",
        choices={"blocks[1].pct_mt": Fraction(110), "blocks[1].pulses_per_train": 360},
        answers={"fainting": True, "fainting_detail": "at blood samples, twice"},
        happened=(
            Happened(
                3,
                What.SYNCOPE,
                2,
                "after the last pulse, on getting up; 20 seconds, no jerks",
                "laid flat, legs raised; blood pressure 95/60, later 120/75",
                Relatedness.POSSIBLE,
                duration_s=20,
                cleared="vasovagal, seen by me within the hour; lies down from now on",
            ),
        ),
    ),
    Course(
        PatientDetails("Weber, Jonas", "2001-11-19", Sex.MALE, "004520"),
        "itbs-600",
        "major depressive disorder, single episode",
        30,
        1,
        (14, 30),
        40,
    ),
)
