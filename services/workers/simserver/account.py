"""An account of the exchange as rows of the FTX dialect: margin, positions, balances, transfers."""

from __future__ import annotations

from decimal import Decimal

from services.domain.events import TransferBooked
from services.domain.instrument import Instrument, MarginTier
from services.venues.sim.accounts import margin_of
from services.venues.sim.floor import TradingFloor
from services.venues.sim.matching import working
from services.workers.simserver.house import Seat
from services.workers.simserver.shown import ZERO, Row, iso, number

CENTS = Decimal("0.00000001")


def account(seat: Seat, venue: str, withdraw: bool) -> Row:
    """`withdraw`: what the key could do, a marked extension."""
    floor = seat.venue(venue).floor
    books = floor.state.account
    margin = margin_of(books, floor.listed, floor.mark, floor.index)
    notional = sum((_notional(floor, name) for name in books.holdings), ZERO)
    fraction = (margin.collateral / notional).quantize(CENTS) if notional else None
    spec = next(iter(floor.listed.values()))
    return {
        "username": "simulated",
        "accountIdentifier": 1,
        "collateral": margin.collateral.quantize(CENTS),
        "freeCollateral": (margin.collateral_initial - margin.initial).quantize(CENTS),
        "totalAccountValue": margin.collateral.quantize(CENTS),
        "totalPositionSize": notional.quantize(CENTS),
        "marginFraction": fraction,
        "openMarginFraction": fraction,
        "initialMarginRequirement": (1 / seat.leverage).quantize(CENTS),
        "maintenanceMarginRequirement": (margin.maintenance / notional).quantize(CENTS)
        if notional
        else Decimal("0.03"),
        "liquidating": margin.liquidated,
        "leverage": seat.leverage,
        "makerFee": spec.maker_fee,
        "takerFee": spec.taker_fee,
        "backstopProvider": False,
        "positionLimit": None,
        "positionLimitUsed": None,
        "useFttCollateral": False,
        "chargeInterestOnNegativeUsd": False,
        "spotMarginEnabled": False,
        "spotLendingEnabled": False,
        "positions": positions(floor),
        "withdrawEnabled": withdraw,
    }


def _notional(floor: TradingFloor, name: str) -> Decimal:
    return abs(floor.state.account.size(name)) * floor.mark(name) * floor.index(floor.listed[name].quote)


def positions(floor: TradingFloor) -> list[Row]:
    """`entryPrice` is re-marked, as the dialect does it; the average since flat stands beside it."""
    out = []
    for name, held in floor.state.account.holdings.items():
        spec, mark = floor.listed[name], floor.mark(name)
        tier = _tier(spec, _notional(floor, name))
        lot = spec.size_increment
        orders = [each for each in working(floor.state, name) if each.trigger is None]
        bids = sum((each.leaves * lot for each in orders if each.side.sign > 0), ZERO)
        asks = sum((each.leaves * lot for each in orders if each.side.sign < 0), ZERO)
        open_size = max(abs(held.size + bids), abs(held.size - asks))
        out.append(
            {
                "future": spec.symbol,
                "size": abs(held.size),
                "netSize": held.size,
                "side": "buy" if held.size > 0 else "sell",
                "cost": (held.size * mark).quantize(CENTS),
                "entryPrice": mark,
                "recentAverageOpenPrice": held.entry,
                "recentBreakEvenPrice": held.entry,
                "recentPnl": ((mark - held.entry) * held.size).quantize(CENTS),
                "realizedPnl": ZERO,
                "unrealizedPnl": ZERO,
                "openSize": open_size,
                "longOrderSize": bids,
                "shortOrderSize": asks,
                "cumulativeBuySize": ZERO,
                "cumulativeSellSize": ZERO,
                "initialMarginRequirement": tier.initial,
                "maintenanceMarginRequirement": tier.maintenance,
                "collateralUsed": (tier.initial * open_size * mark).quantize(CENTS),
                "estimatedLiquidationPrice": None,
            }
        )
    return out


def _tier(spec: Instrument, notional: Decimal) -> MarginTier:
    for tier in spec.tiers or ():
        if tier.cap is None or notional <= tier.cap:
            return tier
    return MarginTier(cap=None, initial=Decimal(1), maintenance=Decimal(1))


def balances(floor: TradingFloor) -> list[Row]:
    return [
        {
            "coin": name,
            "total": total,
            "free": max(total, ZERO),
            "usdValue": (total * floor.index(name)).quantize(CENTS),
            "spotBorrow": ZERO,
            "availableWithoutBorrow": max(total, ZERO),
        }
        for name, total in floor.state.account.balances.items()
    ]


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
