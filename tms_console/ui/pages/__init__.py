"""One module for each page of the window; each shows a screen and reports what was pressed."""

from __future__ import annotations

from tms_console.ui.page import Page
from tms_console.ui.pages.approvals import ApprovalsPage

PAGES: list[type[Page]] = [ApprovalsPage]
"""The pages of the rail, from above."""
