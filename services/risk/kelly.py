"""Track record and Kelly fraction from closed episodes (SEMANTICS 4.1 to 4.3).

Win and loss are PnL over the capital that the trade put at risk, so that the Kelly fraction says how much of
C to put *at risk*, never a notional. Losses are positive magnitudes. Episodes that risked nothing known are
left out of W and L and are no wins. A figure that is no number could hide any loss: the record then says
nothing, and the strategy stops until a person starts a new sample.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from services.domain.money import ONE, ZERO
from services.domain.records import EpisodeRecord
from services.settings.parameters import Sizing


class TrackRecord(Struct, frozen=True, kw_only=True):
    """One strategy in one hedge group, since its sample began."""

    trades: int
    wins: int
    losses: int
    average_win: Decimal | None
    """Of capital at risk; None = no win yet."""
    average_loss: Decimal | None
    """Positive magnitude; None = no loss yet."""
    unknown: int = 0
    """Trades whose result, or capital at risk, is no number."""

    @property
    def win_rate(self) -> Decimal | None:
        return None if self.trades == 0 else Decimal(self.wins) / self.trades


NO_RECORD = TrackRecord(trades=0, wins=0, losses=0, average_win=None, average_loss=None)


class RiskShare(Struct, frozen=True, kw_only=True):
    """The fraction of C to put at risk, and how it was found."""

    risk: Decimal
    """0 when stopped."""
    stopped: str = ""
    """Not empty: the strategy is stopped until the operator enables it with a new sample."""
    rule: str = ""
    """`fallback`, `kelly`, `risk cap`."""
    kelly: Decimal | None = None
    """f, unshrunk; None = no sample for it."""
    shrunk: Decimal | None = None


def track_record(
    episodes: Iterable[EpisodeRecord], strategy: str, hedge_group: str, since: int = 0
) -> TrackRecord:
    """Pool the closed episodes of a strategy and group that opened at or after `since` (a new sample)."""
    trades = wins = losses = unknown = 0
    won, lost = ZERO, ZERO
    won_known = lost_known = 0
    for episode in episodes:
        if episode.strategy != strategy or episode.hedge_group != hedge_group or episode.opened_ts < since:
            continue
        trades += 1
        pnl, risked = episode.net_pnl, episode.capital_at_risk
        if not pnl.is_finite() or not risked.is_finite() or risked < ZERO:
            unknown += 1
            continue
        known = risked > ZERO
        if pnl > ZERO and known:
            wins, won, won_known = wins + 1, won + pnl / risked, won_known + 1
        elif pnl < ZERO:
            losses += 1
            if known:
                lost, lost_known = lost - pnl / risked, lost_known + 1
    return TrackRecord(
        trades=trades,
        wins=wins,
        losses=losses,
        average_win=won / won_known if won_known else None,
        average_loss=lost / lost_known if lost_known else None,
        unknown=unknown,
    )


def kelly_fraction(win_rate: Decimal, average_win: Decimal, average_loss: Decimal) -> Decimal:
    """f = p - (1 - p) x L / W, the fraction of capital to put at risk. W and L must be > 0."""
    if average_win <= ZERO or average_loss <= ZERO:
        raise ValueError(f"win {average_win} and loss {average_loss} must be positive magnitudes")
    return win_rate - (ONE - win_rate) * average_loss / average_win


def risk_share(record: TrackRecord, strength: Decimal, params: Sizing) -> RiskShare:
    """SEMANTICS 4.2 and 4.3; `strength` already in [0.1, 1]. The caps hold whatever the record says."""
    if record.unknown:
        return RiskShare(risk=ZERO, stopped=f"stopped: {record.unknown} trades of unknown result")
    fallback = min(params.fallback_risk_cap, params.risk_cap) * strength
    if record.wins == 0 and record.losses >= params.stop_after_losses:
        return RiskShare(risk=ZERO, stopped=f"stopped: {record.losses} losses with no win")
    win_rate, win, loss = record.win_rate, record.average_win, record.average_loss
    if record.trades < params.min_trades or win is None or loss is None or win_rate is None:
        return RiskShare(risk=fallback, rule="fallback")
    kelly = kelly_fraction(win_rate, win, loss)
    shrunk = kelly * record.trades / (record.trades + params.prior_trades)
    # By the products: what is exactly no edge may come out of the divisions a digit above zero.
    if shrunk <= ZERO or record.wins * win <= (record.trades - record.wins) * loss:
        return RiskShare(risk=ZERO, stopped="stopped: no edge", kelly=kelly, shrunk=shrunk)
    risk = shrunk * strength * params.kelly_fraction
    if risk >= params.risk_cap:
        return RiskShare(risk=params.risk_cap, rule="risk cap", kelly=kelly, shrunk=shrunk)
    return RiskShare(risk=risk, rule="kelly", kelly=kelly, shrunk=shrunk)
