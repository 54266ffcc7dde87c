"""A folder or file that somebody typed, as a path that means one place.

Whether it can be written to is told by whoever writes.
"""

from __future__ import annotations

from pathlib import Path

from protocols.canonical import ContentError


def typed_path(text: str, example: str) -> Path:
    """Return a whole path; ~ stands for the folder of who is logged in at the computer.

    Args:
        text: What was typed.
        example: A path as it should be, for the sentence.

    Raises:
        ContentError: It is empty, begins in no folder that is known, or cannot be a path.
    """
    wanted = f"write the whole path, such as {example}"
    if not text.strip():
        raise ContentError(f"No place is named: {wanted}")
    if not text.isprintable():
        raise ContentError(f"A path holds no such sign as one that is not printed: {wanted}")
    try:
        path = Path(text.strip()).expanduser()
    except RuntimeError as error:  # ~name of nobody
        raise ContentError(f"There is no such person on this computer: {wanted}") from error
    if not path.is_absolute():
        raise ContentError(f"It is not clear in which folder {path.name!r} lies: {wanted}")
    return path
