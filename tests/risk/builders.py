"""A small world for the risk tests: two accounts, the simulator's instruments, everything fresh and known."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from services.domain.enums import InstrumentKind, Purpose, Side, TradingState
from services.domain.instrument import Instrument, MarginTier
from services.domain.orders import OrderRequest
from services.portfolio.inputs import AccountInput, PositionInput
from services.risk.context import AccountFacts, GateContext, MarketFacts, OpenOrder, Stage
from services.settings.parameters import Settings

D = Decimal
SECOND = 1_000_000_000
NOW = 1_677_628_800 * SECOND
TIERS = (
    MarginTier(cap=D(250_000), initial=D("0.10"), maintenance=D("0.03")),
    MarginTier(cap=None, initial=D("0.10"), maintenance=D("0.05"), cum=D(5_000)),
)
PRICES = {"BTC": D("20000"), "ETH": D("1500"), "USDT": D("1"), "USDC": D("1"), "BUSD": D("1")}
INDEXES: dict[str, Decimal | None] = {"USD": D(1), "USDT": D(1), "USDC": D(1), "BUSD": D(1)}


def perp(symbol: str, venue: str, underlying: str, quote: str, **changes: Any) -> Instrument:
    stable = underlying in ("USDT", "USDC", "BUSD")
    tick, lot = (D("0.0001"), D(1)) if stable else (D("0.1"), D("0.001"))
    facts: dict[str, Any] = {
        "id": f"{symbol}.{venue}",
        "venue": venue,
        "symbol": symbol,
        "kind": InstrumentKind.PERP,
        "underlying": underlying,
        "quote": quote,
        "settle": quote,
        "price_increment": tick,
        "size_increment": lot,
        "min_size": lot,
        "maker_fee": D("0.0002"),
        "taker_fee": D("0.0005"),
        "tiers": TIERS,
        "funding_interval_h": D(8),
    }
    return Instrument(**{**facts, **changes})


def world(venues: tuple[str, ...] = ("alpha", "beta")) -> dict[str, Instrument]:
    found = {}
    for venue in venues:
        for underlying in ("BTC", "ETH"):
            for quote in ("USDT", "USDC"):
                spec = perp(f"{underlying}-{quote}-PERP", venue, underlying, quote)
                found[spec.id] = spec
        for coin in ("USDT", "USDC", "BUSD"):
            spec = perp(f"{coin}-PERP", venue, coin, "USD")
            found[spec.id] = spec
            spot = perp(
                f"{coin}/USD",
                venue,
                coin,
                "USD",
                kind=InstrumentKind.SPOT,
                tiers=None,
                reduce_only_supported=False,
            )
            found[spot.id] = spot
    return found


def position(spec: Instrument, size: str | Decimal, entry: Decimal | None = None) -> PositionInput:
    mark = PRICES[spec.underlying]
    return PositionInput(spec, D(size), entry if entry is not None else mark, mark, D(1), D(1))


def account(venue: str, *positions: PositionInput, **changes: Any) -> AccountInput:
    facts: dict[str, Any] = {
        "venue": venue,
        "balances": {"USD": D(12_500), "USDT": D(15_000), "USDC": D(15_000), "BUSD": D(7_500)},
        "weights_total": {"USD": D(1), "USDT": D("0.975"), "USDC": D("0.975"), "BUSD": D("0.9")},
        "weights_initial": {"USD": D(1), "USDT": D("0.95"), "USDC": D("0.95"), "BUSD": D("0.85")},
        "indexes": dict(INDEXES),
        "positions": positions,
        "marks": {},
    }
    return AccountInput(**{**facts, **changes})


def market(spec: Instrument, **changes: Any) -> MarketFacts:
    price, tick = PRICES[spec.underlying], spec.price_increment
    facts: dict[str, Any] = {
        "mark": price,
        "bid": price - tick,
        "ask": price + tick,
        "quote_usd": D(1),
        "settle_usd": D(1),
        "quote_fresh": True,
        "mark_fresh": True,
        "quote_age_ns": 0,
        "mark_age_ns": 0,
    }
    return MarketFacts(**{**facts, **changes})


FINE = AccountFacts(balances_fresh=True, balance_age_ns=0, connected=True, settled=True, clock_offset_ms=0)


def context(
    *accounts: AccountInput,
    working: tuple[OpenOrder, ...] = (),
    instruments: Mapping[str, Instrument] | None = None,
    **changes: Any,
) -> GateContext:
    instruments = instruments if instruments is not None else world()
    held = {a.venue: a for a in accounts} if accounts else {v: account(v) for v in ("alpha", "beta")}
    base = GateContext(
        now=NOW,
        settings=Settings(),
        instruments=instruments,
        accounts=held,
        account_facts=dict.fromkeys(held, FINE),
        markets={name: market(spec) for name, spec in instruments.items()},
        working=working,
        trading_state=TradingState.ACTIVE,
        depeg_levels={"USDT": "ok", "USDC": "ok", "BUSD": "ok"},
    )
    return replace(base, **changes)


def order(
    instrument: str = "BTC-USDT-PERP.alpha",
    side: Side = Side.BUY,
    quantity: str | Decimal = "0.1",
    price: str | Decimal | None = None,
    **changes: Any,
) -> OrderRequest:
    underlying = instrument.split("-", maxsplit=1)[0].split("/", maxsplit=1)[0]
    facts: dict[str, Any] = {
        "client_order_id": "c1",
        "instrument": instrument,
        "side": side,
        "quantity": D(quantity),
        "price": PRICES[underlying] if price is None else D(price),
        "purpose": Purpose.ENTRY,
        "origin": "strategy:funding_arb",
    }
    return OrderRequest(**{**facts, **changes})


def resting(
    instrument: str, side: Side, leaves: str | Decimal, price: str | Decimal | None = None, **changes: Any
) -> OpenOrder:
    underlying = instrument.split("-", maxsplit=1)[0].split("/", maxsplit=1)[0]
    facts: dict[str, Any] = {
        "client_order_id": f"w-{instrument}-{side}-{leaves}",
        "instrument": instrument,
        "side": side,
        "leaves": D(leaves),
        "price": PRICES[underlying] if price is None else D(price),
        "stage": Stage.WORKING,
        "origin": "strategy:funding_arb",
    }
    return OpenOrder(**{**facts, **changes})


def failed(answer: Any) -> list[str]:
    return [check.name for check in answer.failed]
