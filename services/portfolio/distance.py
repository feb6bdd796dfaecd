"""How far the market may move until usage reaches 1 (SEMANTICS 2). Exact, in Decimal.

A move is a factor on the USD price of each coin. Instruments and collateral of one underlying move by the
same factor; the USD price of every other underlying is held, so what is quoted in a moving coin is re-marked
(the coin-shock rule). In USD every collateral value and every notional is then linear in the move t:
f = 1 + d t. Weights (kink where a coin's value turns negative) and brackets (kinks at their caps) make
C - maintenance piecewise linear; the first crossing of zero is found segment by segment.

None: no such move, or something unknown: `account_margin(...).usage` tells which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import product

from services.domain.instrument import MarginTier
from services.domain.money import DOLLARS, ONE, ZERO
from services.portfolio.inputs import AccountInput, PositionInput, coin_index, known
from services.portfolio.margin import account_margin, effective_weight, value_position
from services.portfolio.tables import table_of

_ALL_SIGNS_UP_TO = 4
"""Underlyings up to which every combination of directions is tried."""
_ROUNDING = Decimal("1e-12")
"""Of all amounts together: far more than 34 digits can be wrong by."""


class Sheet:
    """An account in USD: what each coin's value and each notional is, and which factors they move with."""

    __slots__ = ("coins", "concave", "legs")

    def __init__(
        self,
        coins: list[tuple[Decimal, Decimal, dict[str, Decimal]]],
        legs: list[tuple[str, Decimal, tuple[MarginTier, ...]]],
        concave: bool,
    ) -> None:
        self.coins = coins
        """(weight, value now, value by the coin whose factor moves it)."""
        self.legs = legs
        """(underlying, notional now, brackets)."""
        self.concave = concave
        """C - maintenance is concave in every move: all brackets are `joined`."""


def sheet_of(account: AccountInput) -> Sheet | None:
    """None when anything that matters is unknown."""
    if not account.balances_known:
        return None
    moves: dict[str, dict[str, Decimal]] = {}
    legs = []
    concave = True
    for coin, balance in account.balances.items():
        if balance == ZERO:
            continue
        index = coin_index(account, coin)
        if index is None or not balance.is_finite():
            return None
        moves.setdefault(coin, {})[coin] = balance * index
    for position in account.positions:
        instrument = position.instrument
        tiers, mark, quote_usd = instrument.tiers, position.mark, position.quote_usd
        valued = value_position(position)
        if position.size == ZERO:
            continue
        if not tiers or mark is None or quote_usd is None or valued.notional is None:
            return None
        table = table_of(instrument)
        if not table.sound:
            return None
        concave = concave and table.joined
        if coin_index(account, instrument.settle) is None:
            return None
        by_coin = moves.setdefault(instrument.settle, {})
        worth = position.size * mark * quote_usd
        spent = position.size * position.entry * quote_usd
        by_coin[instrument.underlying] = by_coin.get(instrument.underlying, ZERO) + worth
        by_coin[instrument.quote] = by_coin.get(instrument.quote, ZERO) - spent
        legs.append((instrument.underlying, valued.notional, tiers))
    coins = [
        (effective_weight(account.weights_total.get(coin)), sum(by_coin.values(), ZERO), by_coin)
        for coin, by_coin in moves.items()
    ]
    return Sheet(coins, legs, concave)


def first_crossing(sheet: Sheet, direction: Mapping[str, Decimal], limit: Decimal | None) -> Decimal | None:
    """The smallest t in [0, limit] with C <= maintenance under f = 1 + direction x t; limit None = no end."""
    lines = []
    kinks = []
    for weight, value, by_coin in sheet.coins:
        slope = ZERO
        for coin, part in by_coin.items():
            step = direction.get(coin)
            if step is not None:
                slope += part * step
        lines.append((weight, value, slope))
        if slope != ZERO:
            kinks.append(-value / slope)
    needs = []
    for underlying, notional, tiers in sheet.legs:
        slope = notional * direction.get(underlying, ZERO)
        needs.append((notional, slope, tiers))
        if slope != ZERO:
            kinks.extend((tier.cap - notional) / slope for tier in tiers if tier.cap is not None)
    ends = sorted({kink for kink in kinks if kink > ZERO and (limit is None or kink < limit)})
    start = ZERO
    for end in (*ends, limit):
        inside = start + ONE if end is None else (start + end) / 2
        level, slope = _line_at(lines, needs, inside)
        if level + slope * start <= ZERO:
            return start
        if slope < ZERO:
            root = -level / slope
            if end is None or root <= end:
                return root
        if end is not None:
            start = end
    return None


def liquidation_price(account: AccountInput, instrument_id: str) -> Decimal | None:
    """The mark of `instrument_id` nearest to the present one at which usage reaches 1, unrounded.

    Everything of the same underlying moves by the same factor, the rest is held. Usage 1 already: the mark.
    """
    position = _position(account, instrument_id)
    sheet = sheet_of(account)
    if position is None or sheet is None or position.mark is None:
        return None
    underlying = position.instrument.underlying
    nearest: Decimal | None = None
    for step, limit in ((-ONE, ONE), (ONE, None)):
        move = first_crossing(sheet, {underlying: step}, limit)
        if move is not None and (nearest is None or move < abs(nearest)):
            nearest = step * move
    if nearest is None or nearest <= -ONE:
        return None
    return position.mark * (ONE + nearest)


def single_leg_liquidation(account: AccountInput, instrument_id: str) -> Decimal | None:
    """The same "if the other leg vanished": every other position of the underlying closed at its mark."""
    position = _position(account, instrument_id)
    if position is None:
        return None
    kept = []
    balances = dict(account.balances)
    for other in account.positions:
        same = other.instrument.underlying == position.instrument.underlying
        if other.instrument.id == instrument_id or not same:
            kept.append(other)
            continue
        gain = value_position(other).upnl_settle
        if gain is None:
            return None
        settle = other.instrument.settle
        balances[settle] = balances.get(settle, ZERO) + gain
    alone = AccountInput(
        venue=account.venue,
        balances=balances,
        weights_total=account.weights_total,
        weights_initial=account.weights_initial,
        indexes=account.indexes,
        positions=tuple(kept),
        leverage_settings=account.leverage_settings,
        marks=account.marks,
        balances_known=account.balances_known,
    )
    return liquidation_price(alone, instrument_id)


def joint_distance(account: AccountInput, within: Decimal | None = None) -> Decimal | None:
    """The smallest uniform adverse move, as a fraction, that reaches usage 1; with `within` only if it is
    smaller than that, which is cheaper to deny.

    Uniform in size, adverse in direction: every underlying with an open position moves by the same fraction,
    each in the direction that hurts (all combinations up to four underlyings; beyond, both common directions,
    each against our net position, and each as it costs most per step from here: where legs hedge each other,
    their margin grows with the price whichever side is a little larger).
    """
    sheet = sheet_of(account)
    if sheet is None or not sheet.legs:
        return None
    underlyings = tuple(dict.fromkeys(underlying for underlying, _, _ in sheet.legs))
    if within is not None and sheet.concave and _clear_whatever_moves(sheet, underlyings, within):
        return None
    # What stands on or below the edge already is found by going through the segments, from the first one on.
    nearest = within if within is not None and _clear_at(sheet, {}, ZERO) else None
    for signs in _directions(sheet, underlyings):
        limit = ONE if -ONE in signs else None
        direction = dict(zip(underlyings, signs, strict=True))
        if nearest is not None:
            limit = nearest if limit is None else min(limit, nearest)
            if nearest == ZERO or (sheet.concave and _clear_at(sheet, direction, limit)):
                continue
        move = first_crossing(sheet, direction, limit)
        if move is not None and (nearest is None or move < nearest):
            nearest = move
    return nearest if within is None or (nearest is not None and nearest < within) else None


def coin_distance(account: AccountInput, coin: str) -> Decimal | None:
    """The smallest fall of a stablecoin, as a fraction below 1, that reaches usage 1 (coin-shock rule)."""
    sheet = sheet_of(account)
    if sheet is None or not sheet.legs:
        return None
    return _fall(sheet, coin)


def nearest_coin_distance(account: AccountInput) -> tuple[str, Decimal] | None:
    """The stablecoin whose fall liquidates first, and by how much."""
    sheet = sheet_of(account)
    if sheet is None or not sheet.legs:
        return None
    nearest: tuple[str, Decimal] | None = None
    for coin in DOLLARS:
        touched = any(coin in by_coin for _, _, by_coin in sheet.coins)
        fall = _fall(sheet, coin) if touched else None
        if fall is not None and (nearest is None or fall < nearest[1]):
            nearest = (coin, fall)
    return nearest


def _fall(sheet: Sheet, coin: str) -> Decimal | None:
    fall = first_crossing(sheet, {coin: -ONE}, ONE)
    return fall if fall is not None and fall < ONE else None


def _directions(sheet: Sheet, underlyings: Sequence[str]) -> list[tuple[Decimal, ...]]:
    if len(underlyings) <= _ALL_SIGNS_UP_TO:
        return list(product((-ONE, ONE), repeat=len(underlyings)))
    against, steepest = [], []
    for underlying in underlyings:
        net = gain = ZERO
        for weight, value, by_coin in sheet.coins:
            part = by_coin.get(underlying, ZERO)
            net += part
            gain += part * (weight if value > ZERO else ONE)
        for each, notional, tiers in sheet.legs:
            if each == underlying:
                gain -= notional * _tier_of(tiers, notional).maintenance
        against.append(-ONE if net > ZERO else ONE)
        steepest.append(-ONE if gain > ZERO else ONE)
    up = (ONE,) * len(underlyings)
    return list(dict.fromkeys((tuple(steepest), tuple(against), tuple(-each for each in up), up)))


def _clear_at(sheet: Sheet, direction: Mapping[str, Decimal], move: Decimal) -> bool:
    """C is above maintenance after this move, and by more than rounding could make of it.

    Weights are at most 1 and brackets `joined`, so C - maintenance is concave in the move: above zero at 0
    and here, it is above zero in between, and the segments need not be gone through.
    """
    above = size = ZERO
    for weight, value, by_coin in sheet.coins:
        after = value
        for coin, part in by_coin.items():
            step = direction.get(coin)
            if step is not None:
                after += part * step * move
        above += weight * after if after > ZERO else after
        size += abs(value) + abs(after)
    for underlying, notional, tiers in sheet.legs:
        after = notional + notional * direction.get(underlying, ZERO) * move
        tier = _tier_of(tiers, after)
        above -= after * tier.maintenance - tier.cum
        size += after
    return above > size * _ROUNDING


def _clear_whatever_moves(sheet: Sheet, underlyings: Sequence[str], move: Decimal) -> bool:
    """C is above maintenance after any move up to this one, whichever way each underlying goes: every part of
    every coin falls by it, every notional grows by it. A weight of at most 1 makes C fall no faster than the
    values do, and brackets that are `joined` ask for more the larger a notional is.
    """
    above = size = ZERO
    for weight, value, by_coin in sheet.coins:
        fall = sum([abs(part) for coin, part in by_coin.items() if coin in underlyings], ZERO) * move
        above += (weight * value if value > ZERO else value) - fall
        size += abs(value) + fall
    for _, notional, tiers in sheet.legs:
        after = notional + notional * move
        tier = _tier_of(tiers, after)
        above -= after * tier.maintenance - tier.cum
        size += after
    return above > size * _ROUNDING


def _tier_of(tiers: tuple[MarginTier, ...], size: Decimal) -> MarginTier:
    """The bracket of a notional; above the last cap still the last one."""
    for tier in tiers:
        if tier.cap is None or size <= tier.cap:
            return tier
    return tiers[-1]


def _line_at(
    lines: list[tuple[Decimal, Decimal, Decimal]],
    needs: list[tuple[Decimal, Decimal, tuple[MarginTier, ...]]],
    inside: Decimal,
) -> tuple[Decimal, Decimal]:
    """(level at 0, slope) of C - maintenance on the segment that `inside` lies in."""
    level = slope = ZERO
    for weight, value, step in lines:
        counts = weight if value + step * inside > ZERO else ONE
        level += counts * value
        slope += counts * step
    for notional, step, tiers in needs:
        tier = _tier_of(tiers, notional + step * inside)
        level -= notional * tier.maintenance - tier.cum
        slope -= step * tier.maintenance
    return level, slope


def _position(account: AccountInput, instrument_id: str) -> PositionInput | None:
    for position in account.positions:
        if position.instrument.id == instrument_id and position.size != ZERO:
            return position if known(position.mark) else None
    return None


def usage_below_one(account: AccountInput) -> bool:
    """Whether the account stands clear of liquidation at present prices; unknown is no."""
    usage = account_margin(account).usage
    return usage is not None and usage < ONE
