"""One module for each page of the window; each shows a screen and reports what was pressed."""

from __future__ import annotations

from tms_console.ui.page import Page

PAGES: list[type[Page]] = []
"""The pages of the rail, from above."""
