"""The breakers that are no loss limits: losing streak, rejects, loop stall (SEMANTICS 9, PARAMETERS)."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from services.domain.enums import Severity
from services.domain.money import ZERO
from services.settings.parameters import Breaker

SECOND = 1_000_000_000


class Trip(Struct, frozen=True, kw_only=True):
    """A limit was reached; the desk makes a latched cause of an alarm, an alert of a warning."""

    name: str
    """`losing streak`, `rejects`, `loop stall`."""
    scope: str
    """`strategy:NAME`, `venue:NAME`, `all`."""
    severity: Severity
    text: str


class RejectWindow(Struct):
    in_row: int = 0
    times: list[int] = field(default_factory=list)


class TripState(Struct):
    streaks: dict[str, int] = field(default_factory=dict)
    """Strategy -> losses in a row."""
    rejects: dict[str, RejectWindow] = field(default_factory=dict)
    """By venue."""
    stalled: int | None = None
    """When the loop last stood still for long enough to be told."""


class Trips:
    def __init__(self, params: Breaker, state: TripState | None = None) -> None:
        self.params = params
        self.state = state if state is not None else TripState()

    def episode(self, strategy: str, net_pnl: Decimal) -> Trip | None:
        """A closed episode. Strictly negative is a loss; what is not a number counts as one; a flat trade
        neither lengthens nor ends the streak."""
        if net_pnl.is_finite() and net_pnl > ZERO:
            self.state.streaks[strategy] = 0
            return None
        if net_pnl.is_finite() and net_pnl == ZERO:
            return None
        streak = self.state.streaks.get(strategy, 0) + 1
        self.state.streaks[strategy] = streak
        if streak < self.params.losing_streak:
            return None
        return Trip(
            name="losing streak",
            scope=f"strategy:{strategy}",
            severity=Severity.ALARM,
            text=f"{strategy} lost {streak} trades in a row",
        )

    def enabled(self, strategy: str) -> None:
        """The operator gave the strategy a new start."""
        self.state.streaks.pop(strategy, None)

    def accepted(self, venue: str) -> None:
        """An order was accepted there: the row is broken, the window is not."""
        self.state.rejects.setdefault(venue, RejectWindow()).in_row = 0

    def rejected(self, venue: str, now: int) -> Trip | None:
        """The venue refused an order (its definite no)."""
        window = self.state.rejects.setdefault(venue, RejectWindow())
        span = self.params.rejects_window_s * SECOND
        window.in_row += 1
        window.times = [*(ts for ts in window.times if now - ts < span), now]
        if window.in_row >= self.params.rejects_in_row:
            text = f"{venue} rejected {window.in_row} orders in a row"
        elif len(window.times) >= self.params.rejects_count:
            text = f"{venue} rejected {len(window.times)} orders in {self.params.rejects_window_s // 60} min"
        else:
            return None
        return Trip(name="rejects", scope=f"venue:{venue}", severity=Severity.ALARM, text=text)

    def resumed(self, venue: str) -> None:
        """The operator resumed: count anew there."""
        self.state.rejects.pop(venue, None)

    def stalled(self, stalled_ms: int) -> Trip | None:
        """The loop did not turn for this long."""
        if stalled_ms >= self.params.stall_trip_ms:
            severity = Severity.ALARM
        elif stalled_ms >= self.params.stall_warn_ms:
            severity = Severity.WARNING
        else:
            return None
        return Trip(
            name="loop stall", scope="all", severity=severity, text=f"the loop stood for {stalled_ms} ms"
        )
