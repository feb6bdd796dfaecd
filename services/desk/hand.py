"""What belongs to a person: the name that orders and pairs by hand carry, and the rules that hold for them.

A pair by hand is a funding pair like a strategy's. It lives under the parameters of the profile's first
funding strategy, or their defaults: the same pair stop, exits, blackouts and limits of number.
"""

from __future__ import annotations

from services.desk.core import DeskCore
from services.settings.cross import Cross
from services.settings.funding import Funding

OPERATOR = "operator"
"""Origin of orders by hand; also the strategy under which a pair by hand is counted. No strategy has it."""


def spoken(text: str) -> str:
    """The sizing's own words, where they say nothing to a person."""
    return text.replace("risk (fallback)", "risk budget at the stop")


def params(core: DeskCore) -> Funding:
    """Of the first funding strategy of the profile, running or not; without one the defaults."""
    for settings in core.settings.strategies.values():
        if isinstance(settings.params, Funding):
            return settings.params
    return Funding()


def params_of(core: DeskCore, strategy: str) -> Funding | Cross:
    """What a pair of this strategy lives under; a strategy that the profile does not have: the hand's."""
    settings = core.settings.strategies.get(strategy)
    return params(core) if settings is None else settings.params
