"""One thing that waits for a physician, or is in force: all that is needed to decide on it.

It shows and decides nothing; what is decided is carried out by `screens.deciding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from protocols.canonical import JsonValue
from protocols.differences import Difference, value_text, words_of
from protocols.exact import decimal_text
from protocols.field_words import Topic
from protocols.limits import Finding, Level
from protocols.policy import Policy
from protocols.policy_proposal import proposed_numbers
from protocols.prescription import Prescription
from protocols.wording import as_sentence
from tms_console.accounts.roles import Permission
from tms_console.accounts.signatures import Meaning
from tms_console.screens.changes import ChangeRow
from tms_console.screens.dose_picture import Strip


class Act(StrEnum):
    """What can be done about a matter."""

    APPROVE = "approve"
    RETURN = "return"
    WITHDRAW = "withdraw"
    ACKNOWLEDGE = "acknowledge"
    CLEAR = "clear"
    CONFIRM_KEY = "confirm key"
    CONFIRM_IN_FORCE = "confirm in force"


class Kind(StrEnum):
    """What a matter is about; with the act it says what is signed."""

    PRESCRIPTION = "prescription"
    POLICY = "policy"
    THRESHOLD = "threshold"
    ANSWERS = "answers"
    HOLD = "hold"
    KEY = "key"
    RESTORE = "restore"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: what they may do, and whether their login name is asked for at a signature."""

    may: frozenset[Permission]
    signed_before: bool
    user_uid: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that the viewer may do.

    Attributes:
        act: What.
        label: What the button says.
        meaning: What is signed, in words.
        needs_comment: Words are asked for, and none is no answer.
        primary: It is the one that is expected.
    """

    act: Act
    label: str
    meaning: str
    needs_comment: bool = False
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence with its state (`good`, `warn`, `bad`, `note`) and its source."""

    text: str
    state: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """Something to be answered before it is signed.

    Attributes:
        code: A finding's code, or a question's id.
        block: The block it concerns, None for the whole.
        text: It in words.
        needs_reason: A written reason, not only a mark.
        optional: It may be left open, and then stays so.
    """

    code: str
    block: int | None
    text: str
    needs_reason: bool
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that may be included in what is signed."""

    uid: str
    text: str


@dataclass(frozen=True, slots=True)
class MatterScreen:
    """All that is shown of one matter.

    Attributes:
        kind: What it is about.
        uid: What is decided on.
        digest: Of exactly what is shown.
        title: Whom or what it concerns.
        lead: What it is, in sentences.
        heading: Above the table.
        columns: Headings of the table.
        rows: The table.
        strips: The dose as it will be delivered.
        findings: What a review says, gravest first.
        asks: What must be answered.
        choices: What may be included.
        bounds: What the technician may do, in sentences.
        offers: What the viewer may do; nothing if they may only look.
        not_offered: Why they may only look.
        patient_uid: Whose, "" for nobody in particular.
    """

    kind: Kind
    uid: str
    digest: str
    title: str
    lead: tuple[str, ...] = ()
    heading: str = "What changes"
    columns: tuple[str, ...] = ()
    rows: tuple[ChangeRow, ...] = ()
    strips: tuple[Strip, ...] = ()
    findings: tuple[Note, ...] = ()
    asks: tuple[Ask, ...] = ()
    choices: tuple[Choice, ...] = ()
    bounds: tuple[str, ...] = ()
    offers: tuple[Offer, ...] = ()
    not_offered: str = ""
    patient_uid: str = ""

    @property
    def digest_words(self) -> str:
        """The digest as far as a person compares it: its first and last four digits."""
        return f"{self.digest[:4]}…{self.digest[-4:]}" if self.digest else ""


APPROVE_PRESCRIPTION = Offer(
    Act.APPROVE, "Sign and approve", Meaning.APPROVE_PRESCRIPTION.value, primary=True
)
RETURN_PRESCRIPTION = Offer(
    Act.RETURN, "Return with comment", Meaning.RETURN_PRESCRIPTION.value, needs_comment=True
)
WITHDRAW_PRESCRIPTION = Offer(
    Act.WITHDRAW, "Withdraw", Meaning.WITHDRAW_PRESCRIPTION.value, needs_comment=True
)
APPROVE_POLICY = Offer(Act.APPROVE, "Sign and approve", Meaning.APPROVE_POLICY.value, primary=True)
WITHDRAW_POLICY = Offer(Act.WITHDRAW, "Withdraw", Meaning.WITHDRAW_POLICY.value, needs_comment=True)
ACKNOWLEDGE_THRESHOLD = Offer(
    Act.ACKNOWLEDGE, "Sign and acknowledge", Meaning.ACKNOWLEDGE_THRESHOLD.value, primary=True
)
CLEAR_ANSWERS = Offer(Act.CLEAR, "Sign and clear", Meaning.CLEAR_ANSWERS.value, primary=True)
CLEAR_HOLD = Offer(
    Act.CLEAR, "Sign and clear", Meaning.CLEAR_HOLD.value, needs_comment=True, primary=True
)
CONFIRM_KEY = Offer(
    Act.CONFIRM_KEY,
    "Confirm this key",
    "I know this person, and this new key is theirs",
    primary=True,
)
CONFIRM_IN_FORCE = Offer(
    Act.CONFIRM_IN_FORCE, "Sign this list", Meaning.STILL_IN_FORCE.value, primary=True
)

_STATES = {Level.NOTE: "note", Level.CAUTION: "warn", Level.OVERRIDE: "bad", Level.BLOCK: "bad"}
_ASKED = {
    Level.NOTE: "",
    Level.CAUTION: "acknowledge to sign",
    Level.OVERRIDE: "a written reason is needed",
    Level.BLOCK: "nobody can sign this",
}


def finding_notes(findings: Sequence[Finding]) -> tuple[Note, ...]:
    """Return findings with their sources, and what each asks for."""
    return tuple(
        Note(
            one.sentence,
            _STATES[one.level],
            " · ".join(part for part in (one.reference, one.checking, _ASKED[one.level]) if part),
        )
        for one in findings
    )


def offered(viewer: Viewer, *offers: tuple[Permission, Offer]) -> tuple[Offer, ...]:
    """Return what the viewer may do of this."""
    return tuple(offer for permission, offer in offers if permission in viewer.may)


def refusal(offers: tuple[Offer, ...], viewer: Viewer) -> str:
    """Return why nothing is offered, "" if something is."""
    if offers:
        return ""
    if Permission.APPROVE_PRESCRIPTION in viewer.may:
        return "There is nothing to sign here."
    return "A physician decides this; you may look."


def bounds_words(prescription: Prescription) -> tuple[str, ...]:
    """Return what a technician may do under a prescription without another signature."""
    said: list[str] = []
    several = len(prescription.session.blocks) > 1
    for number, (block, basis) in enumerate(
        zip(prescription.session.blocks, prescription.doses, strict=True), 1
    ):
        place = f"Block {number}: intensity" if several else "Intensity"
        if block.lowest_pct_mso == block.highest_pct_mso:
            said.append(f"{place} {block.intensity_pct_mso} %MSO, and no other.")
        else:
            said.append(
                f"{place} {block.lowest_pct_mso} to {block.highest_pct_mso} %MSO, from the next "
                "train on."
            )
        first = basis.first_sessions
        if first is not None:
            said.append(
                f"In the first {first.sessions} sessions from "
                f"{decimal_text(first.lowest_pct_mt)} % of the threshold up."
            )
    said.append(f"Longest pause {_duration(prescription.session.longest_pause_s)}.")
    band = prescription.band
    if band is None:
        said.append("A re-measured threshold needs a new version.")
        return tuple(said)
    values = sorted({basis.threshold.value_pct_mso for basis in prescription.doses})
    told = " and ".join(
        f"{max(1, value - band.plus_minus_pct_mso)} to {value + band.plus_minus_pct_mso}"
        for value in values
    )
    said.append(
        f"A re-measured threshold of {told} %MSO may be used, with no dose above "
        f"{band.highest_pct_mso} %MSO; a physician acknowledges it."
    )
    return tuple(said)


def _duration(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds >= 60 and not seconds % 60 else f"{seconds} s"  # noqa: PLR2004


def policy_rows(
    proposed: Policy, in_force: Policy | None, changed: Sequence[Difference]
) -> tuple[ChangeRow, ...]:
    """Return every number of a policy, with what is usual and where that comes from."""
    usual = {one.field: one for one in proposed_numbers()}
    differing = {one.path for one in changed}
    rows = []
    for path, value in _leaves(proposed):
        words, new = words_of(path.split(".")), ""
        if words.topic is Topic.RECORD:
            continue
        new = value_text(value, words.unit)
        old = "—" if in_force is None else dict(_texts(in_force)).get(path, "—")
        from_us = usual.get(path)
        told = "—"
        if from_us is not None:
            told = f"{decimal_text(from_us.value)} · {from_us.source} [{from_us.mark}]"
        rows.append(
            ChangeRow(
                as_sentence(words.words),
                old,
                "same" if old == new else new,
                told,
                changed=any(one == path or one.startswith(f"{path}[") for one in differing),
            )
        )
    return tuple(rows)


def _leaves(policy: Policy) -> list[tuple[str, JsonValue]]:
    found: list[tuple[str, JsonValue]] = []
    for name, value in policy.canonical().items():
        if isinstance(value, dict):
            found += [(f"{name}.{inner}", one) for inner, one in value.items()]
        else:
            found.append((name, value))
    return found


def _texts(policy: Policy) -> list[tuple[str, str]]:
    return [
        (path, value_text(value, words_of(path.split(".")).unit)) for path, value in _leaves(policy)
    ]
