"""What the chain states of a session's pulses while its trains are still open.

A train's rows are sealed when it ends.  Until then they can be edited without a trace, and a
program that died leaves a train open: so all that makes a dose smaller than planned (a pulse that
was not given, a train given pulse by pulse that has not got far) is stated as it happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tms_console.records.canonical import Json
from tms_console.records.digests import PULSE_COLUMNS, train_subject

OUTCOMES_ARE_STATED = "not_given_is_stated"
"""Member of the audit row that begins a train whose pulses are stated like this."""

STATED_EVERY = 10
"""Of a train that is given pulse by pulse, each pulse whose number this divides is stated when it
is begun: 40 kB instead of 400 for an hour at 1 Hz, and no more than nine pulses that can be hidden.
"""

NOT_GIVEN = frozenset({"not_delivered", "refused"})
"""Outcomes that take a pulse out of the dose."""

STATEMENTS = frozenset(
    {"train.begin", "train.pulses", "train.end", "pulses.not_given", "pulse.unplanned"}
)
"""Actions of the audit rows that `Stated` takes."""


@dataclass(slots=True)
class Stated:
    """What a chain states of one session.

    Attributes:
        begun: By number of the train, the pulses that it was begun with.
        first: By number of the train, the number of its first pulse.
        begun_to: By number of the train, the last pulse that was stated one by one.
        sealed: By number of the train, the digest that it ended with.
        tells: Trains of which every pulse that was not given is stated.
        not_given: Numbers of those pulses.
        unplanned: By number of the train, None outside any, how many nobody commanded.
    """

    begun: dict[int, int] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)
    begun_to: dict[int, int] = field(default_factory=dict)
    sealed: dict[int, str] = field(default_factory=dict)
    tells: set[int] = field(default_factory=set)
    not_given: set[int] = field(default_factory=set)
    unplanned: dict[int | None, int] = field(default_factory=dict)

    def take(self, session_uid: str, action: str, subject: str, detail: Mapping[str, Json]) -> None:
        """Note what an audit row says, if it is of this session's trains or pulses.

        Raises:
            ValueError: The row does not say what such a row says.
            TypeError: Likewise.
            KeyError: Likewise.
        """
        prefix = train_subject(session_uid, 0).removesuffix("0")
        if action == "pulses.not_given" and subject == f"session:{session_uid}":
            self.not_given |= numbers_in(detail["numbers"])
        elif action == "pulse.unplanned" and subject.startswith(f"pulse:{session_uid}/"):
            train = detail["train"]
            number = None if train is None else int(str(train))
            self.unplanned[number] = self.unplanned.get(number, 0) + 1
        elif subject.startswith(prefix):
            self._take_train(int(subject.removeprefix(prefix)), action, detail)

    def _take_train(self, number: int, action: str, detail: Mapping[str, Json]) -> None:
        if action == "train.begin":
            self.begun[number] = int(str(detail["pulses"]))
            self.first[number] = int(str(detail["first_pulse"]))
            if detail.get(OUTCOMES_ARE_STATED) is True:
                self.tells.add(number)
        elif action == "train.pulses":
            self.begun_to[number] = int(str(detail["begun_to"]))
        elif action == "train.end":
            self.sealed[number] = str(detail["digest"])

    def at_least(self, train: int) -> int:
        """Return how many pulses a train has on record at least."""
        one_by_one = self.begun_to.get(train, 0) + 1 - self.first.get(train, 0)
        return max(self.begun.get(train, 0), one_by_one if train in self.begun_to else 0) + (
            self.unplanned.get(train, 0)
        )

    def doubtful(self, train: int, not_given: Iterable[int]) -> list[int]:
        """Return the pulses that the rows of a train call not given, and that nobody stated.

        Args:
            train: Its number.
            not_given: Numbers of its pulses that have one of the outcomes in `NOT_GIVEN`.
        """
        return sorted(set(not_given) - self.not_given) if train in self.tells else []


def not_given(pulses: Iterable[Sequence[Any]]) -> list[int]:
    """Return the numbers of the pulses that their rows call not given.

    Args:
        pulses: Rows that begin with `PULSE_COLUMNS`.
    """
    number, outcome = (PULSE_COLUMNS.index(name) for name in ("number", "outcome"))
    return [pulse[number] for pulse in pulses if pulse[outcome] in NOT_GIVEN]


def spans_of(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each unbroken run of numbers, rising."""
    first = last = None
    for number in sorted(numbers):
        if first is None or last is None or number > last + 1:
            if first is not None and last is not None:
                yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last


def numbers_in(spans: Json) -> set[int]:
    """Return the numbers of spans.

    Raises:
        ValueError: These are no spans.
    """
    found: set[int] = set()
    for span in spans if isinstance(spans, list) else [spans]:
        match span:
            case [int(first), int(last)] if 0 < last - first + 1 <= MOST_IN_A_SPAN:
                found |= set(range(first, last + 1))
            case _:
                raise ValueError("a span is a first and a last number")
    return found


MOST_IN_A_SPAN = 100_000
"""More than any session has: whoever can compute a hash can also write nonsense."""
