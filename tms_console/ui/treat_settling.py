"""What is put on record on the Treat page after a session: signature, reason, adverse events.

Each act is somebody's who is logged in; what follows is read anew.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from tms_console.accounts.login import Login
from tms_console.accounts.station import Station
from tms_console.clinic.adverse_events import (
    RecordedEvent,
    correct_adverse_event,
    record_adverse_event,
)
from tms_console.screens.treat_after import close_session, sign_delivery
from tms_console.screens.treat_event import EventEntry, risk_facts
from tms_console.ui.bridge import Bridge
from tms_console.ui.running_session import RunningSession
from tms_console.ui.treat_after import AfterPart
from tms_console.ui.treat_seizure import SeizurePart

STILL_ENDING = "The session is still being ended. Press again in a moment; what you typed stays."


class Settling(QObject):
    """The page after a session, and the seizure card.

    Attributes:
        after: How the session went, and what is to be done.
        seizure: The guided card.
    """

    card_left = Signal()

    def __init__(self, bridge: Bridge, session: RunningSession, parent: QObject) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._session = session
        self.after, self.seizure = AfterPart(bridge), SeizurePart()
        self.after.signed.connect(self.sign)
        self.after.closed.connect(self.close_early)
        self.after.event_entered.connect(self.save_event)
        self.seizure.finished.connect(self.save_seizure)
        self.seizure.later.connect(self.leave_seizure)

    @Slot(str, str)
    def sign(self, password: str, login_name: str) -> None:
        """Sign that the session was delivered."""
        screen = self.after.screen_now
        if screen is not None:
            self._bridge.act(
                self,
                lambda station, login: sign_delivery(
                    station, login, screen, (password, login_name)
                ),
                lambda _uid: self.after.forget_password(),
                self.after.tell,
            )

    @Slot(str)
    def close_early(self, reason: str) -> None:
        """Close a session that ended early."""
        screen = self.after.screen_now
        if screen is not None:
            self._bridge.act(
                self,
                lambda station, login: close_session(station, login, screen.session_uid, reason),
                lambda _none: None,
                self.after.tell_early,
            )

    @Slot(object, object)
    def save_event(self, entry: EventEntry, correcting: RecordedEvent | None) -> None:
        """Put an adverse event on record, or a correction of one."""
        screen = self.after.screen_now
        if screen is None:
            return

        def do(station: Station, login: Login) -> str:
            onset = station.wall() if correcting is None else correcting.event.onset
            event = entry.event(screen.patient_uid, screen.session_uid, onset)
            if correcting is None:
                return record_adverse_event(station, login, event)
            why = "completed after the session"
            return correct_adverse_event(station, login, correcting.uid, event, why)

        self._bridge.act(self, do, lambda _uid: self.after.event_saved(), self.after.tell_event)

    def begin_seizure(self) -> None:
        """Open the card; the session was stopped and the event stamped already."""
        self.seizure.begin(self._session.facts())
        if self._session.of is not None:
            uid = self._session.of.patient_uid
            self._bridge.read(
                self, lambda trusted, _wall: risk_facts(trusted, uid), self.seizure.add_facts
            )

    @Slot(object)
    def save_seizure(self, entry: EventEntry) -> None:
        """Put the filled-in card on record, as a correction of the event that was stamped."""
        stamped, of = self._session.stamped, self._session.of
        if stamped is None or of is None:
            self.seizure.tell(
                "The event could not be stamped; add it after the session, on this page."
            )
            return
        if self._bridge.link.running:  # the stamp may not be on record yet
            self.seizure.tell(STILL_ENDING)
            return
        event_uid, session_uid, onset = stamped
        self._bridge.act(
            self,
            lambda station, login: correct_adverse_event(
                station,
                login,
                event_uid,
                entry.event(of.patient_uid, session_uid, onset),
                "the guided card was filled in",
            ),
            lambda _uid: self.leave_seizure(),
            self.seizure.tell,
        )

    @Slot()
    def leave_seizure(self) -> None:
        """Leave the card: what came of the session is next."""
        self.seizure.end()
        self.card_left.emit()
