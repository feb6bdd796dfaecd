"""What the engine says to a pair that is typed, and to a resume."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from screens.link import Answer
from services.domain.enums import TradingState
from services.protocol.frames import to_json
from services.views.pair_ticket import ChangeView, CoinView, PairLegView, PairTicketView, StressPairView
from services.views.resume import ResumeCauseView, ResumeView
from services.views.ticket import BoundView
from tests.console.fixtures import HALT_TS, QUIET_TS, S, d

SHORT, LONG = "BTC-USDT-PERP.alpha", "BTC-USDC-PERP.beta"
TYPED = f"pair open {SHORT} {LONG} 20000"


def answered(view: Struct) -> Answer:
    return Answer(ok=True, text="", result=msgspec.json.decode(to_json(view)))


def leg(instrument: str, side: str, price: str, notional: str, rate: str, **more: Any) -> PairLegView:
    fields: dict[str, Any] = {
        "quantity": d("0.297"),
        "interval_h": d("8"),
        "settles_ns": 107 * 60 * S,
        "fee": d("19.94"),
        "slippage": d("1.62"),
        "size_increment": d("0.001"),
        "price_increment": d("0.1"),
    }
    return PairLegView(
        instrument=instrument,
        side=side,
        price=d(price),
        notional=d(notional),
        rate=d(rate),
        **(fields | more),
    )


def stress(name: str, now: str, then: str, usage_now: str, usage: str) -> StressPairView:
    return StressPairView(
        name=name,
        change_before=d(now),
        change_after=d(then),
        usage_before=d(usage_now),
        usage_after=d(usage),
        infinite_before=False,
        infinite_after=False,
    )


def change(name: str, before: str, after: str, limit: str, unit: str = "fraction") -> ChangeView:
    now = d(before) if before else None
    floor = "away" in name
    return ChangeView(name=name, unit=unit, before=now, after=d(after), limit=d(limit), floor=floor)


def pair_view(**more: Any) -> PairTicketView:
    """A pair that may go out: figures of one account, round and in step."""
    fields: dict[str, Any] = {
        "ts": QUIET_TS,
        "group": "BTC",
        "kind": "hedge",
        "short": leg(SHORT, "sell", "67184.0", "19954", "1.94"),
        "long": leg(LONG, "buy", "67190.5", "19956", "-0.31", interval_h=d("1"), slippage=d("2.18")),
        "asked": d("20000"),
        "notional": d("19956"),
        "spread": d("2.25"),
        "apr": d("0.2464"),
        "costs": d("43.68"),
        "costs_bps": d("21.89"),
        "fees": d("39.88"),
        "slippage": d("3.80"),
        "income": d("20.21"),
        "net": d("-43.43"),
        "hold_h": d("72"),
        "break_even_h": d("155.66"),
        "allowed": True,
        "refusals": (),
        "opinions": ("edge < 0.5× cost", "break-even > 48 h"),
        "bounds": (
            BoundView(name="risk budget at the stop", notional=d("22941"), used=d("0.87")),
            BoundView(name="coin exposure USDC all", notional=d("30450"), used=d("0.655")),
            BoundView(name="max pair fraction", notional=d("60625"), used=d("0.329")),
            BoundView(name="position notional BTC-USDT-PERP", notional=d("100000"), used=d("0.2")),
            BoundView(name=f"book of {LONG}", notional=d("149757"), used=d("0.133")),
            BoundView(name="portfolio leverage all", notional=d("241849"), used=d("0.083")),
        ),
        "loss_at_stop": d("1054"),
        "stop_bps": d("100"),
        "coins": (
            CoinView(coin="USDT", pair=d("19954"), before=d("12665"), after=d("32619"), limit=d("48498")),
            CoinView(coin="USDC", pair=d("-19956"), before=d("-8990"), after=d("-28946"), limit=d("48498")),
        ),
        "changes": (
            change("leverage, all accounts", "1.84", "2.25", "5", "x"),
            change("initial usage, alpha", "0.23", "0.27", "0.8"),
            change("margin usage, alpha", "0.115", "0.138", "0.5"),
            change("liquidation away, alpha", "0.41", "0.37", "0.15"),
            change("liquidation away, beta", "", "0.52", "0.15"),
        ),
        "stress": (
            stress("worst: USDT −10 %, perps +5 %", "-4266", "-6261", "0.171", "0.214"),
            stress("USDT −10 %", "-4266", "-6261", "0.162", "0.203"),
            stress("USDC −10 %", "-2101", "-105", "0.141", "0.139"),
            stress("USDT −3 %", "-1280", "-1878", "0.131", "0.157"),
            stress("every perp +5 %", "-2", "-3", "0.121", "0.145"),
            stress("funding flipped 24 h", "-46", "-53", "0.116", "0.139"),
            stress("USDC 2023-03 (0.8774)", "-2576", "-129", "0.146", "0.141"),
        ),
    }  # fmt: skip
    return PairTicketView(**(fields | more))


def denied_pair() -> PairTicketView:
    return pair_view(
        allowed=False,
        refusals=(
            "size: risk budget at the stop leaves 4,588 USD a leg, asked 19,956",
            "coin exposure USDC all 52 % of C against the limit of 50 %",
        ),
    )


def unknown_pair() -> PairTicketView:
    """Nothing fresh on one leg: no size, no cost, no books after."""
    gone = {"quantity": None, "fee": None, "slippage": None}
    short = msgspec.structs.replace(pair_view().short, price=None, notional=None, rate=None, **gone)
    return pair_view(
        short=short, allowed=False, refusals=("stale", "no book"), opinions=(), notional=None, spread=None,
        apr=None, costs=None, costs_bps=None, fees=None, slippage=None, income=None, net=None,
        break_even_h=None, bounds=(), loss_at_stop=None, coins=(), changes=(), stress=(),
    )  # fmt: skip


def cause(name: str, scope: str, text: str, does: str, rebase: str = "") -> ResumeCauseView:
    since = HALT_TS - 18 * S
    return ResumeCauseView(name=name, scope=scope, text=text, since=since, does=does, rebase=rebase)


def resume_view(*, named: bool = False, **more: Any) -> ResumeView:
    """A breaker that still holds, a halt by hand, and a venue that is not back."""
    breaker = "clears" if named else "holds"
    fields: dict[str, Any] = {
        "ts": HALT_TS,
        "trading_state": TradingState.HALTED,
        "causes": (
            cause("breaker daily", "all", "daily loss 5.2 % against 5 %", breaker, "daily"),
            cause("halt", "all", "halted by hand in the console", "clears"),
            cause("stale data", "venue:beta", "beta: quotes are 18 s old", "stays"),
        ),
        "errors": (),
        "after": TradingState.REDUCING,
    }  # fmt: skip
    return ResumeView(**(fields | more))
