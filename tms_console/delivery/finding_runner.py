"""The session loop of a search for a threshold: what is ordered one by one, and what is said of it.

Everything that `runner` promises holds here too.  What was said is checked against the stimuli that
were given before it goes on record, so that the record alone gives the series again.
"""

from __future__ import annotations

import logging
from fractions import Fraction

from drivers.errors import SettingsRefused
from drivers.interface import TrainSettings, TrainTiming
from protocols.canonical import ContentError, canonical_text
from protocols.finding_log import Decided, Entry, FindingLog, end_words, entry_json, entry_words
from tms_console.delivery.authorised import Authorised
from tms_console.delivery.controls import GiveOne, NotTaken, Said
from tms_console.delivery.finding_authority import FindingAuthority
from tms_console.delivery.gate import GateRefused, require
from tms_console.delivery.runner import Asked, Joined, SessionRunner
from tms_console.delivery.states import (
    Begun,
    Check,
    Effect,
    Ended,
    Event,
    Faulted,
    Finished,
    Idle,
    MakeReady,
    Note,
    Paused,
    Refused,
    SetTo,
    StimulusOrdered,
    Ticked,
)
from tms_console.delivery.transitions import due_ns
from tms_console.records.finding_rows import FINDING
from tms_console.records.operations import EventKind

LOGGER = logging.getLogger(__name__)

COMMIT_S = 1.0
"""How long a commit is waited for under the virtual clock, while a person is waited for anyway."""
PERSON_S = 0.02
"""How long the loop waits in real time for a person where a virtual clock stands still for them."""


class FindingRunner(SessionRunner):
    """Runs one search for a threshold to its end.

    Attributes:
        log: The series so far.
    """

    def __init__(self, authorised: Authorised, joined: Joined, authority: FindingAuthority) -> None:
        super().__init__(authorised, joined)
        self._authority = authority
        self._not_taken = joined.not_taken
        self._set_at: dict[int, int] = {}
        self._asked_for = 0
        self._on_its_way = 0
        self.log = FindingLog()

    def _deliver_all(self) -> None:
        self._do(Begun())
        while not isinstance(self._state, Ended):
            fault = None
            if self._stands_still:
                self._controls.wait(PERSON_S)
            else:
                fault = self._guarded(self._watch)
            happened: list[Event] = [] if fault is None else [fault]
            self._do(*happened, *self._orders())
            self._do(Ticked(self._journal.now_ns()))

    @property
    def _stands_still(self) -> bool:
        """True where only a person can go on and the clock is virtual: it would run away."""
        state = self._state
        if not self._journal.clock.virtual or not isinstance(state, Paused):
            return False
        lead_ns = self._plan.lead.checking_ns
        return self._journal.now_ns() + lead_ns >= due_ns(self._plan, state.progress)

    def _understood(self, asked: Event | Asked) -> Event | None:
        match asked:
            case GiveOne(stimulus, intensity):
                return self._ordered(stimulus, intensity)
            case Said(entry, actor):
                return self._said(entry, actor)
            case _:
                return asked

    def _ordered(self, stimulus: int, intensity_pct_mso: int) -> Event | None:
        """Take an order for a stimulus, unless what was seen after the last is not said yet."""
        self._take_given()
        why = ""
        if self.log.waits_for_answer:
            why = "the last one has no answer yet"
        elif self.log.decided is not None:
            why = "the series was decided on"
        if why:
            words = f"refused stimulus {stimulus} at {intensity_pct_mso} %MSO: {why}"
            self._journal.note(EventKind.GATE, words)
            self._tell(NotTaken("stimulus", stimulus, words))
            return None
        self._asked_for = stimulus
        return StimulusOrdered(stimulus, intensity_pct_mso, self._journal.now_ns())

    def _tell(self, one: NotTaken) -> None:
        """Tell who asked; they cannot end a session by not listening."""
        try:
            self._not_taken(one)
        except Exception:
            LOGGER.exception("what was not done could not be told: %s", one.words)

    def _said(self, entry: Entry, actor: str) -> Event | None:
        """Put what was said on record if it can be said now; a decision ends the series."""
        self._take_given()
        told = canonical_text(entry_json(entry))
        if isinstance(self._state, Ended):
            self._journal.note(EventKind.NOTE, f"came after the end, not counted: {told}", actor)
            return None
        why = "" if isinstance(self._state, Paused) else "a stimulus is under way"
        if not why:
            try:
                self.log = self.log.with_entry(entry)
            except ContentError as error:
                why = str(error)
        if why:
            self._journal.note(EventKind.FAULT, f"refused {told}: {why}", actor)
            words = f"refused {entry_words(entry)}: {why}"
            decision = isinstance(entry, Decided)
            self._tell(NotTaken("decision" if decision else "entry", 0, words))
            return None
        ticket = self._journal.note(EventKind.STATE, FINDING + told, actor)
        if self._journal.clock.virtual:
            ticket.wait(COMMIT_S)  # its writer commits only when somebody waits
        if isinstance(entry, Decided):
            return Finished(end_words(entry))
        return None

    def _take_given(self) -> None:
        """Count the stimuli that were given since the last look into the series."""
        state = self._state
        done = 0 if isinstance(state, Ended | Idle) else state.progress.next
        while len(self.log.given) < done:
            number = len(self.log.given) + 1
            self.log = self.log.with_stimulus(self._set_at[number])
            self._on_its_way = 0

    def _perform(self, effect: Effect) -> Event | None:
        match effect:
            case SetTo():
                return self._guarded(lambda: self._set_to(effect))
            case Check():
                return self._inside(effect) or super()._perform(effect)
            case MakeReady(shot, _, intensity):
                self._set_at[shot + 1] = intensity
            case Note(EventKind.RESUME):
                self._on_its_way = self._asked_for
            case Note(EventKind.PAUSE, why):
                self._taken_back(why)
            case Note(EventKind.GATE, words, refuses=True):
                again = self._asked_for == self._on_its_way  # that one may still come
                self._tell(NotTaken("stimulus", 0 if again else self._asked_for, words))
            case Note(_, words, refuses=True):
                self._tell(NotTaken("intensity", 0, words))
        return super()._perform(effect)

    def _taken_back(self, why: str) -> None:
        """Tell of a stimulus that was ordered if a pause came before it; else it still comes."""
        self._take_given()
        if isinstance(self._state, Paused) and self._on_its_way:
            stimulus, self._on_its_way = self._on_its_way, 0
            words = f"stimulus {stimulus} was taken back and is not given: {why}"
            self._tell(NotTaken("stimulus", stimulus, words))

    def _set_to(self, wanted: SetTo) -> Event | None:
        """Set the stimulator, which is disarmed, and read everything back.

        How it stands is read before: what differs from what was set there may have changed before
        or with the last stimulus, which setting it anew would hide.

        Raises:
            LinkFault: No usable answer.
            NotConnected: It is gone.
            StopRequested: A stop was asked for.
        """
        problem = self._listener.problem(self._listener.ask())
        if problem:
            after = f"after stimulus {wanted.shot}: " if wanted.shot else ""
            return Faulted(after + problem)
        train = self._plan.shots[wanted.shot].scheduled.train
        settings = TrainSettings(train, wanted.intensity_pct_mso, TrainTiming.HOST)
        try:
            self._stimulator.configure(settings)
        except SettingsRefused as error:
            return Faulted(f"the stimulator was not set: {error}")
        self._listener.set_to = wanted.intensity_pct_mso
        self._journal.flush_frames()
        return None

    def _inside(self, check: Check) -> Event | None:
        """Compare a stimulus with the policy; None if it is inside."""
        state, settler = self._state, self._giver.settler
        given = settler.delivered + settler.unknown + self._listener.unplanned.count
        since_last_s: Fraction | None = None
        if not isinstance(state, Ended | Idle) and state.progress.last_pulse_ns is not None:
            since_ns = due_ns(self._plan, state.progress) - state.progress.last_pulse_ns
            since_last_s = Fraction(since_ns, 1_000_000_000)
        try:
            require(self._authority.again())
            require(self._authority.before_stimulus(check.intensity_pct_mso, given, since_last_s))
        except GateRefused as error:
            words = f"before stimulus {check.shot + 1}: {error}"
            self._journal.note(EventKind.GATE, f"refused {words}")
            return Refused(words)
        return None
