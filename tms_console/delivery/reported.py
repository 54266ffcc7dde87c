"""A structured adverse event that somebody reports while a session runs: is it this session's?

What is none of this patient and session goes back to whoever reported it; here nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tms_console.clinic.adverse_event import AdverseEvent
from tms_console.clinic.entries import members_of
from tms_console.clinic.errors import ClinicRefused
from tms_console.records.clinical import AddRecord, StoredRecord, content_of


@dataclass(slots=True)
class Reporting:
    """Who is in the chair, and what was reported of them.

    Attributes:
        patient_uid: The patient for whom the session was ordered, None in a rehearsal.
        session_uid: The session.
    """

    patient_uid: str | None
    session_uid: str
    _taken: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, start_order: AddRecord | None, session_uid: str) -> Reporting:
        """Return it for the session that an order is about; a rehearsal has none."""
        if start_order is None:
            return cls(None, session_uid)
        return cls(str(content_of(start_order.content).get("patient_uid")), session_uid)

    def event(self, record: AddRecord) -> AdverseEvent | None:
        """Return what a record says, None if the session cannot take it.

        It takes each new event of its own patient once; a correction is made without it.
        """
        stored = StoredRecord(
            record.kind, record.uid, 0, record.at, record.actor, record.content, None
        )
        try:
            with members_of(stored) as read:
                event = AdverseEvent.from_record(read)
                corrects, reason = read.optional_text("supersedes"), read.text("reason")
        except ClinicRefused:
            return None
        ours = event.patient_uid == self.patient_uid
        ours = ours and event.session_uid in {None, self.session_uid}
        if not ours or corrects is not None or reason or record.uid in self._taken:
            return None
        self._taken.add(record.uid)
        return event
