"""What physicians signed of one version, and whether that version is in force.

The same for prescriptions and policies: what either says, and who may propose it, is not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from protocols.limits import Finding, FindingAnswer, RequiredAnswer, unanswered
from tms_console.accounts.restores import newest_restore, still_in_force
from tms_console.accounts.signatures import Meaning, Signed
from tms_console.accounts.trust import Trusted
from tms_console.clinic.errors import ClinicRefused
from tms_console.records.clinical import RecordKind


@dataclass(frozen=True, slots=True)
class Sort:
    """What is signed, and which signatures there are on it.

    Attributes:
        kind: The kind of record.
        noun: What people call it.
        approve: What approves it.
        withdraw: What takes an approval back.
        give_back: What refuses a proposal for good, None if nothing does.
    """

    kind: RecordKind
    noun: str
    approve: Meaning
    withdraw: Meaning
    give_back: Meaning | None


PRESCRIPTIONS = Sort(
    RecordKind.PRESCRIPTION,
    "prescription",
    Meaning.APPROVE_PRESCRIPTION,
    Meaning.WITHDRAW_PRESCRIPTION,
    Meaning.RETURN_PRESCRIPTION,
)
POLICIES = Sort(RecordKind.POLICY, "policy", Meaning.APPROVE_POLICY, Meaning.WITHDRAW_POLICY, None)


@dataclass(frozen=True, slots=True)
class Version:
    """One version as it lies on record.

    Attributes:
        uid: Of the version.
        number: From 1.
        digest: SHA-256 of its canonical text: what a signature on it names.
        seq: Its place in the chain.
    """

    uid: str
    number: int
    digest: str
    seq: int


@dataclass(frozen=True, slots=True)
class Line:
    """Every version of one thing, the first one first."""

    sort: Sort
    versions: tuple[Version, ...]

    def version(self, uid: str) -> Version:
        """Return the version of a uid that is in the line."""
        return next(one for one in self.versions if one.uid == uid)

    def after(self, version: Version) -> tuple[Version, ...]:
        """Return the later versions."""
        return tuple(one for one in self.versions if one.number > version.number)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a physician decided on what was shown to them.

    Attributes:
        uid: Of the version, or of the threshold.
        shown_digest: Digest of exactly what was shown.
        answers: To the findings of a review; for an approval of a prescription alone.
        comment: In the physician's words; a return and a withdrawal need it.
    """

    uid: str
    shown_digest: str
    answers: tuple[FindingAnswer, ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a version is not in force.

    Attributes:
        code: A fixed word for machines: `unapproved`, `returned`, `withdrawn`, `superseded`,
            `signer`, `findings` or `restore`.
        sentence: It in words.
        remedy: What to do.
    """

    code: str
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one version stands now.

    Attributes:
        version: Which.
        approved: The approval it is in force by; if it is not in force, the newest one, None if
            it was never approved.  `approved.enrolment` says who enrolled the signer's key, when,
            and who confirmed it.
        returned: The newest signature that returned it.
        withdrawn: The withdrawal that came after every approval.
        superseded_by: The uid of a later version that was ever approved; that cannot be undone.
        signer_active: The signer of `approved` is active now.
        findings: What a fresh review finds.
        findings_unanswered: What of it `approved` does not answer; all of it if there is none.
        objections: Why it is not in force; none if it is.
    """

    version: Version
    approved: Signed | None
    returned: Signed | None
    withdrawn: Signed | None
    superseded_by: str | None
    signer_active: bool
    findings: tuple[Finding, ...]
    findings_unanswered: tuple[RequiredAnswer, ...]
    objections: tuple[Objection, ...]

    @property
    def in_force(self) -> bool:
        """True if it may be delivered from as far as its approval goes."""
        return not self.objections

    @property
    def waits(self) -> bool:
        """True if it waits for a first decision of a physician."""
        return self.approved is None and self.returned is None and self.superseded_by is None


@dataclass(frozen=True, slots=True)
class Now:
    """The moment a standing is asked for.

    Attributes:
        wall: Wall time, compared with the ends of enrolments.
        without_user_uid: Somebody whose approvals are left out, "" for nobody: what stands
            without them does not rest on them.
    """

    wall: str
    without_user_uid: str = ""


def said(trusted: Trusted, uid: str, meaning: Meaning | None) -> tuple[Signed, ...]:
    """Return the signatures of one meaning on something, those that hold, oldest first."""
    return tuple(one for one in trusted.signatures(uid) if one.meaning is meaning)


def standing_of(
    trusted: Trusted, line: Line, uid: str, findings: tuple[Finding, ...], now: Now
) -> Standing:
    """Return where one version stands.

    Args:
        trusted: The record.
        line: All versions of what it is a version of.
        uid: Which version.
        findings: What a fresh review of it finds.
        now: When.
    """
    version, sort = line.version(uid), line.sort
    approvals = [
        one
        for one in said(trusted, uid, sort.approve)
        if one.enrolment.user_uid != now.without_user_uid
    ]
    withdrawals = said(trusted, uid, sort.withdraw)
    last = withdrawals[-1].seq if withdrawals else 0
    valid = [one for one in approvals if one.seq > last]
    approved = _best(trusted, valid or approvals, findings, now)
    returned = said(trusted, uid, sort.give_back)[-1:]
    later = [one.uid for one in line.after(version) if said(trusted, one.uid, sort.approve)]
    unmet = _unmet(approved, findings)
    standing = Standing(
        version=version,
        approved=approved,
        returned=returned[0] if returned else None,
        withdrawn=withdrawals[-1] if approvals and not valid else None,
        superseded_by=later[-1] if later else None,
        signer_active=approved is not None and signer_active(trusted, approved, now.wall),
        findings=findings,
        findings_unanswered=unmet,
        objections=(),
    )
    lost = approved is not None and lost_in_restore(trusted, approved)
    return replace(standing, objections=tuple(_objections(standing, sort, lost=lost)))


def _best(
    trusted: Trusted, approvals: Sequence[Signed], findings: Sequence[Finding], now: Now
) -> Signed | None:
    """Return the newest approval by somebody active that answers everything, or the newest."""
    for one in reversed(approvals):
        if signer_active(trusted, one, now.wall) and not _unmet(one, findings):
            return one
    return approvals[-1] if approvals else None


def _unmet(approved: Signed | None, findings: Sequence[Finding]) -> tuple[RequiredAnswer, ...]:
    answers = () if approved is None else approved.answers
    return unanswered(findings, [FindingAnswer(a.code, a.block, a.reason) for a in answers])


def signer_active(trusted: Trusted, signed: Signed, wall: str) -> bool:
    """Return whether who signed something is active now, with this key or a later one."""
    return trusted.book.active(signed.enrolment.user_uid, wall) is not None


def lost_in_restore(trusted: Trusted, signed: Signed) -> bool:
    """Return whether an older copy was put back since, and no physician listed this as in force.

    A withdrawal, or a deactivation, may have been lost with the newer copy.
    """
    restore, listed = newest_restore(trusted), still_in_force(trusted)
    if restore is None or listed is None or signed.seq > restore.seq:
        return False
    return signed.subject_uid not in listed


def _objections(standing: Standing, sort: Sort, *, lost: bool) -> Iterator[Objection]:
    noun, number, signed = sort.noun, standing.version.number, standing.approved
    this = f"Version {number} of the {noun}"
    if signed is None:
        yield Objection(
            "unapproved", f"No physician has approved {this.lower()}.", "A physician approves it."
        )
    if standing.returned is not None:
        yield Objection(
            "returned",
            f"{this} was returned by {standing.returned.enrolment.name}"
            f"{_quoted(standing.returned.comment)}.",
            "Propose a new version.",
        )
    if standing.withdrawn is not None:
        yield Objection(
            "withdrawn",
            f"{this} was withdrawn by {standing.withdrawn.enrolment.name}"
            f"{_quoted(standing.withdrawn.comment)}.",
            "A physician approves it again, or a new version.",
        )
    if standing.superseded_by is not None:
        yield Objection(
            "superseded", f"A later version than {number} of the {noun} was approved.", "Use that."
        )
    if signed is None:
        return
    if not standing.signer_active:
        yield Objection(
            "signer",
            f"{signed.enrolment.name}, who approved {this.lower()}, is not active any more.",
            "Another physician approves it.",
        )
    if standing.findings_unanswered:
        codes = ", ".join(dict.fromkeys(one.code for one in standing.findings_unanswered))
        yield Objection(
            "findings",
            f"The approval of {this.lower()} does not answer what a review finds now: {codes}.",
            "A physician approves it again and answers every finding.",
        )
    if lost:
        yield Objection(
            "restore",
            f"An older copy of the record was put back after {this.lower()} was approved, and no "
            "physician has signed that it is still in force.",
            "A physician signs which prescriptions and policy are still in force.",
        )


def _quoted(comment: str) -> str:
    return f': "{comment}"' if comment else ""


def require_shown(name: str, digest: str, decision: Decision) -> None:
    """Do nothing if what a person was shown is exactly what is on record.

    Raises:
        ClinicRefused: It is not.
    """
    if decision.shown_digest != digest:
        raise ClinicRefused(f"What was shown is not {name} as it is on record; look at it again.")


def require_open(trusted: Trusted, line: Line, version: Version) -> None:
    """Do nothing if a version may be approved: not returned, and none after it but returned ones.

    Raises:
        ClinicRefused: It was returned, or there is a later version.
    """
    sort = line.sort
    if said(trusted, version.uid, sort.give_back):
        raise ClinicRefused(
            f"Version {version.number} of the {sort.noun} was returned; propose a new version."
        )
    for one in line.after(version):
        if said(trusted, one.uid, sort.approve) or not said(trusted, one.uid, sort.give_back):
            raise ClinicRefused(
                f"Version {version.number} of the {sort.noun} is not the newest: version "
                f"{one.number} came after it."
            )


def require_approved(trusted: Trusted, sort: Sort, version: Version) -> None:
    """Do nothing if a version has an approval that was not withdrawn.

    Raises:
        ClinicRefused: It has none.
    """
    approvals = said(trusted, version.uid, sort.approve)
    withdrawals = said(trusted, version.uid, sort.withdraw)
    if not approvals or (withdrawals and withdrawals[-1].seq > approvals[-1].seq):
        raise ClinicRefused(
            f"Version {version.number} of the {sort.noun} has no approval to withdraw."
        )
