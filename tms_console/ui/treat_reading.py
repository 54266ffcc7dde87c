"""Which of its screens the Treat page shows next, read from the record in the worker.

What is shown of it, and what was pressed, is the page's.
"""

from __future__ import annotations

from dataclasses import dataclass

from tms_console.accounts.login import Login
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.screens.treat import Asked, BeforeScreen, NothingToGive, before_screen
from tms_console.screens.treat_after import AfterScreen, LeftOpen, after_screen, session_to_settle

Screen = BeforeScreen | AfterScreen | NothingToGive | LeftOpen


@dataclass(frozen=True, slots=True)
class Known:
    """What the page knows besides the record.

    Attributes:
        after_uid: The session just given, shown until it is put aside; "" if none.
        aside: Sessions that were put aside; the page adds to it.
        settled: What was left open on record was brought to an end, or that was tried.
    """

    after_uid: str
    aside: set[str]
    settled: bool


def read_screen(
    station: Station, login: Login, asked: Asked, known: Known, trusted: Trusted, _wall: str
) -> Screen:
    """Read one screen; runs in the worker."""
    if asked.resumes_uid is None:
        uid, left_open = session_to_settle(trusted, station, asked.patient_uid)
        if left_open and not known.settled:
            return LeftOpen()
        uid = known.after_uid or uid
        if uid and (uid == known.after_uid or uid not in known.aside):
            return after_screen(trusted, station, uid)
    return before_screen(trusted, station, login.enrolment, asked)
