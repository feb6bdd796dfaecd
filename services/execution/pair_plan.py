"""Before a pair exists: why it may not, and the question to the gate."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.domain.enums import Purpose, Side, TimeInForce
from services.domain.instrument import Instrument, joint_lot
from services.domain.money import BPS, ZERO, floor_to
from services.domain.orders import OrderRequest
from services.execution.pair_state import LONG, SHORT, SPOT, Leg, LegPolicy, Pair
from services.execution.pricing import Prices, band_limit
from services.settings.parameters import Settings


def targets(
    kind: str, first: Instrument, second: Instrument, short_quantity: Decimal, long_quantity: Decimal
) -> tuple[Decimal, Decimal] | None:
    """Both quantities on their grid: two for a peg pair, else one; None below a venue's minimum."""
    if kind != "peg":
        equal = floor_to(min(short_quantity, long_quantity), joint_lot(first, second))
        short_target, long_target = equal, equal
    else:
        short_target, long_target = first.round_size(short_quantity), second.round_size(long_quantity)
    if short_target < max(first.min_size, first.size_increment):
        return None
    if long_target < max(second.min_size, second.size_increment):
        return None
    return short_target, long_target


def refusal(
    live: tuple[Pair, ...],
    instruments: Mapping[str, Instrument],
    kind: str,
    short: str,
    long: str,
    capital: Decimal | None,
    exit_policy: LegPolicy,
) -> str:
    if kind not in ("hedge", "peg", SPOT):
        return f"unknown kind {kind!r}: expected hedge, peg or spot"
    unknown = [name for name in (short, long) if name not in instruments]
    if unknown or short == long:
        return f"unknown instrument {unknown[0]}" if unknown else "both legs are the same instrument"
    sold, bought = instruments[short], instruments[long]
    if {sold.is_perp, bought.is_perp} != {kind != SPOT}:
        return f"a pair of kind {kind} of {short} and {long}: spot changes hands with spot, perps hedge perps"
    if kind == SPOT and (sold.underlying != bought.underlying or sold.venue == bought.venue):
        return f"{short} and {long}: expected one coin on two venues"
    if capital is None or capital <= ZERO:
        return "capital unknown" if capital is None else "no capital"
    if exit_policy is LegPolicy.REVERSE:
        return "an exit cannot be reversed: that would increase a position"
    for pair in live:
        for leg in pair.legs:
            wanted = {short: Side.SELL, long: Side.BUY}.get(leg.instrument)
            if wanted is not None and wanted is not leg.side:
                return f"pair {pair.id} holds {leg.instrument} on the other side"
    return ""


def draft(
    settings: Settings,
    live: tuple[Pair, ...],
    instruments: Mapping[str, Instrument],
    *,
    strategy: str,
    kind: str,
    short: str,
    long: str,
    short_quantity: Decimal,
    long_quantity: Decimal,
    capital: Decimal | None,
    origin: str,
    reason: str,
    now: int,
    entry_policy: LegPolicy = LegPolicy.REVERSE,
    exit_policy: LegPolicy = LegPolicy.PROCEED,
) -> tuple[Pair | None, str]:
    """(the pair as it would be planned, "") or (None, why not). It has no id and stands in no book: a machine
    plans it, a preview only asks about it. Quantities are rounded down to the joint lot."""
    why = refusal(live, instruments, kind, short, long, capital, exit_policy)
    if why or capital is None:
        return None, why or "capital unknown"
    rounded = targets(kind, instruments[short], instruments[long], short_quantity, long_quantity)
    if rounded is None:
        return None, "below the venue's minimum"
    bounds = settings.pair
    return Pair(
        id="",
        strategy=strategy,
        kind=kind,
        origin=origin,
        short=Leg(SHORT, short, Side.SELL, rounded[0]),
        long=Leg(LONG, long, Side.BUY, rounded[1]),
        naked_bound=min(bounds.naked_max, bounds.naked_max_fraction * capital),
        slice_notional=bounds.slice_notional,
        entry_policy=entry_policy,
        exit_policy=exit_policy,
        planned_ts=now,
        state_ts=now,
        reason=reason,
        text=reason,
    ), ""


def question(
    pair: Pair, leg: Leg, instruments: Mapping[str, Instrument], settings: Settings, prices: Prices
) -> OrderRequest | None:
    mid = prices.mid(leg.instrument)
    if mid is None:
        return None
    instrument = instruments[leg.instrument]
    gate = settings.gate
    collar = gate.price_collar_pegged if instrument.pegged else gate.price_collar
    bps = min(settings.exec.hedge_bands[-1], collar / BPS / 2)
    return OrderRequest(
        client_order_id=f"ask-{pair.id}-{leg.number}",
        instrument=leg.instrument,
        side=leg.side,
        quantity=leg.target,
        price=band_limit(instrument, leg.side, mid, bps),
        tif=TimeInForce.IOC,
        purpose=Purpose.ENTRY,
        origin=pair.origin,
        pair=pair.id,
        leg=leg.number,
        decided_mid=mid,
        reason=pair.reason,
    )


def claimed(live: tuple[Pair, ...]) -> dict[str, Decimal]:
    """Instrument -> what these pairs hold of it or still want, signed; they never stand on both sides. Spot
    changes hands out of an inventory that is anybody's."""
    found: dict[str, Decimal] = {}
    for pair in live:
        for leg in () if pair.one_shot else pair.legs:
            size = max(leg.size, leg.target) if pair.being_built else leg.size
            if size:
                found[leg.instrument] = found.get(leg.instrument, ZERO) + size * leg.side.sign
    return found
