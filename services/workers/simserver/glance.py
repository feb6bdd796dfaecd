"""What the streams tell of a market beside its book: the best prices, the trades, the list of all markets."""

from __future__ import annotations

from services.venues.sim.floor import TradingFloor
from services.workers.simserver import shown
from services.workers.simserver.house import House
from services.workers.simserver.shown import Row


def ticker(house: House, floor: TradingFloor, market: str) -> Row:
    """Without its time."""
    spec = floor.listed[f"{market}.{floor.name}"]
    bid, ask, bid_size, ask_size = shown.top_of(floor, spec.id)
    newest = next(house.tapes[floor.name].since(spec.id, 0), None)
    last = bid if newest is None else newest.ticks * spec.price_increment
    return {"bid": bid, "ask": ask, "bidSize": bid_size, "askSize": ask_size, "last": last}


def newest_trade(house: House, floor: TradingFloor, market: str) -> int:
    """Its number; 0 = none yet."""
    newest = next(house.tapes[floor.name].since(f"{market}.{floor.name}", 0), None)
    return 0 if newest is None else newest.number


def trades_after(house: House, floor: TradingFloor, market: str, number: int) -> list[Row]:
    """Oldest first."""
    spec = floor.listed[f"{market}.{floor.name}"]
    fresh = list(house.tapes[floor.name].since(spec.id, number))
    return [shown.printed(spec, one) for one in reversed(fresh)]


def markets(house: House, floor: TradingFloor) -> dict[str, Row]:
    tape = house.tapes[floor.name]
    return {
        spec.symbol: shown.market(floor, spec, tape.traded(spec, house.now)) for spec in floor.listed.values()
    }
