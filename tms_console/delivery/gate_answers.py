"""What a check of the gate says: passed, refused with what to do, or not applicable.

Which checks there are is in `gate` and `treatment_gate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """What a check says."""

    PASSED = "passed"
    REFUSED = "refused"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of the gate.

    Attributes:
        code: A fixed name, such as `simulated`.
        answer: What it says.
        sentence: What was found, with numbers and units.
        remedy: What to do about a refusal, "" otherwise.
    """

    code: str
    answer: Answer
    sentence: str
    remedy: str = ""


class GateRefused(Exception):
    """The gate does not allow it; nothing was armed.

    Attributes:
        refusals: The checks that refused.
    """

    def __init__(self, refusals: Sequence[CheckResult]) -> None:
        super().__init__("; ".join(f"{one.sentence} {one.remedy}".strip() for one in refusals))
        self.refusals = tuple(refusals)


def refusals(results: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    """Return the checks that refused."""
    return tuple(one for one in results if one.answer is Answer.REFUSED)


def require(results: Sequence[CheckResult]) -> None:
    """Let it pass, or raise GateRefused with every check that refused.

    Raises:
        GateRefused: At least one check refused.
    """
    refused = refusals(results)
    if refused:
        raise GateRefused(refused)


def result(code: str, passed: bool, sentence: str, remedy: str) -> CheckResult:
    """Return a check that passed, or one that refused and says what to do."""
    if passed:
        return CheckResult(code, Answer.PASSED, sentence)
    return CheckResult(code, Answer.REFUSED, sentence, remedy)
