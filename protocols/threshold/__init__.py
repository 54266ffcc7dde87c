"""Threshold estimators behind one interface: pure, deterministic, replayed from their series."""

from protocols.threshold.finding import Finding
from protocols.threshold.methods import DEFAULT, METHODS
from protocols.threshold.series import Answer, Stimulus
from protocols.threshold.settings import MethodName, Prior, Settings
from protocols.threshold.standing import Curve, Method, Standing, WhyFinished

__all__ = [
    "DEFAULT",
    "METHODS",
    "Answer",
    "Curve",
    "Finding",
    "Method",
    "MethodName",
    "Prior",
    "Settings",
    "Standing",
    "Stimulus",
    "WhyFinished",
]
