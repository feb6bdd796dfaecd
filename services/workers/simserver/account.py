"""An account of the exchange as rows of the FTX dialect: margin, positions, balances, transfers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.domain.enums import Side
from services.domain.events import TransferBooked
from services.domain.instrument import Instrument, MarginTier
from services.venues.sim.accounts import Margin, margin_of
from services.venues.sim.floor import TradingFloor
from services.venues.sim.matching import working
from services.workers.simserver.held import Way
from services.workers.simserver.house import Seat
from services.workers.simserver.shown import CENTS, ZERO, Row, iso, number


def account(seat: Seat, venue: str, withdraw: bool) -> Row:
    """`withdraw`: what the key could do, a marked extension."""
    floor = seat.venue(venue).floor
    margin = _margin(floor)
    held = positions(seat, venue, average=True)
    leverage = seat.leverage.of(venue)
    notional = sum((_notional(floor, name) for name in floor.state.account.holdings), ZERO)
    worst = [
        (row["openSize"] * _price(floor, row["future"]), row["initialMarginRequirement"]) for row in held
    ]
    opened = sum((usd for usd, _ in worst), ZERO)
    locked = sum((usd * share for usd, share in worst), ZERO)
    spec = next(iter(floor.listed.values()))
    return {
        "username": "simulated",
        "accountIdentifier": 1,
        "collateral": margin.collateral.quantize(CENTS),
        "freeCollateral": (margin.collateral_initial - locked).quantize(CENTS),
        "totalAccountValue": margin.collateral.quantize(CENTS),
        "totalPositionSize": notional.quantize(CENTS),
        "marginFraction": _share(margin.collateral, notional),
        "openMarginFraction": _share(margin.collateral, opened),
        "initialMarginRequirement": _share(margin.initial, notional) or (1 / leverage).quantize(CENTS),
        "maintenanceMarginRequirement": _share(margin.maintenance, notional) or Decimal("0.03"),
        "liquidating": margin.liquidated,
        "leverage": leverage,
        "makerFee": spec.maker_fee,
        "takerFee": spec.taker_fee,
        "backstopProvider": False,
        "positionLimit": None,
        "positionLimitUsed": None,
        "useFttCollateral": False,
        "chargeInterestOnNegativeUsd": False,
        "spotMarginEnabled": False,
        "spotLendingEnabled": False,
        "positions": held,
        "withdrawEnabled": withdraw,
    }


def _margin(floor: TradingFloor) -> Margin:
    return margin_of(floor.state.account, floor.listed, floor.mark, floor.index)


def _share(of: Decimal, notional: Decimal) -> Decimal | None:
    """None = flat."""
    return (of / notional).quantize(CENTS) if notional else None


def _price(floor: TradingFloor, symbol: str) -> Decimal:
    """USD a unit, at the mark."""
    spec = floor.listed[f"{symbol}.{floor.name}"]
    return floor.mark(spec.id) * floor.index(spec.quote)


def _notional(floor: TradingFloor, name: str) -> Decimal:
    return abs(floor.state.account.size(name)) * _price(floor, floor.listed[name].symbol)


def positions(seat: Seat, venue: str, *, average: bool) -> list[Row]:
    """Of every market that the account has traded or has orders in. `average`: what came of it since it was
    flat, too. `entryPrice` is re-marked, as the dialect does it, and profit is realised with it."""
    floor = seat.venue(venue).floor
    ways, margin = seat.ways[venue].of(floor.state.account.fills), _margin(floor)
    asked: dict[str, tuple[Decimal, Decimal]] = {}
    for each in working(floor.state):
        if each.trigger is None:
            bids, asks = asked.get(each.instrument, (ZERO, ZERO))
            size = each.leaves * floor.listed[each.instrument].size_increment
            asked[each.instrument] = (bids + size, asks) if each.side is Side.BUY else (bids, asks + size)
    holdings = floor.state.account.holdings
    return [
        _position(floor, name, _way(floor, name, ways), asked.get(name, (ZERO, ZERO)), margin, average)
        for name, spec in floor.listed.items()
        if spec.is_perp and (name in ways or name in asked or name in holdings)
    ]


def _way(floor: TradingFloor, name: str, ways: Mapping[str, Way]) -> Way:
    """How a position came to be. Where its fills of before this server's start are forgotten, its size and
    entry are all that is known: it is there all the same."""
    way, size = ways.get(name) or Way(), floor.state.account.size(name)
    if way.size == size:
        return way
    held = floor.state.account.holdings.get(name)
    return Way(size=size, entry=ZERO if held is None else held.entry, realized=way.realized)


def _position(
    floor: TradingFloor,
    name: str,
    way: Way,
    asked: tuple[Decimal, Decimal],
    margin: Margin,
    average: bool,
) -> Row:
    """`asked`: what open orders buy and sell."""
    spec, mark = floor.listed[name], floor.mark(name)
    size = floor.state.account.size(name)
    bids, asks = asked
    open_size = max(abs(size + bids), abs(size - asks))
    tier = _tier(spec, open_size * _price(floor, spec.symbol))
    open_profit = ((mark - way.entry) * size).quantize(CENTS)
    row: Row = {
        "future": spec.symbol,
        "size": abs(size),
        "netSize": size,
        "side": "sell" if size < 0 else "buy",
        "cost": (size * mark).quantize(CENTS),
        "entryPrice": mark if size else None,
        "realizedPnl": (way.realized + open_profit).quantize(CENTS),
        "unrealizedPnl": ZERO,
        "openSize": open_size,
        "longOrderSize": bids,
        "shortOrderSize": asks,
        "initialMarginRequirement": tier.initial,
        "maintenanceMarginRequirement": tier.maintenance,
        "collateralUsed": (tier.initial * open_size * mark).quantize(CENTS),
        "estimatedLiquidationPrice": _liquidation(floor, spec, size, margin),
    }
    if average:
        row |= {
            "recentAverageOpenPrice": floor.state.account.holdings[name].entry if size else None,
            "recentBreakEvenPrice": way.break_even() if size else None,
            "recentPnl": (way.recent + open_profit).quantize(CENTS) if size else None,
            "cumulativeBuySize": way.bought if size else ZERO,
            "cumulativeSellSize": way.sold if size else ZERO,
        }
    return row


def _liquidation(floor: TradingFloor, spec: Instrument, size: Decimal, margin: Margin) -> Decimal | None:
    """The mark at which maintenance would have eaten the collateral, all other prices as they are, and the
    requirement's share as it is now; 0 = no price above zero does. None when flat."""
    if size == 0:
        return None
    share = _tier(spec, _notional(floor, spec.id)).maintenance
    slope = (size - abs(size) * share) * floor.index(spec.quote)
    if slope == 0:
        return ZERO  # the whole notional is asked for: no price makes it more
    found = floor.mark(spec.id) + (margin.maintenance - margin.collateral) / slope
    return spec.round_price(Side.BUY, found) if found > 0 else ZERO


def _tier(spec: Instrument, notional: Decimal) -> MarginTier:
    for tier in spec.tiers or ():
        if tier.cap is None or notional <= tier.cap:
            return tier
    return MarginTier(cap=None, initial=Decimal(1), maintenance=Decimal(1))


def balances(floor: TradingFloor) -> list[Row]:
    """`free` is what no open order of a spot market holds back."""
    held = _held(floor)
    return [
        {
            "coin": name,
            "total": total,
            "free": max(total - held.get(name, ZERO), ZERO),
            "usdValue": (total * floor.index(name)).quantize(CENTS),
            "spotBorrow": ZERO,
            "availableWithoutBorrow": max(total - held.get(name, ZERO), ZERO),
        }
        for name, total in floor.state.account.balances.items()
    ]


def _held(floor: TradingFloor) -> dict[str, Decimal]:
    held: dict[str, Decimal] = {}
    for each in working(floor.state):
        spec = floor.listed[each.instrument]
        if spec.is_perp:
            continue
        size = each.leaves * spec.size_increment
        buys = each.side is Side.BUY
        coin, amount = (
            (spec.quote, size * (each.ticks or 0) * spec.price_increment) if buys else (spec.underlying, size)
        )
        held[coin] = held.get(coin, ZERO) + amount
    return held


def transfer(row: TransferBooked) -> Row:
    return {
        "id": number(row.transfer_id),
        "coin": row.coin,
        "size": abs(row.amount),
        "status": "confirmed" if row.amount > 0 else "complete",
        "time": iso(row.ts_event),
        "notes": "",
        "fee": ZERO,
    }
