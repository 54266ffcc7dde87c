"""What a physician must answer to the findings of a review when signing.

The answers themselves are part of the signature; here they are only compared with the findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocols.limits.findings import Finding, Level


@dataclass(frozen=True, slots=True)
class FindingAnswer:
    """A physician's answer to one finding.

    Attributes:
        code: The finding's code.
        block: The block it concerns, from 1; None for the whole session.
        reason: The written reason, "" for a mere acknowledgement.
    """

    code: str
    block: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RequiredAnswer:
    """What one finding asks of the physician who signs.

    Attributes:
        code: The finding's code.
        block: The block it concerns, from 1; None for the whole session.
        level: CAUTION: an acknowledgement; OVERRIDE: a written reason; BLOCK: nothing helps.
        sentences: The finding in words; several where one code was found more than once.
    """

    code: str
    block: int | None
    level: Level
    sentences: tuple[str, ...]

    @property
    def signable(self) -> bool:
        """False if it cannot be signed, whoever asks."""
        return self.level is not Level.BLOCK

    @property
    def needs_reason(self) -> bool:
        """True if a written reason is needed, not only an acknowledgement."""
        return self.level is Level.OVERRIDE

    def answered_by(self, answer: FindingAnswer) -> bool:
        """Return True if the answer is to this finding and is enough."""
        return (
            self.signable
            and (answer.code, answer.block) == (self.code, self.block)
            and (bool(answer.reason.strip()) or not self.needs_reason)
        )


def required_answers(findings: Sequence[Finding]) -> tuple[RequiredAnswer, ...]:
    """Return what the findings ask of the physician who signs, gravest first.

    Notes ask for nothing.  Findings of one code and block are answered together, at the gravest
    of their levels.
    """
    together: dict[tuple[str, int | None], list[Finding]] = {}
    for finding in findings:
        if finding.level is not Level.NOTE:
            together.setdefault((finding.code, finding.block), []).append(finding)
    required = [
        RequiredAnswer(
            code,
            block,
            max((one.level for one in same), key=lambda level: level.rank),
            tuple(dict.fromkeys(one.sentence for one in same)),
        )
        for (code, block), same in together.items()
    ]
    return tuple(sorted(required, key=lambda one: (-one.level.rank, one.block or 0)))


def unanswered(
    findings: Sequence[Finding], answers: Sequence[FindingAnswer]
) -> tuple[RequiredAnswer, ...]:
    """Return what still stands in the way of signing; nothing if it may be signed.

    A blocking finding stands in the way whatever is answered.
    """
    return tuple(
        required
        for required in required_answers(findings)
        if not any(required.answered_by(answer) for answer in answers)
    )


def strangers(
    findings: Sequence[Finding], answers: Sequence[FindingAnswer]
) -> tuple[FindingAnswer, ...]:
    """Return answers to findings that are not there: they were given to other content."""
    found = {(one.code, one.block) for one in findings}
    return tuple(answer for answer in answers if (answer.code, answer.block) not in found)
