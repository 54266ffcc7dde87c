"""The one place that names the methods of finding a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from protocols.threshold.bayes import FIXED_SLOPE, TWO_PARAMETERS
from protocols.threshold.counting import FiveOfTen, MillsNithi
from protocols.threshold.pest import MaximumLikelihoodPest
from protocols.threshold.samt import StochasticApproximation
from protocols.threshold.settings import MethodName
from protocols.threshold.standing import Method

DEFAULT = MethodName.BAYES
"""What measurably needs the fewest stimuli for its error (README, measured)."""

# A method never changes its numbers under its name, since stored series replay by it: a better one
# gets a name of its own.
_ALL: tuple[Method, ...] = (
    TWO_PARAMETERS,
    FIXED_SLOPE,
    MaximumLikelihoodPest(),
    StochasticApproximation(),
    FiveOfTen(),
    MillsNithi(),
)
METHODS: Mapping[MethodName, Method] = MappingProxyType({method.name: method for method in _ALL})
