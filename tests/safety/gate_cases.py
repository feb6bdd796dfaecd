"""Questions to the gate, each with a world: some allowed, and for every check one that it alone denies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from services.domain.enums import Purpose, Side, TradingState
from services.domain.orders import OrderRequest
from services.risk.context import AccountFacts, GateAnswer, GateContext, Stage, Usage
from services.risk.gate import check_hedge, check_order, check_pair
from services.settings.parameters import Gate, Settings
from tests.risk import builders
from tests.risk.builders import FINE, D, account, market, order, position, resting, world

NAMES = ("BTC-USDT-PERP.alpha", "BTC-USDT-PERP.beta", "ETH-USDT-PERP.alpha", "USDC-PERP.alpha")
WORLD = {name: spec for name, spec in world().items() if name in NAMES}
BTC, BTC_B, ETH, USDC = NAMES
NO_INPUTS = frozenset({"settings", "now", "disabled", "halts_venue", "owners", "state_text", "instruments"})
"""No facts from outside: limits, and lists whose *rows* are the denial. Instruments are walked apart."""


def context(*accounts: Any, **changes: Any) -> GateContext:
    """The risk tests' world with four instruments."""
    return builders.context(*accounts, instruments=WORLD, **changes)


@dataclass(frozen=True)
class Case:
    name: str
    ctx: GateContext
    ask: Callable[[GateContext], GateAnswer]
    denied_by: tuple[str, ...] = ()
    """Names of the checks that deny it; empty = allowed."""

    def allows(self, ctx: GateContext) -> Decimal:
        """The quantity that may go out."""
        answer = self.ask(ctx)
        return answer.quantity if answer.allowed else D(0)


def _single(request: OrderRequest) -> Callable[[GateContext], GateAnswer]:
    return lambda ctx: check_order(ctx, request)


def _hedge(request: OrderRequest) -> Callable[[GateContext], GateAnswer]:
    return lambda ctx: check_hedge(ctx, request)


def _pair(quantity: str, price: str | None = None) -> Callable[[GateContext], GateAnswer]:
    legs = (
        order(BTC, Side.SELL, quantity, price, pair="P-01", leg=1),
        order(BTC_B, Side.BUY, quantity, price, client_order_id="c2", pair="P-01", leg=2),
    )
    return lambda ctx: check_pair(ctx, legs)


def _loose(**changes: Any) -> Settings:
    """No limit but the ones named."""
    wide = {
        "portfolio_leverage": D(1_000),
        "max_coin_exposure": D(1_000),
        "min_joint_distance": D(0),
        "max_order_notional": D(10**9),
        "max_initial_usage": D(1_000),
        "max_margin_usage": D(1_000),
        "limits": {},
        "default_limit": msgspec.structs.replace(
            Gate().default_limit, max_position=D(10**9), max_leverage=D(1_000)
        ),
        "min_equity": D(0),
    }
    gate = msgspec.structs.replace(Gate(), **{**wide, **changes})
    ladder = msgspec.structs.replace(Settings().ladder, no_new_risk=D(1_000))
    return Settings(gate=gate, ladder=ladder)


def cases() -> list[Case]:
    held = context(
        account("alpha", position(WORLD[BTC], "0.5"), leverage_settings={BTC: D(4)}, marks={BTC: D(20_000)}),
        account("beta"),
    )
    plain = context()
    buy = order(BTC, Side.BUY, "0.1")
    out = order(BTC, Side.SELL, "0.5", purpose=Purpose.EXIT)
    ticket = order(BTC, Side.SELL, "0.2", purpose=Purpose.TICKET, origin="operator")
    blocked = {"USDT": "block", "USDC": "ok", "BUSD": "ok"}
    found = [
        Case("buy", plain, _single(buy)),
        Case("add", held, _single(buy)),
        Case("pair", plain, _pair("0.2")),
        Case("exit", held, _single(out)),
        Case("cut", held, _single(order(BTC, Side.SELL, "2", purpose=Purpose.UNWIND))),
        Case("ticket", held, _single(ticket)),
        Case("stop", replace(held, trading_state=TradingState.HALTED),
             _single(order(BTC, Side.SELL, "0.5", purpose=Purpose.STOP, origin="desk"))),
    ]  # fmt: skip
    reserved = replace(
        context(account("alpha", position(WORLD[BTC], "-0.2")), account("beta")),
        working=(resting(BTC_B, Side.BUY, "0.2", stage=Stage.RESERVED, pair="P-01"),),
    )
    hedge = order(BTC_B, Side.BUY, "0.2", "20002", purpose=Purpose.HEDGE, pair="P-01", leg=2)
    found += [
        Case("hedge", reserved, _hedge(hedge)),
        Case("hedge halted", replace(reserved, trading_state=TradingState.HALTED), _hedge(hedge),
             ("trading state",)),
        Case("hedge far", reserved, _hedge(msgspec.structs.replace(hedge, price=D(20_200))), ("outer band",)),
        Case("hedge more", reserved, _hedge(msgspec.structs.replace(hedge, quantity=D(9))),
             ("order notional", "position notional", "coin exposure", "symbol leverage", "portfolio leverage",
              "initial usage", "margin usage", "liquidation distance")),
    ]  # fmt: skip
    facts = {name: market(spec) for name, spec in WORLD.items()}

    def markets(name: str = BTC, **changes: Any) -> dict[str, Any]:
        return {**facts, name: msgspec.structs.replace(facts[name], **changes)}

    def link(**changes: Any) -> dict[str, AccountFacts]:
        return {"alpha": msgspec.structs.replace(FINE, **changes), "beta": FINE}

    big = position(WORLD[BTC], "2.4")
    denials: list[tuple[str, GateContext, OrderRequest, tuple[str, ...]]] = [
        ("reducing", replace(plain, trading_state=TradingState.REDUCING), buy, ("trading state",)),
        ("halted", replace(plain, trading_state=TradingState.HALTED), buy, ("trading state",)),
        ("quote stale", replace(plain, markets=markets(quote_fresh=False)), buy, ("data fresh",)),
        ("balances stale", replace(plain, account_facts=link(balances_fresh=False)), buy, ("data fresh",)),
        ("not connected", replace(plain, account_facts=link(connected=False)), buy, ("data fresh",)),
        ("not settled", replace(plain, account_facts=link(settled=False)), buy, ("data fresh",)),
        ("clock", replace(plain, account_facts=link(clock_offset_ms=1_000)), buy, ("data fresh",)),
        ("clock back", replace(plain, account_facts=link(clock_offset_ms=-1_000)), buy, ("data fresh",)),
        ("close only", replace(plain, markets=markets(close_only=True)), buy, ("instrument",)),
        ("collar", plain, order(BTC, Side.BUY, "0.1", "20400"), ("price collar",)),
        ("depeg", replace(plain, depeg_levels=blocked), buy, ("depeg",)),
        ("rate", replace(plain, usage=Usage(last_second=5)), buy, ("order rate",)),
        ("minute", replace(plain, usage=Usage(last_minute=120)), buy, ("order rate",)),
        ("repeats", replace(plain, usage=Usage(repeats=5)), buy, ("repeat throttle",)),
        ("self-trade", replace(plain, working=(resting(BTC, Side.SELL, "0.1", "19990", origin="operator"),)),
         buy, ("self-trade",)),
        ("conflict", replace(plain, working=(resting(BTC, Side.SELL, "0.1", "21000", origin="strategy:x"),)),
         buy, ("strategy conflict",)),
        ("slots", replace(plain, working=tuple(
            resting(BTC, Side.BUY, "0.001", "19000", client_order_id=f"w{n}") for n in range(10))), buy,
         ("open orders",)),
        ("order notional", replace(plain, settings=_loose(max_order_notional=D(1_000))), buy,
         ("order notional",)),
        ("position notional", context(account("alpha", big), account("beta"), settings=_loose(
            default_limit=msgspec.structs.replace(Gate().default_limit, max_position=D(50_000),
                                                  max_leverage=D(1_000)))),
         order(BTC, Side.BUY, "0.15"), ("position notional",)),
        ("symbol leverage", context(account("alpha", big), account("beta"), settings=_loose(
            default_limit=msgspec.structs.replace(Gate().default_limit, max_position=D(10**9),
                                                  max_leverage=D("0.5")))), buy, ("symbol leverage",)),
        ("leverage setting", context(account("alpha", big, leverage_settings={BTC: D(20)}), account("beta"),
                                     settings=_loose(default_limit=msgspec.structs.replace(
                                         Gate().default_limit, max_position=D(10**9)))), buy,
         ("symbol leverage",)),
        ("leverage", context(account("alpha", big), account("beta"),
                             settings=_loose(portfolio_leverage=D("0.5"))), buy, ("portfolio leverage",)),
        ("initial usage", context(account("alpha", big), account("beta"),
                                  settings=_loose(max_initial_usage=D("0.05"))), buy, ("initial usage",)),
        ("margin usage", context(account("alpha", big), account("beta"),
                                 settings=_loose(max_margin_usage=D("0.02"))), buy, ("margin usage",)),
        ("distance", context(account("alpha", big), account("beta"),
                             settings=_loose(min_joint_distance=D("0.99"))), buy, ("liquidation distance",)),
        ("coin exposure", context(account("alpha", big), account("beta"),
                                  settings=_loose(max_coin_exposure=D("0.3"))), buy, ("coin exposure",)),
        ("minimum equity", replace(plain, settings=_loose(min_equity=D(60_000))), buy, ("minimum equity",)),
        ("working counts", replace(context(settings=_loose(portfolio_leverage=D("0.5"))), working=(
            resting(ETH, Side.BUY, "30", "1480"),)), buy, ("portfolio leverage",)),
        ("exit halted", replace(held, trading_state=TradingState.HALTED),
         out, ("trading state",)),
        ("exit off its collar", held, order(BTC, Side.SELL, "0.5", "19500", purpose=Purpose.EXIT),
         ("outer band",)),
        ("nothing to reduce", plain, out,
         ("provably reducing",)),
        ("all on its way",
         replace(held, working=(resting(BTC, Side.SELL, "0.5", "20400", reduce_only=True),)),
         out, ("provably reducing",)),
        ("wrong side", held, order(BTC, Side.BUY, "0.5", purpose=Purpose.FLATTEN), ("provably reducing",)),
        ("dust", context(account("alpha", position(WORLD[BTC], "0.0004")), account("beta")),
         order(BTC, Side.SELL, "0.001", purpose=Purpose.FLATTEN), ("provably reducing",)),
    ]  # fmt: skip
    found += [Case(name, ctx, _single(request), by) for name, ctx, request, by in denials]
    found += [
        Case("pair halted", replace(plain, trading_state=TradingState.HALTED), _pair("0.2"),
             ("trading state",)),
        Case("pair stale far leg", replace(plain, markets=markets(BTC_B, mark_fresh=False)), _pair("0.2"),
             ("data fresh", "price collar", "order notional", "minimum notional", "symbol leverage",
              "portfolio leverage", "initial usage", "margin usage", "liquidation distance",
              "position notional", "coin exposure", "minimum equity")),
        Case("pair too large", plain, _pair("5"), ("position notional", "symbol leverage", "coin exposure")),
        Case("pegged collar", plain, _single(order(USDC, Side.BUY, "1000", "1.005")), ("price collar",)),
    ]  # fmt: skip
    return found + spot_cases()


def spot_cases() -> list[Case]:
    """A pair that changes hands once: both legs as one unit, its inventory, and what takes a leg back."""
    names = ("USDC/USD.alpha", "USDC/USD.beta")
    there = {name: spec for name, spec in world().items() if name in names}
    poor = account("beta", balances={"USD": D(3_000), "USDC": D(15_000)})
    plain = builders.context(account("alpha"), poor, instruments=there)
    one_leg = replace(plain, alone={("P-01", names[0]): D(-500), ("P-01", names[1]): D(0)})

    def pair(quantity: str) -> Callable[[GateContext], GateAnswer]:
        legs = (
            order(names[0], Side.SELL, quantity, "1.002", pair="P-01", leg=1),
            order(names[1], Side.BUY, quantity, "1", client_order_id="c2", pair="P-01", leg=2),
        )
        return lambda ctx: check_pair(ctx, legs)

    back = order(names[0], Side.BUY, "2000", "1.003", purpose=Purpose.UNWIND, origin="desk", pair="P-01")
    return [
        Case("spot pair", plain, pair("2900")),
        Case("spot pair beyond what is there", plain, pair("2999"), ("inventory",)),
        Case("taking back", replace(one_leg, trading_state=TradingState.HALTED), _single(back)),
        Case("nothing alone", plain, _single(back), ("provably reducing",)),
    ]
