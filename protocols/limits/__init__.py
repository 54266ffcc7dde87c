"""Published limit tables as TOML data, and the review of a dose against them.

Nothing here permits anything: a review tells a physician and the gate what was found.
"""

from protocols.limits.answers import FindingAnswer, RequiredAnswer, required_answers, unanswered
from protocols.limits.findings import DeliverableLimits, Finding, History, Level
from protocols.limits.rules import not_deliverable_finding, review
from protocols.limits.tables import Verdict

__all__ = [
    "DeliverableLimits",
    "Finding",
    "FindingAnswer",
    "History",
    "Level",
    "RequiredAnswer",
    "Verdict",
    "not_deliverable_finding",
    "required_answers",
    "review",
    "unanswered",
]
