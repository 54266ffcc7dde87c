"""What the accounts refuse, classed by what the caller does next.

AccountsError
├── LoginRefused      ask again; one sentence for every reason, so that it tells nobody anything
├── NotPermitted      this person may not; the sentence says who may
├── NotTrusted        the record is not what this console left: nothing is armed, show the sentence
├── BadStatement      one signed statement does not hold: it counts for nothing
└── AccountsRefused   the act itself is not possible as asked; the sentence says why
"""

from __future__ import annotations


class AccountsError(Exception):
    """Something about people, keys or signatures; the message is for a person."""


class LoginRefused(AccountsError):
    """Unknown user, wrong password or locked account: the same words for all three."""


class NotPermitted(AccountsError):
    """The person's role does not include this."""


class NotTrusted(AccountsError):
    """The database is not, or not whole, what this console wrote.

    Attributes:
        code: A fixed word for machines, such as `cut` or `foreign`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BadStatement(AccountsError):
    """A signed statement that does not hold: wrong key, wrong role, wrong place, wrong words."""


class AccountsRefused(AccountsError):
    """An act on accounts that cannot be done as it was asked."""
