"""What is listed: markets of the library as instruments, in base units whatever the venue's contract is.

Amounts of contract markets are contracts (fact sheet 4): size step and least size are multiplied by the
contract's size here, orders are divided by it again, and both are exact or refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from services.domain.enums import InstrumentKind
from services.domain.instrument import Instrument, MarginTier
from services.domain.money import floor_to
from services.venues.wire.numbers import (
    BadNumber,
    wire_count,
    wire_decimal,
    wire_ms,
    wire_positive,
    wire_step,
)

ONE = Decimal(1)
MS = 1_000_000
MOST = ("maxMktSz", "maxLmtSz", "maxMktOrderQty", "maxOrderQty")
"""Fields of a perpetual's row that bound one order, in contracts: of OKX, of Bybit."""
ENDS = ("deliveryTime", "expTime")
"""Fields of a market's row that date its end: of Bybit, of OKX."""


class Listed(Struct, frozen=True, kw_only=True):
    """One market that we watch."""

    symbol: str
    """As the library writes it."""
    id: str
    """As the venue writes it."""
    contract: Decimal
    """Base units of one contract."""
    spec: Instrument
    cap: Decimal | None = None
    """The largest rate an interval, either way, that the venue settles; None = it states none here."""
    closed: bool = False
    """The venue has taken it off its list, or says that it is not open: nothing that adds risk goes there."""

    @property
    def instrument(self) -> str:
        return self.spec.id

    def contracts(self, quantity: Decimal) -> Decimal:
        """Raises BadNumber where no whole number of lots is meant."""
        found = quantity / self.contract
        if found * self.contract != quantity or quantity % self.spec.size_increment:
            raise BadNumber(f"{self.id}: {quantity} is no multiple of {self.spec.size_increment}")
        return found


def coins_of(market: Listed) -> tuple[str, ...]:
    """What changes hands when it is traded: both coins of a spot pair, the settle coin of a perpetual."""
    spec = market.spec
    return (spec.settle,) if spec.is_perp else (spec.underlying, spec.quote)


def chosen(
    markets: Mapping[str, Mapping[str, Any]], wanted: tuple[str, ...], *, spot: bool = False
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Open linear perpetuals, or spot pairs, by the venue's own names, and what is none of them."""
    found = {
        str(each["id"]): each
        for each in markets.values()
        if _of_kind(each, spot=spot) and each.get("active") is not False
    }
    return [found[name] for name in wanted if name in found], [name for name in wanted if name not in found]


def besides(
    markets: Mapping[str, Mapping[str, Any]], wanted: Iterable[str], bases: set[str], *, spot: bool = False
) -> set[str]:
    """Open markets on the same underlyings that the profile does not name: what may be listed anew."""
    return {
        str(each["id"])
        for each in markets.values()
        if _of_kind(each, spot=spot) and each.get("active") is not False and each.get("base") in bases
    } - set(wanted)


def _of_kind(market: Mapping[str, Any], *, spot: bool) -> bool:
    if spot:
        return market.get("spot") is True
    return market.get("swap") is True and market.get("linear") is True


def listed(
    venue: str,
    market: Mapping[str, Any],
    *,
    tick_sizes: bool,
    fees: tuple[Decimal | None, Decimal | None],
    tiers: tuple[MarginTier, ...] | None,
    reduce_only: bool,
) -> Listed:
    """`fees`: maker and taker, of this account; None = not known. Raises BadNumber."""
    name, spot = str(market["id"]), market.get("spot") is True
    contract = ONE if spot else wire_positive(market.get("contractSize"), f"{name} contract size")
    lot = _step(market["precision"].get("amount"), f"{name} lot", tick_sizes=tick_sizes)
    step = wire_step(lot * contract, f"{name} lot")
    least = market["limits"]["amount"].get("min")
    cost = market["limits"]["cost"].get("min")
    spec = Instrument(
        id=f"{name}.{venue}",
        venue=venue,
        symbol=name,
        kind=InstrumentKind.SPOT if spot else InstrumentKind.PERP,
        underlying=str(market["base"]),
        quote=str(market["quote"]),
        settle=str(market["quote"] if spot else market["settle"]),
        price_increment=_step(market["precision"].get("price"), f"{name} tick", tick_sizes=tick_sizes),
        size_increment=step,
        min_size=step if least is None else max(step, wire_count(least, f"{name} least size") * contract),
        max_size=UNSET if spot else _largest(market, name, contract, step),
        min_notional=Decimal(0) if cost is None else wire_count(cost, f"{name} least notional"),
        maker_fee=fees[0],
        taker_fee=fees[1],
        tiers=tiers,
        delisting_ts=_end(market, name),
        reduce_only_supported=reduce_only and not spot,
    )
    return Listed(
        symbol=str(market["symbol"]),
        id=name,
        contract=contract,
        spec=spec,
        cap=_cap(market.get("info"), name),
        closed=market.get("active") is False,
    )


def _largest(market: Mapping[str, Any], name: str, contract: Decimal, step: Decimal) -> Decimal | UnsetType:
    """The most that one order may be, of either type, in base units: a market order's bound stands in the
    venue's own row (OKX, Bybit). Raises BadNumber."""
    info = market.get("info")
    rows = [info, info.get("lotSizeFilter")] if isinstance(info, Mapping) else []
    told = [row.get(field) for row in rows if isinstance(row, Mapping) for field in MOST]
    told.append(market["limits"]["amount"].get("max"))
    bounds = [wire_positive(each, f"{name} largest size") for each in told if each not in (None, "", 0, "0")]
    return floor_to(min(bounds) * contract, step) or UNSET if bounds else UNSET


def _end(market: Mapping[str, Any], name: str) -> int | None:
    """A perpetual has an end only when it is to be taken off the list. The library tells that of none: it
    stands in the venue's own row (Bybit, OKX). Raises BadNumber."""
    info = market.get("info")
    told = [info.get(field) for field in ENDS] if isinstance(info, Mapping) else []
    for end in (market.get("expiry"), *told):
        if end not in (None, "", 0, "0"):
            return wire_ms(end, f"{name} end") * MS
    return None


def _cap(info: object, name: str) -> Decimal | None:
    """Told with the contract by some (Bybit); of the others the desk's own bound holds."""
    told = info.get("upperFundingRate") if isinstance(info, Mapping) else None
    return None if told in (None, "") else wire_positive(told, f"{name} funding cap")


def _step(value: object, field: str, *, tick_sizes: bool) -> Decimal:
    number = wire_positive(value, field) if tick_sizes else wire_count(value, field)
    return wire_step(number if tick_sizes else ONE.scaleb(-int(number)), field)


def fee_pair(row: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """Maker, taker; a rebate is below zero. Raises BadNumber for anything of ten percent or more."""
    found = wire_decimal(row.get("maker"), "maker fee"), wire_decimal(row.get("taker"), "taker fee")
    if any(abs(each) >= Decimal("0.1") for each in found):
        raise BadNumber(f"fees {found[0]}, {found[1]} are out of range")
    return found


def tiers_of(rows: list[Mapping[str, Any]], unit: Decimal) -> tuple[MarginTier, ...]:
    """`unit`: USD of one unit of the rows' bounds (1, or what a contract is worth). Nothing is taken off for
    lower brackets: the whole notional bears its bracket's ratio, never less than any venue asks.

    Raises BadNumber.
    """
    found: list[MarginTier] = []
    for n, row in enumerate(rows):
        cap = None
        if n < len(rows) - 1:
            cap = wire_positive(row.get("maxNotional"), "tier bound") * unit
        leverage = wire_positive(row.get("maxLeverage"), "tier leverage")
        maintenance = wire_positive(row.get("maintenanceMarginRate"), "tier maintenance")
        initial = ONE / leverage
        if initial > 1 or maintenance > initial:
            raise BadNumber(f"tier {n}: initial {initial:.6f}, maintenance {maintenance}")
        if found and cap is not None and found[-1].cap is not None and cap <= found[-1].cap:
            raise BadNumber(f"tier {n}: bounds out of order")
        found.append(MarginTier(cap, initial, maintenance))
    if not found:
        raise BadNumber("no tier at all")
    return tuple(found)
