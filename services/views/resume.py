"""What a resume would do if it were given now: what it clears, what keeps it from being taken, what stays."""

from __future__ import annotations

from msgspec import Struct

from services.domain.enums import TradingState


class ResumeCauseView(Struct, frozen=True, kw_only=True):
    name: str
    """What `--override` names."""
    scope: str
    text: str
    since: int
    does: str
    """`clears` with this resume; `holds`: refused until it is named, or its condition is gone; `stays`:
    goes by itself once its condition has been good for a while."""
    rebase: str = ""
    """`daily` or `drawdown`: the breaker measures anew from here with `--rebase` of it."""


class ResumeView(Struct, frozen=True, kw_only=True):
    ts: int
    trading_state: TradingState
    causes: tuple[ResumeCauseView, ...]
    """The worst first."""
    errors: tuple[str, ...]
    """What is wrong with what was typed, or that a flatten is still running."""
    after: TradingState
    """If it is taken."""

    @property
    def taken(self) -> bool:
        """With a reason it would be."""
        return not self.errors and not any(cause.does == "holds" for cause in self.causes)
