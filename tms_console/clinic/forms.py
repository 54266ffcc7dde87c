"""Screening and pre-session checks as they were filled in, and what a physician cleared of them.

What answers ask for is `protocols.form_evaluation`; how old they may be is for the gate to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import cast

from protocols.canonical import ContentError, JsonValue, check_text, moment_of
from protocols.form_evaluation import SCREENING, Evaluation, Remark, evaluate, form
from protocols.screening import AnswersError, AnswerValue, Form, FormAnswers, FormError
from protocols.wording import as_sentence
from tms_console.accounts.login import Login, sign
from tms_console.accounts.roles import Permission
from tms_console.accounts.signatures import Answer, Meaning, Signed, ToSign
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.entries import (
    Made,
    local_day,
    of_patient,
    printed_name,
    put_on_record,
    require_newest,
    require_record,
    successors,
    unreadable,
)
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import require_current
from tms_console.records.clinical import AddRecord, RecordKind, StoredRecord


@dataclass(frozen=True, slots=True)
class Cleared:
    """An answer that a physician cleared.

    Attributes:
        item: The item's id.
        reason: Why.
        signed: By which signature.
    """

    item: str
    reason: str
    signed: Signed


@dataclass(frozen=True, slots=True)
class FilledIn:
    """A form as somebody filled it in, and what follows.

    Attributes:
        uid: Of the record.
        seq: Its place in the chain.
        by: Printed name of who filled it in.
        digest: SHA-256 of the record: what a clearance names.
        form: The form, in the version that was filled in.
        answers: The answers.
        evaluation: What they ask for.
        cleared: What physicians cleared, with their reasons, by signatures that hold; of an item
            that was cleared twice, the newest.
    """

    uid: str
    seq: int
    by: str
    digest: str
    form: Form
    answers: FormAnswers
    evaluation: Evaluation
    cleared: tuple[Cleared, ...]

    @property
    def uncleared(self) -> tuple[Remark, ...]:
        """What a physician must still clear; absolute contraindications first."""
        done = {one.item for one in self.cleared}
        return tuple(one for one in self.evaluation.to_physician if one.item not in done)

    @property
    def absolute_uncleared(self) -> tuple[Remark, ...]:
        """Absolute contraindications that no physician has cleared."""
        done = {one.item for one in self.cleared}
        return tuple(one for one in self.evaluation.absolute if one.item not in done)

    @property
    def passes(self) -> bool:
        """True if nothing is refused by it and every item for a physician is cleared."""
        return not self.evaluation.refused and not self.uncleared

    def age(self, now: str) -> timedelta:
        """Return how long ago it was answered; negative if the clock is wrong."""
        return moment_of(now) - moment_of(self.answers.answered_at)

    def age_days(self, now: str, time_zone: str) -> int:
        """Return how many days of the calendar ago it was answered; 0 today."""
        answered = local_day(self.answers.answered_at, time_zone)
        return (local_day(now, time_zone) - answered).days


@dataclass(frozen=True, slots=True)
class Filling:
    """What is filled in.

    Attributes:
        form_id: Which form, such as `screening` or `daily`; always its newest version.
        answers: One for each item that is asked after these answers, by the item's id.
        session_uid: The session before which it is filled in, None for none.
        supersedes: The answers that these correct, None for new ones.
    """

    form_id: str
    answers: Mapping[str, AnswerValue]
    session_uid: str | None = None
    supersedes: str | None = None


def fill_in(station: Station, login: Login, patient_uid: str, filling: Filling) -> str:
    """Put the answers to a form on record.

    Answers that forbid treatment are records like any other: the gate refuses, not this.

    Returns:
        The record's uid.

    Raises:
        AnswersError: Something is missing or wrong; it names every item.
        ClinicRefused: There is no such form, no such current patient, or what is corrected is not
            the patient's answers to this form, or was corrected before.
        NotPermitted: Their role does not include it.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.FILL_IN_FORM)
    asked = _form(filling.form_id, None)
    if mistakes := asked.mistakes(filling.answers):
        raise AnswersError(mistakes)
    made = Made.now(station, login)
    filled = FormAnswers(
        uid=made.uid,
        form_id=asked.id,
        form_version=asked.version,
        patient_uid=patient_uid,
        session_uid=filling.session_uid,
        supersedes=filling.supersedes,
        answered_at=made.at,
        answers={item.id: filling.answers.get(item.id) for item in asked.items},
    )
    with station.trusting() as trusted:
        require_current(trusted, patient_uid)
        if filling.supersedes is not None:
            _require_correctable(trusted, filled, filling.supersedes)
    put_on_record(
        station,
        AddRecord(
            kind=RecordKind.FORM_ANSWERS,
            uid=made.uid,
            at=made.at,
            actor=made.actor,
            content=filled.canonical_text(),
        ),
    )
    return made.uid


@dataclass(frozen=True, slots=True)
class AnswersClearance:
    """What a physician decided on answers that were shown to them.

    Attributes:
        uid: The answers.
        reasons: Why, by the item's id; items left out stay as they are.
    """

    uid: str
    reasons: Mapping[str, str]


def clear_answers(
    station: Station,
    login: Login,
    cleared: AnswersClearance,
    password: str,
    login_name: str = "",
) -> str:
    """Let a physician clear answers, each with a reason, by a signature on exactly these answers.

    Args:
        station: This console.
        login: The physician.
        cleared: Which answers, and why.
        password: The physician's.
        login_name: Asked for at the first signature of a login.

    Returns:
        The uid of the signature.

    Raises:
        NotPermitted: Only a physician may.
        ClinicRefused: There are no such answers, newer ones were given, nothing is cleared, a
            reason is missing, or an item asks for no clearance.
        LoginRefused: Wrong password or name.
        AccountsRefused: Their key may not approve yet.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.CLEAR_SCREENING)
    with station.trusting() as trusted:
        record = require_record(trusted, RecordKind.FORM_ANSWERS, cleared.uid)
        shown = _filled_in(trusted, record)
        patient_uid, form_id = shown.answers.patient_uid, shown.form.id
        newest = newest_answers(trusted, patient_uid, form_id)
        waiting = {one.uid for one in taken_back(trusted, patient_uid, form_id)}
    if newest is None or cleared.uid not in {newest.uid, *waiting}:
        raise ClinicRefused("Newer answers to this form were given meanwhile: look at those.")
    clearable = {remark.item: remark for remark in shown.evaluation.to_physician}
    if not cleared.reasons:
        raise ClinicRefused("Name what is cleared, and why.")
    for item, reason in cleared.reasons.items():
        if item not in clearable:
            raise ClinicRefused(f"{item[:60]} is no answer that asks for a physician.")
        if not reason.strip():
            raise ClinicRefused(f"Say why this is cleared: {clearable[item]}")
        check_text(f"the reason for {item}", reason)
    to_sign = ToSign(
        meaning=Meaning.CLEAR_ANSWERS,
        subject_uid=cleared.uid,
        subject_digest=shown.digest,
        patient_uid=shown.answers.patient_uid,
        answers=tuple(
            Answer(item, None, reason.strip()) for item, reason in cleared.reasons.items()
        ),
    )
    return sign(station, login, to_sign, password, login_name=login_name).uid


def newest_answers(
    trusted: Trusted, patient_uid: str, form_id: str, *, session_uid: str | None = None
) -> FilledIn | None:
    """Return a patient's newest answers to a form, None if there are none.

    Args:
        trusted: The record.
        patient_uid: Whose.
        form_id: Which form, in whatever version.
        session_uid: Only those given before this session; None for all.

    Raises:
        ClinicRefused: They are to a version of the form that this program does not know, or no
            answers to it.
        NotTrusted: A record is not what was entered.
    """
    found = _standing(trusted, patient_uid, form_id)
    if session_uid is not None:
        found = [one for one in found if one.values.get("session_uid") == session_uid]
    return _filled_in(trusted, found[-1]) if found else None


def answers_of(trusted: Trusted, patient_uid: str, form_id: str) -> tuple[FilledIn, ...]:
    """Return all of a patient's answers to a form that were not corrected, the oldest first."""
    return tuple(_filled_in(trusted, one) for one in _standing(trusted, patient_uid, form_id))


def taken_back(trusted: Trusted, patient_uid: str, form_id: str) -> tuple[FilledIn, ...]:
    """Return earlier answers, corrected ones too, that nobody cleared and that are now otherwise.

    A YES that became a NO is no clearance: a physician looks at it, whoever answered.  Of a form
    for one session only the answers of the day of the newest ones count.
    """
    newest = newest_answers(trusted, patient_uid, form_id)
    if newest is None:
        return ()
    day = newest.answers.answered_at[:10]
    records = trusted.records(RecordKind.FORM_ANSWERS, patient_uid=patient_uid, form_id=form_id)
    every = [
        _filled_in(trusted, one)
        for one in records
        if form_id == SCREENING
        or str(one.member("answered_at"))[:10] == day
        or trusted.signatures(one.uid)
    ]
    settled = {remark.item for remark in newest.evaluation.to_physician}
    settled |= {cleared.item for one in every for cleared in one.cleared}
    return tuple(
        one
        for one in every
        if one.uid != newest.uid
        and (form_id == SCREENING or one.answers.answered_at[:10] == day)
        and any(remark.item not in settled for remark in one.uncleared)
    )


def waiting_for_physician(
    trusted: Trusted, patient_uids: Iterable[str] | None = None
) -> tuple[FilledIn, ...]:
    """Return the newest answers to each form of patients that a physician must still clear.

    Args:
        trusted: The record.
        patient_uids: Whose; None for all who ever answered anything.
    """
    if patient_uids is None:
        patient_uids = trusted.values_of(RecordKind.FORM_ANSWERS, "patient_uid")
    return tuple(
        one
        for uid in patient_uids
        for one in trusted.of_patient(uid, waiting_for_physician, partial(_waiting, trusted, uid))
    )


def _waiting(trusted: Trusted, patient_uid: str) -> tuple[FilledIn, ...]:
    newest: dict[str, StoredRecord] = {}
    for record in of_patient(trusted, RecordKind.FORM_ANSWERS, patient_uid):
        newest[str(record.member("form_id"))] = record  # corrections come later
    found = [_filled_in(trusted, record) for record in newest.values()]
    before = [one for form_id in newest for one in taken_back(trusted, patient_uid, form_id)]
    return tuple(one for one in (*found, *before) if one.uncleared)


def _standing(trusted: Trusted, patient_uid: str, form_id: str) -> list[StoredRecord]:
    records = of_patient(trusted, RecordKind.FORM_ANSWERS, patient_uid, form_id=form_id)
    later = successors(records)
    return [record for record in records if record.uid not in later]


def _form(form_id: str, version: int | None) -> Form:
    try:
        return form(form_id, version)
    except FormError as error:
        raise ClinicRefused(as_sentence(f"{error}.")) from error


def _filled_in(trusted: Trusted, record: StoredRecord) -> FilledIn:
    whose = str(record.member("patient_uid"))
    return trusted.of_patient(whose, (_filled_in, record.uid), lambda: _read(trusted, record))


def _read(trusted: Trusted, record: StoredRecord) -> FilledIn:
    try:
        answers = FormAnswers.from_canonical(cast("JsonValue", record.values))
        asked = _form(answers.form_id, answers.form_version)
        evaluation = evaluate(asked, answers)
    except ContentError as error:
        raise unreadable(record, error) from error
    items = {remark.item for remark in evaluation.to_physician}
    cleared = {
        answer.code: Cleared(answer.code, answer.reason, signed)
        for signed in trusted.signatures(record.uid)
        if signed.meaning is Meaning.CLEAR_ANSWERS
        for answer in signed.answers
        if answer.code in items and answer.reason.strip()
    }
    return FilledIn(
        uid=record.uid,
        seq=record.seq,
        by=printed_name(trusted, record.actor),
        digest=record.digest,
        form=asked,
        answers=answers,
        evaluation=evaluation,
        cleared=tuple(cleared.values()),
    )


def _require_correctable(trusted: Trusted, filled: FormAnswers, supersedes: str) -> None:
    record = require_record(trusted, RecordKind.FORM_ANSWERS, supersedes)
    values = record.values
    if (values.get("patient_uid"), values.get("form_id")) != (filled.patient_uid, filled.form_id):
        raise ClinicRefused("What is corrected are the same patient's answers to the same form.")
    require_newest(trusted, record)
