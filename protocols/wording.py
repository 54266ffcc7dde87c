"""How words are put together for a person.  Pure; what is said is decided elsewhere."""

from __future__ import annotations


def as_sentence(text: str) -> str:
    """Return text with a capital first letter; the rest stays as it is, such as `%MSO`."""
    return text[:1].upper() + text[1:]
