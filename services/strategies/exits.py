"""The named exits of a funding pair (SEMANTICS 5.6, 5.7): what closes it, what freezes it, what only waits.

Order of judgement: a demand of the desk; staleness, which freezes and is never an exit; the pair stop, which
knows no blackout; then the discretionary exits, none within the blackout of either leg's settlement.

Timing conventions. A condition on the current spread began at the later `rate_ts` of the two rates that show
it, not when it was noticed. Settlements are counted at the slower leg, by settled rows whose instant lies
in [begin, now]; a predicted rate computed at a settlement's very instant speaks of the next one, so that
settlement is not counted. Inside the blackout nothing is tracked: one venue's new rate against the other's
old one is no spread. While a rate is unknown or a settlement overdue, conditions on the spread stand still.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from services.domain.enums import PairState, RateKind
from services.domain.events import RateRow
from services.market.funding import SECOND_NS, bps_8h, hours_ns, slower
from services.market.legs import LegFacts, coins_of, in_blackout
from services.settings.funding import Funding
from services.strategies.base import ClosePair, FreezePair, Intent, PairFacts, ThawPair

_BPS = Decimal(10_000)

SPREAD_EXIT = "spread below exit level"
FLIPPED = "funding flipped"
MAX_HOLD = "max hold"
PAIR_STOP = "pair stop"
BASIS = "basis divergence"
DELISTING = "delisting"

_WATCHED = (PairState.HEDGED, PairState.FROZEN)
_LEAVING = (PairState.CLOSING, PairState.CLOSED, PairState.UNWINDING)


class PairTrack(Struct, frozen=True, kw_only=True):
    """What the exits remember of one pair: when each condition began; None = it does not hold."""

    below_since: int | None = None
    flipped_since: int | None = None
    diverged_since: int | None = None
    frozen_since: int | None = None


def review(
    pair: PairFacts,
    short: LegFacts | None,
    long: LegFacts | None,
    track: PairTrack,
    params: Funding,
    depeg: dict[str, str],
    now: int,
) -> tuple[tuple[Intent, ...], PairTrack]:
    """Judge one open pair. Legs are None when the instrument is not in view, which is stale, not missing."""
    if pair.demand:
        if pair.state in _LEAVING:
            return (), track
        return (ClosePair(pair=pair.id, reason=pair.demand, discretionary=False),), track
    if pair.state not in _WATCHED:
        return (), track
    if short is None or long is None or short.stale or long.stale:
        since = track.frozen_since if track.frozen_since is not None else now
        what = _stale_text(pair.short, short) or _stale_text(pair.long, long)
        return (FreezePair(pair=pair.id, reason=what, since=since),), replace(track, frozen_since=since)

    intents: tuple[Intent, ...] = ()
    if track.frozen_since is not None:
        intents, track = (ThawPair(pair=pair.id),), replace(track, frozen_since=None)
    if pair_loss_bps(pair) >= params.pair_stop:
        return (*intents, ClosePair(pair=pair.id, reason=PAIR_STOP, discretionary=False)), track
    track = _track_basis(pair, short, long, track, params, now)
    if _in_any_blackout(short.rate, long.rate, params, now):
        return intents, track
    track = _track_spread(short, long, track, params, now)
    reason = _discretionary(pair, short, long, track, params, depeg, now)
    if reason:
        intents = (*intents, ClosePair(pair=pair.id, reason=reason, discretionary=True))
    return intents, track


def pair_loss_bps(pair: PairFacts) -> Decimal:
    """Price loss of both legs together, bps of one leg. Unknown is no loss: a stop never fires on a guess."""
    if pair.price_pnl is None or pair.leg_notional is None or pair.leg_notional <= 0:
        return Decimal("-Infinity")
    return -pair.price_pnl / pair.leg_notional * _BPS


def basis_bps(short: LegFacts, long: LegFacts) -> Decimal | None:
    """USD price of the short leg over that of the long leg, minus one, bps."""
    if short.mark_usd is None or long.mark_usd is None or long.mark_usd <= 0:
        return None
    return (short.mark_usd / long.mark_usd - 1) * _BPS


def wake_instants(pair: PairFacts, track: PairTrack, params: Funding) -> tuple[int, ...]:
    """Instants at which this pair's exits and the alerts of a freeze may fall due with no new rate."""
    out: list[int] = []
    if pair.opened_ts is not None:
        out.append(pair.opened_ts + hours_ns(params.max_hold_h))
    if track.below_since is not None:
        out.append(track.below_since + hours_ns(params.exit_confirm_h))
    if track.diverged_since is not None:
        out.append(track.diverged_since + params.basis_divergence_s * SECOND_NS)
    if track.frozen_since is not None:
        out.append(track.frozen_since + params.freeze_alert_s * SECOND_NS)
        out.append(track.frozen_since + params.freeze_page_min * 60 * SECOND_NS)
    return tuple(out)


def _stale_text(name: str, leg: LegFacts | None) -> str:
    if leg is None:
        return f"{name}: no data"
    return f"{name}: {leg.stale} stale" if leg.stale else ""


def _in_any_blackout(short: RateRow | None, long: RateRow | None, params: Funding, now: int) -> bool:
    return any(
        row is not None and in_blackout(row, now, params.blackout_s, params.blackout_s)
        for row in (short, long)
    )


def _track_basis(
    pair: PairFacts, short: LegFacts, long: LegFacts, track: PairTrack, params: Funding, now: int
) -> PairTrack:
    """Either direction counts: legs that part by this much no longer hedge each other."""
    basis = basis_bps(short, long)
    if basis is None or pair.entry_basis is None:
        return track
    if abs(basis - pair.entry_basis) >= params.basis_divergence:
        return track if track.diverged_since is not None else replace(track, diverged_since=now)
    return track if track.diverged_since is None else replace(track, diverged_since=None)


def _track_spread(short: LegFacts, long: LegFacts, track: PairTrack, params: Funding, now: int) -> PairTrack:
    if short.rate is None or long.rate is None or short.hourly is None or long.hourly is None:
        return track
    if _overdue(short.rate, now) or _overdue(long.rate, now):
        return track
    spread = bps_8h(short.hourly - long.hourly)
    began = _began(short.rate, long.rate, now)
    below = spread < params.exit_level
    flipped = spread <= params.flip_exit
    return replace(
        track,
        below_since=(track.below_since if track.below_since is not None else began) if below else None,
        flipped_since=(track.flipped_since if track.flipped_since is not None else began)
        if flipped
        else None,
    )


def _overdue(row: RateRow, now: int) -> bool:
    return row.next_ts is not None and row.next_ts <= now


def _began(short: RateRow, long: RateRow, now: int) -> int:
    later = max(short.rate_ts, long.rate_ts)
    slow = (short, long)[slower(short, long)]
    if slow.kind is RateKind.PREDICTED and slow.rate_ts == later:
        later += 1
    return min(later, now)


def _settled_since(short: LegFacts, long: LegFacts, since: int, now: int) -> int:
    """Settlements of the slower leg in [since, now]; legs of equal interval: the one with fewer."""
    if short.rate is None or long.rate is None:
        return 0
    counts = [sum(1 for ts in leg.settled_ts if since <= ts <= now) for leg in (short, long)]
    if short.rate.interval_h == long.rate.interval_h:
        return min(counts)
    return counts[slower(short.rate, long.rate)]


def _discretionary(
    pair: PairFacts,
    short: LegFacts,
    long: LegFacts,
    track: PairTrack,
    params: Funding,
    depeg: dict[str, str],
    now: int,
) -> str:
    """The first exit that is due, by name; empty = none."""
    for leg in (short, long):
        gone = leg.instrument.delisting_ts
        if gone is not None and now >= gone - hours_ns(params.delisting_exit_h):
            return DELISTING
    if params.depeg_exit:
        for coin in coins_of(short.instrument, long.instrument):
            if depeg.get(coin) == "reduce":
                return f"depeg: {coin}"
    diverged = track.diverged_since
    if diverged is not None and now - diverged >= params.basis_divergence_s * SECOND_NS:
        return BASIS
    turned = _funding_turned(short, long, track, params, now)
    if turned:
        return turned
    if pair.opened_ts is not None and now - pair.opened_ts >= hours_ns(params.max_hold_h):
        return MAX_HOLD
    return ""


def _funding_turned(short: LegFacts, long: LegFacts, track: PairTrack, params: Funding, now: int) -> str:
    """The two exits on the current spread; both need rates that are known now."""
    if short.rate is None or long.rate is None or _overdue(short.rate, now) or _overdue(long.rate, now):
        return ""
    flipped = track.flipped_since
    if flipped is not None and _settled_since(short, long, flipped, now) >= params.flip_exit_settlements:
        return FLIPPED
    below = track.below_since
    if (
        below is not None
        and now - below >= hours_ns(params.exit_confirm_h)
        and _settled_since(short, long, below, now) >= params.exit_confirm_settlements
    ):
        return SPREAD_EXIT
    return ""
