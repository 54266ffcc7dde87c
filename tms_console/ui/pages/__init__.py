"""One module for each page of the window; each shows a screen and reports what was pressed."""

from __future__ import annotations

from tms_console.ui.page import Page
from tms_console.ui.pages.approvals import ApprovalsPage
from tms_console.ui.pages.device import DevicePage
from tms_console.ui.pages.patients import PatientsPage
from tms_console.ui.pages.qa import QaPage
from tms_console.ui.pages.records import RecordsPage
from tms_console.ui.pages.threshold import ThresholdPage
from tms_console.ui.pages.today import TodayPage
from tms_console.ui.pages.treat import TreatPage

PAGES: list[type[Page]] = [
    TodayPage,
    PatientsPage,
    TreatPage,
    ThresholdPage,
    ApprovalsPage,
    DevicePage,
    RecordsPage,
    QaPage,
]
"""The pages of the rail, from above."""
