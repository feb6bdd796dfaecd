"""Position sizing: how much of what a strategy wants may be opened (SEMANTICS 4).

Capital at risk from the track record, a notional from the loss at the stop with all costs, then the smallest
of every bound; each bound is listed and the binding one named. Anything unknown refuses. Quantities are
rounded down to the lot, and a limit of the gate is never reached exactly (it is reached at >=).
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, structs

from services.domain.instrument import Instrument, joint_lot
from services.domain.money import BPS, ONE, ZERO, floor_to
from services.risk.kelly import RiskShare, TrackRecord, risk_share
from services.risk.lines import positive
from services.settings.parameters import Settings

LEAST_STRENGTH = Decimal("0.1")

Bound = tuple[str, Decimal]


class SizeLeg(Struct, frozen=True, kw_only=True):
    """One instrument to be bought or sold, with what its quantity follows from."""

    instrument: Instrument
    price: Decimal | None
    """The dearer of limit and mark, in the quote coin."""
    quote_usd: Decimal | None
    available: Decimal | None
    """USD notional in the book within the slippage bound, on the side that is taken."""


class SizeAnswer(Struct, frozen=True, kw_only=True):
    """What may be opened; `refused` is not empty when it is nothing, or when more was asked than may be."""

    quantity: Decimal
    """Base units of the (first) leg; 0 when refused."""
    second_quantity: Decimal
    """Of a pair's second leg: equal in base, or in USD notional for `peg`; 0 for a single position."""
    notional: Decimal
    """USD per leg that the quantity stands for, at the prices given."""
    capital_at_risk: Decimal
    """USD lost at the stop with costs: the denominator of win and loss when it closes."""
    bounds: tuple[Bound, ...]
    """Every bound, USD notional, in the order they were found."""
    binding: str
    """The smallest of them."""
    refused: str = ""
    stopped: str = ""
    """Not empty: the strategy is to be disabled, with this reason."""
    share: RiskShare | None = None


def funding_strength(net_edge: Decimal | None, costs: Decimal | None) -> Decimal | None:
    """Signal strength of `funding_arb`: net edge over twice the costs, clipped to [0.1, 1]. Without costs
    known and above zero there is none."""
    if (
        net_edge is None
        or costs is None
        or not net_edge.is_finite()
        or not costs.is_finite()
        or costs <= ZERO
    ):
        return None
    return None if net_edge <= ZERO else min(ONE, max(LEAST_STRENGTH, net_edge / (2 * costs)))


def pair_stop_distance(
    settings: Settings, stop_bps: Decimal | None, short: Instrument, long: Instrument
) -> Decimal:
    """The pair stop as a fraction of a leg; legs in different coins lose at least a depeg of `depeg_d`.

    `peg` pairs stand on different coins by nature. 0 (refused by the sizing) when the stop is unknown."""
    stop = positive(stop_bps)
    if stop is None:
        return ZERO
    distance = stop * BPS
    coins = {short.settle: True, long.settle: True, short.quote: True, long.quote: True}
    different = len(coins) > 1 or (short.pegged and short.underlying != long.underlying)
    return max(distance, settings.size.depeg_d) if different else distance


def size_position(
    settings: Settings,
    *,
    capital: Decimal | None,
    strength: Decimal | None,
    record: TrackRecord,
    stop: Decimal | None,
    leg: SizeLeg,
    slippage_bps: Decimal | None,
    head_rooms: tuple[Bound, ...],
) -> SizeAnswer:
    """An unpaired position. `stop`: fraction of price. `slippage_bps`: allowance per fill, of two fills."""
    fraction = settings.size.max_position_fraction
    return _size(
        settings, capital, strength, record, stop, (leg,), slippage_bps, head_rooms,
        ("max position fraction", fraction), leg.instrument.size_increment, False,
    )  # fmt: skip


def size_pair(
    settings: Settings,
    *,
    capital: Decimal | None,
    strength: Decimal | None,
    record: TrackRecord,
    stop: Decimal | None,
    short: SizeLeg,
    long: SizeLeg,
    slippage_bps: Decimal | None,
    head_rooms: tuple[Bound, ...],
    asked: Decimal | None = None,
) -> SizeAnswer:
    """A pair: `capital` is the smaller C when its legs lie on two accounts; fees and slippage are the sums
    over both legs (four fills); `head_rooms` are per leg (`rooms.pair_head_rooms`). `stop`: fraction of a
    leg, from `pair_stop_distance`. The answer's quantities are (short, long). `asked`: USD a leg that a
    person named: the quantities are what that makes, refused when a bound leaves less; nothing is cut in
    silence."""
    fraction = settings.size.max_pair_fraction
    peg = short.instrument.pegged and short.instrument.underlying != long.instrument.underlying
    on_grids = _usd_per_unit(short) is not None and _usd_per_unit(long) is not None
    lot = joint_lot(short.instrument, long.instrument) if on_grids else ZERO
    return _size(
        settings, capital, strength, record, stop, (short, long), slippage_bps, head_rooms,
        ("max pair fraction", fraction), lot, peg, asked,
    )  # fmt: skip


def _size(
    settings: Settings,
    capital: Decimal | None,
    strength: Decimal | None,
    record: TrackRecord,
    stop: Decimal | None,
    legs: tuple[SizeLeg, ...],
    slippage_bps: Decimal | None,
    head_rooms: tuple[Bound, ...],
    fraction: Bound,
    lot: Decimal,
    equal_notional: bool,
    asked: Decimal | None = None,
) -> SizeAnswer:
    share: RiskShare | None = None
    known = positive(capital)
    if known is None:
        return _refused("capital unknown or gone", share)
    force = positive(strength)
    if force is None:
        return _refused("no signal strength", share)
    distance = positive(stop)
    if distance is None:
        return _refused("no stop distance", share)
    fees = _fees(legs)
    slippage = slippage_bps if slippage_bps is not None and slippage_bps.is_finite() else None
    if fees is None or slippage is None or slippage < ZERO:
        return _refused("fees or slippage allowance unknown", share)
    units = [_usd_per_unit(leg) for leg in legs]
    if any(unit is None for unit in units):
        return _refused("price or index unknown", share)
    share = risk_share(record, min(ONE, max(LEAST_STRENGTH, force)), settings.size)
    if share.stopped:
        return _refused(share.stopped, share)
    per_unit = [unit for unit in units if unit is not None]
    cost = distance + fees + fees * (ONE + distance) + slippage * BPS * (2 * len(legs))
    head_rooms = tuple((name, room if room.is_finite() else ZERO) for name, room in head_rooms)
    bounds: list[Bound] = [
        (f"risk ({share.rule})", known * share.risk / cost),
        (fraction[0], known * fraction[1]),
        *head_rooms,
    ]
    for leg in legs:
        depth = leg.available if leg.available is not None and leg.available.is_finite() else ZERO
        bounds.append((f"book of {leg.instrument.id}", depth))
    binding, notional = min(bounds, key=lambda bound: bound[1])
    rooms = min((room for _, room in head_rooms), default=None)
    if asked is None:
        return _quantities(
            legs, per_unit, lot, equal_notional, notional, rooms, cost, tuple(bounds), binding, share
        )
    wanted = positive(asked)
    if wanted is None:
        return _refused("no notional was asked for", share, tuple(bounds), binding)
    found = _quantities(
        legs, per_unit, lot, equal_notional, wanted, None, cost, tuple(bounds), binding, share
    )
    if found.refused:
        return structs.replace(found, refused=f"{wanted:,.0f} USD a leg is below a venue's minimum")
    if found.notional > notional:
        text = f"{binding} leaves {max(ZERO, notional):,.0f} USD a leg, asked {found.notional:,.0f}"
        return structs.replace(found, refused=text)
    return found


def _quantities(
    legs: tuple[SizeLeg, ...],
    per_unit: list[Decimal],
    lot: Decimal,
    equal_notional: bool,
    notional: Decimal,
    rooms: Decimal | None,
    cost: Decimal,
    bounds: tuple[Bound, ...],
    binding: str,
    share: RiskShare,
) -> SizeAnswer:
    if notional <= ZERO:
        return _refused(f"no head-room: {binding}", share, bounds, binding)
    if equal_notional:
        quantities = [
            _below(notional, unit, leg.instrument.size_increment, rooms)
            for leg, unit in zip(legs, per_unit, strict=True)
        ]
    else:
        quantities = [_below(notional, max(per_unit), lot, rooms)] * len(legs)
    for leg, unit, quantity in zip(legs, per_unit, quantities, strict=True):
        least = leg.instrument
        if quantity <= ZERO or quantity < least.min_size or quantity * unit < least.min_notional:
            text = f"below the venue's minimum on {least.id} ({binding} leaves {notional:,.2f} USD)"
            return _refused(text, share, bounds, binding)
    stands = max(quantity * unit for quantity, unit in zip(quantities, per_unit, strict=True))
    return SizeAnswer(
        quantity=quantities[0],
        second_quantity=quantities[1] if len(quantities) > 1 else ZERO,
        notional=stands,
        capital_at_risk=stands * cost,
        bounds=bounds,
        binding=binding,
        share=share,
    )


def _below(notional: Decimal, per_unit: Decimal, lot: Decimal, rooms: Decimal | None) -> Decimal:
    """Lots that stay at or under the notional, and strictly under every head-room of the gate."""
    quantity = floor_to(notional / per_unit, lot)
    while quantity > ZERO and (
        quantity * per_unit > notional or (rooms is not None and quantity * per_unit >= rooms)
    ):
        quantity -= lot
    return quantity


def _fees(legs: tuple[SizeLeg, ...]) -> Decimal | None:
    """Taker fees of one way, summed over the legs."""
    total = ZERO
    for leg in legs:
        fee = leg.instrument.taker_fee
        if fee is None or not fee.is_finite():
            return None
        total += max(ZERO, fee)
    return total


def _usd_per_unit(leg: SizeLeg) -> Decimal | None:
    """None when a price, or a fact of the instrument that a quantity hangs on, is not known."""
    price, usd, facts = positive(leg.price), positive(leg.quote_usd), leg.instrument
    if price is None or usd is None or positive(facts.size_increment) is None:
        return None
    if not facts.min_size.is_finite() or not facts.min_notional.is_finite():
        return None
    return price * usd


def _refused(
    reason: str, share: RiskShare | None, bounds: tuple[Bound, ...] = (), binding: str = ""
) -> SizeAnswer:
    return SizeAnswer(
        quantity=ZERO,
        second_quantity=ZERO,
        notional=ZERO,
        capital_at_risk=ZERO,
        bounds=bounds,
        binding=binding or reason,
        refused=reason,
        stopped=share.stopped if share is not None else "",
        share=share,
    )
