"""One module for each page of the window; each shows a screen and reports what was pressed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tms_console.ui.page import Page


def page_classes() -> Iterator[type[Page]]:
    """Give the pages of the rail, from above; each is imported when it is asked for.

    Together they need most of a second, so the window shows the login page first.
    """
    from tms_console.ui.pages.today import TodayPage  # noqa: PLC0415 - start-up, as all below

    yield TodayPage
    from tms_console.ui.pages.patients import PatientsPage  # noqa: PLC0415

    yield PatientsPage
    from tms_console.ui.pages.treat import TreatPage  # noqa: PLC0415

    yield TreatPage
    from tms_console.ui.pages.threshold import ThresholdPage  # noqa: PLC0415

    yield ThresholdPage
    from tms_console.ui.pages.approvals import ApprovalsPage  # noqa: PLC0415

    yield ApprovalsPage
    from tms_console.ui.pages.device import DevicePage  # noqa: PLC0415

    yield DevicePage
    from tms_console.ui.pages.records import RecordsPage  # noqa: PLC0415

    yield RecordsPage
    from tms_console.ui.pages.qa import QaPage  # noqa: PLC0415

    yield QaPage
