"""Drivers are tested without the minute in which a freshly opened Rapid² gives nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.magstim import energy


@pytest.fixture(autouse=True, scope="module")
def known_minute() -> Iterator[None]:
    """What was given before an opening is known; see `test_magstim_forgotten`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(energy, "FORGOTTEN_NS", 0)
        yield
