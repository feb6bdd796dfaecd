"""Views of known moments: a quiet day, a halt with a depeg, an empty start, stale, naked, in doubt, live.

Figures are those of the design's pictures, so that a screen can be laid beside them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from services.domain.enums import PairState, Severity, TradingState
from services.views.closing import summed
from services.views.desk import (
    AccountView,
    AlertView,
    BreakerView,
    CollateralView,
    DeniedView,
    DeskView,
    FlattenPlan,
    FlattenRow,
    FundingRowView,
    LimitView,
    NakedView,
    PairView,
    PositionView,
    RiskView,
    SettledOfPair,
    SpreadsView,
    StopView,
    StressView,
)
from services.views.strip import CauseView, StripView, VenueDot

S = 1_000_000_000
QUIET_TS = 1_678_543_357 * S
"""11 Mar 2023 14:02:37 UTC."""
HALT_TS = 1_678_545_082 * S
"""14:31:22 UTC the same day."""


def d(text: str) -> Decimal:
    return Decimal(text)


def maybe(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def position(
    symbol: str,
    venue: str,
    size: str,
    entry: str,
    mark: str,
    notional: str,
    upnl: str,
    funding: str,
    leverage: str,
    liq: str = "",
    away: str = "",
    pair: str | None = None,
    held_h: float = 31,
    age_ms: int | None = 200,
    level: str = "fresh",
    stop: StopView | None = None,
    grid: tuple[str, str] = ("0.001", "0.1"),
    strategy: str = "funding_arb",
    foreign: bool = False,
) -> PositionView:
    return PositionView(
        instrument=f"{symbol}.{venue}",
        symbol=symbol,
        venue=venue,
        side="short" if size.startswith("-") else "long",
        size=d(size),
        size_increment=d(grid[0]),
        price_increment=d(grid[1]),
        entry=d(entry),
        mark=maybe(mark),
        notional=maybe(notional),
        upnl=maybe(upnl),
        funding=d(funding),
        leverage=maybe(leverage),
        liquidation_price=maybe(liq),
        liquidation_away=maybe(away),
        single_leg_liquidation=None,
        stop=stop or StopView(kind="PAIR", local=d("0.015")),
        strategy=strategy,
        pair=pair,
        foreign=foreign,
        held_ns=int(held_h * 3600 * S),
        age_ms=age_ms,
        level=level,
    )


def pair(
    pair_id: str,
    kind: str,
    group: str,
    short: str,
    long: str,
    net: str,
    expected: str,
    realised: str,
    intervals: int,
    size: str,
    residual: str,
    residual_usd: str,
    **more: Any,
) -> PairView:
    fields: dict[str, Any] = {
        "id": pair_id,
        "kind": kind,
        "group": group,
        "state": PairState.HEDGED,
        "strategy": "funding_arb",
        "short": short,
        "long": long,
        "size": d(size),
        "target": d(size),
        "residual": d(residual),
        "residual_usd": d(residual_usd),
        "naked": NakedView(notional=d("0"), seconds=d("0")),
        "in_doubt": 0,
        "net_upnl": maybe(net),
        "funding_expected": maybe(expected),
        "funding_realised": d(realised),
        "intervals": intervals,
        "settled": tuple(
            SettledOfPair(QUIET_TS - (at * 8 * 3600 + 157) * S, d("7.90"), d(f"7.{90 - 11 * at}"))
            for at in range(min(intervals, 4))
        ),
        "costs": d("12.40"),
        "exposures": {"USDT": d("-41629"), "USDC": d("41638")},
        "opened_ts": QUIET_TS - 31 * 3600 * S,
        "reason": "spread 2.33 bps per 8 h over 2 settlements, edge 6.2× cost",
        "hedged_age_ms": 400,
    }
    return PairView(**(fields | more))


_PEG_STOP = StopView(kind="PAIR", local=d("0.008"))
_PEG_GRID = ("1", "0.0001")


def quiet_positions() -> tuple[PositionView, ...]:
    return (
        position(
            "BTC-USDT-PERP",
            "alpha",
            "-0.620",
            "67412.5",
            "67184.0",
            "41629",
            "141.58",
            "24.87",
            "2.30",
            "109742.0",
            "0.633",
            "P-07",
        ),
        position(
            "BTC-USDC-PERP",
            "beta",
            "0.620",
            "67398.0",
            "67171.5",
            "41638",
            "-140.40",
            "6.52",
            "1.54",
            pair="P-07",
            age_ms=400,
        ),
        position(
            "USDT-PERP",
            "alpha",
            "-45000",
            "0.9998",
            "0.9995",
            "44978",
            "13.50",
            "12.31",
            "2.30",
            "1.5855",
            "0.586",
            "P-09",
            19,
            stop=_PEG_STOP,
            grid=_PEG_GRID,
        ),
        position(
            "USDC-PERP",
            "beta",
            "44970",
            "0.9999",
            "0.9999",
            "44966",
            "0",
            "-1.06",
            "1.54",
            pair="P-09",
            held_h=19,
            age_ms=400,
            stop=_PEG_STOP,
            grid=_PEG_GRID,
        ),
        position(
            "ETH-USDC-PERP",
            "beta",
            "0.85",
            "3512.40",
            "3538.60",
            "3007",
            "22.27",
            "0.01",
            "1.54",
            held_h=0.87,
            age_ms=400,
            grid=("0.01", "0.01"),
            strategy="momentum",
            stop=StopView(kind="LOCAL", local=d("3505.79"), resting=d("3390.00")),
        ),
    )


def quiet_pairs() -> tuple[PairView, ...]:
    return (
        pair(
            "P-07",
            "hedge",
            "BTC",
            "BTC-USDT-PERP.alpha",
            "BTC-USDC-PERP.beta",
            "1.18",
            "32.36",
            "31.39",
            3,
            "0.620",
            "0.000",
            "0",
        ),
        pair(
            "P-09",
            "peg",
            "peg",
            "USDT-PERP.alpha",
            "USDC-PERP.beta",
            "13.50",
            "11.03",
            "11.25",
            2,
            "45000",
            "30",
            "12",
        ),
    )


SETTLED = (2.1, 2.6, 2.2, 1.9, 1.2, 0.7, 0.6, 0.9, 1.6, 2.4, 2.9, 2.6, 2.1, 1.9, 2.2, 2.3)


def funding_row(
    rank: int | None,
    group: str,
    short: str,
    long: str,
    rates: tuple[str, str],
    per: tuple[str, str],
    spread: str,
    figures: tuple[str, ...],
    settles_m: int,
    verdict: str,
    reason: str,
    stale: bool = False,
    held: str | None = None,
) -> FundingRowView:
    apr, gross, costs, edge, multiple, even = figures if figures else ("",) * 6
    turn = len(group) + int(spread.replace(".", "") or 0)
    settled = () if not spread else tuple(SETTLED[(i + turn) % 16] for i in range(16))
    return FundingRowView(
        rank=rank,
        group=group,
        short=short,
        long=long,
        short_rate=maybe(rates[0]),
        long_rate=maybe(rates[1]),
        short_interval_h=maybe(per[0]),
        long_interval_h=maybe(per[1]),
        spread=maybe(spread),
        apr=maybe(apr),
        gross=maybe(gross),
        costs=maybe(costs),
        net_edge=maybe(edge),
        edge_multiple=maybe(multiple),
        break_even_h=maybe(even),
        settles_ns=settles_m * 60 * S,
        settled=settled,
        sample=len(settled),
        spreads=SpreadsView(92, -3.4, 0.6, 1.85, 3.1, 9.2, 0.054) if settled else None,
        verdict=verdict,
        reason=reason,
        pair=held,
        stale=stale,
    )


def quiet_funding() -> tuple[FundingRowView, ...]:
    def perp(symbol: str, venue: str) -> str:
        return f"{symbol}-PERP.{venue}"

    a, b = "8", "1"
    return (
        funding_row(
            1,
            "BTC",
            perp("BTC-USDT", "alpha"),
            perp("BTC-USDC", "beta"),
            ("1.92", "-0.41"),
            (a, b),
            "2.33",
            ("0.255", "48.9", "6.8", "42.1", "6.2", "23.3"),
            57,
            "HOLD",
            "P-07 open · realised 97 %",
            held="P-07",
        ),
        funding_row(
            2,
            "ETH",
            perp("ETH-USDT", "alpha"),
            perp("ETH-USDC", "beta"),
            ("2.10", "-0.18"),
            (a, b),
            "2.28",
            ("0.250", "47.9", "7.4", "40.5", "5.5", "26.0"),
            57,
            "ENTER",
            "size $9,400 (depth, beta)",
        ),
        funding_row(
            3,
            "peg",
            perp("USDT", "alpha"),
            perp("USDC", "beta"),
            ("1.35", "0.12"),
            (a, a),
            "1.23",
            ("0.135", "25.8", "4.2", "21.6", "5.1", "27.3"),
            117,
            "HOLD",
            "P-09 open · realised 102 %",
            held="P-09",
        ),
        funding_row(
            4,
            "SOL",
            perp("SOL-USDT", "alpha"),
            perp("SOL-USDC", "beta"),
            ("1.74", "0.12"),
            (a, b),
            "1.62",
            ("0.177", "34.0", "13.1", "20.9", "1.6", "64.7"),
            57,
            "—",
            "edge 1.6× < 3× cost",
        ),
        funding_row(
            5,
            "XRP",
            perp("XRP-USDT", "alpha"),
            perp("XRP-USDC", "beta"),
            ("1.21", "0.33"),
            (a, b),
            "0.88",
            ("0.096", "18.5", "9.6", "8.9", "0.9", "87.3"),
            57,
            "—",
            "spread 0.88 < 1.00 bps",
        ),
        funding_row(
            6,
            "LTC",
            perp("LTC-USDT", "alpha"),
            perp("LTC-USDC", "beta"),
            ("0.74", "0.12"),
            (a, b),
            "0.62",
            ("0.068", "13.0", "11.2", "1.8", "0.2", "144.5"),
            57,
            "—",
            "spread 0.62 < 1.00 bps",
        ),
        funding_row(
            None,
            "peg",
            perp("USDC", "beta"),
            perp("BUSD", "beta"),
            ("0.12", "-1.06"),
            (a, a),
            "1.18",
            ("0.129", "24.8", "4.9", "19.9", "4.1", "33.2"),
            117,
            "BLOCK",
            "depeg: BUSD −32 bps",
        ),
        funding_row(
            None,
            "BTC",
            perp("BTC-USDT", "gamma"),
            perp("BTC-USDC", "beta"),
            ("2.48", "-0.41"),
            (a, b),
            "2.89",
            ("0.316", "60.7", "8.1", "52.6", "6.5", "22.4"),
            57,
            "STALE",
            "gamma 47 s > 5 s",
            stale=True,
        ),
        funding_row(
            None,
            "DOGE",
            perp("DOGE-USDT", "alpha"),
            perp("DOGE-USDT", "gamma"),
            ("2.02", ""),
            (a, ""),
            "",
            (),
            117,
            "BLOCK",
            "unknown interval on gamma",
        ),
    )


def limit(
    name: str, value: str, bound: str, unit: str, used: str, level: str = "OK", text: str = ""
) -> LimitView:
    return LimitView(
        name=name, value=maybe(value), limit=maybe(bound), unit=unit, used=maybe(used), level=level, text=text
    )


def quiet_limits() -> tuple[LimitView, ...]:
    return (
        limit("trading state", "", "", "state", "", "PASS", "ACTIVE"),
        limit("data fresh", "400", "5000", "ms", "0.08"),
        limit("portfolio leverage", "1.84", "5", "x", "0.37"),
        limit("margin usage, alpha", "0.230", "0.80", "fraction", "0.29"),
        limit("margin usage, beta", "0.154", "0.80", "fraction", "0.19"),
        limit("USDT-PERP position", "44978", "100000", "usd", "0.45"),
        limit("USDC-PERP position", "44966", "100000", "usd", "0.45"),
        limit("BUSD-PERP position", "0", "50000", "usd", "0"),
        limit("BTC leverage, alpha", "2.30", "10", "x", "0.23"),
        limit("USDT exposure", "28632", "60000", "usd", "0.48"),
        limit("USDC exposure", "36713", "60000", "usd", "0.61"),
        limit("BUSD exposure", "8872", "12000", "usd", "0.74"),
        limit("venue share, beta", "0.609", "0.85", "fraction", "0.72"),
        limit("open orders", "3", "40", "count", "0.08"),
        limit("order rate", "4", "60", "rate/min", "0.07"),
        limit("max order notional", "", "25000", "usd", "0"),
        limit("depeg guard, BUSD", "32", "100", "bps", "0.32"),
    )


def quiet_risk() -> RiskView:
    return RiskView(
        limits=quiet_limits(),
        collateral=(
            CollateralView(
                coin="USD",
                balance=d("22500"),
                weight=d("1"),
                index=d("1"),
                depeg_bps=None,
                sources=3,
                counts=d("22500"),
                exposure=d("0"),
                level="ok",
            ),
            CollateralView(
                coin="USDT",
                balance=d("32000"),
                weight=d("0.95"),
                index=d("0.9994"),
                depeg_bps=d("-6"),
                sources=3,
                counts=d("30382"),
                exposure=d("28632"),
                level="ok",
            ),
            CollateralView(
                coin="USDC",
                balance=d("36400"),
                weight=d("0.97"),
                index=d("0.9998"),
                depeg_bps=d("-2"),
                sources=3,
                counts=d("35301"),
                exposure=d("36713"),
                level="ok",
            ),
            CollateralView(
                coin="BUSD",
                balance=d("8900"),
                weight=d("0.85"),
                index=d("0.9968"),
                depeg_bps=d("-32"),
                sources=3,
                counts=d("7541"),
                exposure=d("8872"),
                level="warn",
            ),
        ),
        upnl=d("37"),
        total_collateral=d("95760"),
        accounts=(
            AccountView(
                venue="alpha",
                collateral=d("37668"),
                equity=d("39000"),
                leverage=d("2.30"),
                usage=d("0.230"),
                initial_usage=d("0.3"),
                joint_distance=d("0.304"),
                coin_distance=None,
                holds=True,
                stale=False,
            ),
            AccountView(
                venue="beta",
                collateral=d("58093"),
                equity=d("60000"),
                leverage=d("1.54"),
                usage=d("0.154"),
                initial_usage=d("0.2"),
                joint_distance=d("0.609"),
                coin_distance=None,
                holds=True,
                stale=False,
            ),
            AccountView(
                venue="gamma",
                collateral=d("0"),
                equity=d("0"),
                leverage=None,
                usage=None,
                initial_usage=None,
                joint_distance=None,
                coin_distance=None,
                holds=False,
                stale=True,
            ),
        ),
        breakers=(
            BreakerView(name="daily loss", now=d("0"), trips_at=d("0.05"), state="armed"),
            BreakerView(name="rolling 24 h", now=d("0"), trips_at=d("0.05"), state="armed"),
            BreakerView(name="drawdown", now=d("0.0018"), trips_at=d("0.10"), state="armed"),
        ),
        stress=(
            StressView(name="USDC −10 %", equity_change=d("-3659"), usage=d("0.231"), leverage=d("1.86")),
            StressView(name="USDT −10 %", equity_change=d("-2877"), usage=d("0.231"), leverage=d("1.85")),
            StressView(name="every perp +5 %", equity_change=d("151"), usage=d("0.249"), leverage=d("1.88")),
            StressView(
                name="worst: USDC −10 %, −5 %", equity_change=d("-3810"), usage=d("0.214"), leverage=d("1.82")
            ),
        ),
        denied_today=2,
        denied=(
            DeniedView(
                ts=QUIET_TS - 8429 * S, text="max order notional  31,200 > 25,000", origin="funding_arb"
            ),
            DeniedView(ts=QUIET_TS - 2506 * S, text="venue share, beta  86.2 > 85.0 %", origin="funding_arb"),
        ),
    )


def alert(
    key: str,
    severity: Severity,
    text: str,
    detail: str,
    state: str,
    age_s: int,
    count: int = 1,
    why: str = "",
    do: str = "",
    ts: int = QUIET_TS,
) -> AlertView:
    return AlertView(
        key=key,
        severity=severity,
        text=text,
        detail=detail,
        state=state,
        count=count,
        since=ts - age_s * S,
        ts=ts - age_s * S,
        acked_ts=ts - 26 * S if state == "ACK" else None,
        why=why,
        do=do,
    )


def quiet_alerts() -> tuple[AlertView, ...]:
    return (
        alert(
            "depeg:BUSD",
            Severity.WARNING,
            "BUSD depeg −32 bps",
            "warn level 30 bps · 3 sources agree",
            "OPEN",
            252,
            why="median of 3 sources at 0.9968 for 4 m 12 s; 8,900 BUSD counts $7,541 at weight 0.85",
            do="convert BUSD on beta, or acknowledge; blocks at 100 bps, reduces at 300",
        ),
        alert(
            "stale:gamma",
            Severity.WARNING,
            "gamma feed stale",
            "reconnecting, try 2 · nothing held there",
            "ACK",
            47,
            3,
        ),
        alert(
            "latency:beta",
            Severity.INFO,
            "beta latency p95 612 ms",
            "back to 180 ms after 2 m",
            "RESOLVED",
            2280,
        ),
        alert(
            "pair:P-08",
            Severity.INFO,
            "P-08 not opened",
            "edge 2.1× < 3× cost · cooldown over",
            "RESOLVED",
            7300,
        ),
        alert(
            "clock", Severity.WARNING, "clock offset 261 ms", "limit 250 ms · corrected", "RESOLVED", 14500
        ),
        alert(
            "resume",
            Severity.INFO,
            "resumed: morning check done",
            "by operator at 09:12:04",
            "RESOLVED",
            18100,
        ),
    )


def quiet_flatten() -> FlattenPlan:
    def one(symbol: str, venue: str, side: str, size: str, notional: str, cost: str, slip: str) -> FlattenRow:
        slippage = -d(notional) * d(slip) / 10_000
        return FlattenRow(
            instrument=f"{symbol}.{venue}",
            venue=venue,
            side=side,
            quantity=d(size),
            notional=d(notional),
            cost=d(cost),
            slippage_bps=d(slip),
            fee=d(cost) - slippage,
            slippage=slippage,
            funding_per_day=d("9.2"),
        )

    rows = (
        one("BTC-USDT-PERP", "alpha", "buy", "0.620", "41629", "-15.4", "0.4"),
        one("BTC-USDC-PERP", "beta", "sell", "0.620", "41638", "-16.2", "0.6"),
        one("USDT-PERP", "alpha", "buy", "45000", "44978", "-19.8", "1.1"),
        one("USDC-PERP", "beta", "sell", "44970", "44966", "-21.1", "1.4"),
        one("ETH-USDC-PERP", "beta", "sell", "0.85", "3007", "-1.3", "0.9"),
    )
    equity = d("99781.8")
    return FlattenPlan(
        rows=rows,
        working_orders=3,
        orders={"BTC-USDT-PERP.alpha": 1, "ETH-USDC-PERP.beta": 2},
        equity=equity,
        doubts=("gamma is 47 s old: nothing known there, it is read again first",),
        **summed(rows, equity),
    )


def quiet_desk(**more: Any) -> DeskView:
    fields: dict[str, Any] = {
        "ts": QUIET_TS,
        "positions": quiet_positions(),
        "pairs": quiet_pairs(),
        "total_notional": d("176217"),
        "total_upnl": d("36.95"),
        "total_funding": d("42.65"),
        "total_leverage": d("1.84"),
        "funding": quiet_funding(),
        "hold_h": d("168"),
        "risk": quiet_risk(),
        "alerts": quiet_alerts(),
        "flatten": quiet_flatten(),
        "strategies": (("funding_arb", "running", "2 pairs open"), ("momentum", "running", "1 position")),
    }
    return DeskView(**(fields | more))


def venue(
    name: str,
    age_ms: int | None,
    level: str = "fresh",
    holds: bool = True,
    text: str = "",
    connected: bool = True,
) -> VenueDot:
    return VenueDot(name=name, connected=connected, data_age_ms=age_ms, level=level, holds=holds, text=text)


def quiet_strip(**more: Any) -> StripView:
    fields: dict[str, Any] = {
        "ts": QUIET_TS,
        "profile": "sim",
        "mode": "sim",
        "badge": "SIM ×60",
        "stamp": "SYNTHETIC, generous",
        "trading_state": TradingState.ACTIVE,
        "causes": (),
        "checks_passing": 17,
        "checks_total": 17,
        "tightest": "BUSD exposure",
        "tightest_used": d("0.74"),
        "denied_today": 2,
        "naked_notional": d("0"),
        "naked_seconds": d("0"),
        "naked_bound": d("4788"),
        "naked_within_timeout": True,
        "worst_naked": d("1204"),
        "worst_naked_seconds": d("0.8"),
        "naked_text": "",
        "in_doubt": 0,
        "pairs_open": 2,
        "hedged_age_ms": 400,
        "residual": d("12"),
        "outright": d("3007"),
        "positions_open": 5,
        "liquidation_distance": d("0.304"),
        "liquidation_unknown": False,
        "worst_account": "alpha",
        "leverage": d("1.84"),
        "leverage_limit": d("5"),
        "margin_usage": d("0.230"),
        "margin_usage_limit": d("0.80"),
        "venues": (venue("alpha", 200), venue("beta", 400), venue("gamma", 47_000, "stale", holds=False)),
        "open_alarms": 0,
        "open_warnings": 1,
        "acknowledged": 1,
        "top_alert": "BUSD depeg −32 bps",
        "top_alert_since": QUIET_TS - 252 * S,
        "next_steps": (),
        "equity": d("99781.99"),
        "equity_approximate": False,
        "day_pnl": d("411.99"),
        "day_pnl_fraction": d("0.0041"),
    }
    return StripView(**(fields | more))


def halted_desk() -> DeskView:
    stale = {"level": "stale", "age_ms": 18_000}
    positions = (
        position(
            "BTC-USDT-PERP",
            "alpha",
            "-0.620",
            "67412.5",
            "67552.0",
            "42012",
            "-86.76",
            "24.87",
            "1.95",
            "111190.3",
            "0.646",
            "P-07",
            age_ms=300,
        ),
        position(
            "BTC-USDC-PERP",
            "beta",
            "0.620",
            "67398.0",
            "80210.0",
            "42012",
            "6710.62",
            "6.52",
            "1.56",
            pair="P-07",
            **stale,
        ),  # type: ignore[arg-type]
        position(
            "USDT-PERP",
            "alpha",
            "-30000",
            "0.9998",
            "1.0029",
            "30087",
            "-93.00",
            "12.31",
            "1.95",
            "1.9076",
            "0.902",
            "P-09",
            19,
            age_ms=300,
            stop=_PEG_STOP,
            grid=_PEG_GRID,
        ),
        position(
            "USDC-PERP",
            "beta",
            "44970",
            "0.9999",
            "0.8443",
            "37968",
            "-6997.33",
            "-1.06",
            "1.56",
            pair="P-09",
            held_h=19,
            stop=_PEG_STOP,
            grid=_PEG_GRID,
            **stale,
        ),  # type: ignore[arg-type]
        position(
            "ETH-USDC-PERP",
            "beta",
            "0.85",
            "3512.40",
            "4213.40",
            "3026",
            "503.37",
            "0.01",
            "1.56",
            held_h=0.87,
            grid=("0.01", "0.01"),
            strategy="momentum",
            stop=StopView(kind="NONE"),
            **stale,
        ),  # type: ignore[arg-type]
    )
    pairs = (
        msgspec.structs.replace(quiet_pairs()[0], net_upnl=d("6623.86"), hedged_age_ms=18_000),
        msgspec.structs.replace(
            quiet_pairs()[1],
            state=PairState.IN_DOUBT,
            net_upnl=d("-7090.33"),
            residual_usd=d("12665"),
            naked=NakedView(notional=d("12665"), seconds=d("16.8")),
            in_doubt=1,
        ),
    )
    quiet = quiet_limits()
    over = {
        "trading state": limit("trading state", "", "", "state", "", "STOP", "HALTED"),
        "data fresh": limit("data fresh, beta", "18000", "5000", "ms", "3.6", "OVER"),
        "margin usage, beta": limit("margin usage, beta", "", "0.80", "fraction", "", "UNKNOWN"),
        "venue share, beta": limit("venue share, beta", "0.592", "0.85", "fraction", "", "UNKNOWN"),
        "depeg guard, BUSD": limit("depeg guard, USDC", "1552", "300", "bps", "5.17", "OVER"),
    }
    risk = quiet_risk()
    collateral = (
        risk.collateral[0],
        msgspec.structs.replace(
            risk.collateral[1], index=d("1.0031"), depeg_bps=d("31"), counts=d("30494"), level="warn"
        ),
        msgspec.structs.replace(
            risk.collateral[2], index=d("0.8448"), depeg_bps=d("-1552"), counts=d("29828"), level="reduce"
        ),
        msgspec.structs.replace(risk.collateral[3], index=d("0.9959"), depeg_bps=d("-41"), counts=d("7534")),
    )
    accounts = (
        msgspec.structs.replace(
            risk.accounts[0],
            collateral=d("37064"),
            leverage=d("1.95"),
            usage=d("0.195"),
            joint_distance=d("0.376"),
        ),
        msgspec.structs.replace(
            risk.accounts[1],
            collateral=d("53330"),
            leverage=d("1.56"),
            usage=d("0.156"),
            joint_distance=None,
            stale=True,
        ),
        msgspec.structs.replace(risk.accounts[2], stale=False),
    )
    breakers = (
        BreakerView(name="daily loss", now=d("0.0515"), trips_at=d("0.05"), state="TRIPPED"),
        BreakerView(name="rolling 24 h", now=d("0.0492"), trips_at=d("0.05"), state="WARN"),
        BreakerView(name="drawdown", now=d("0.0532"), trips_at=d("0.10"), state="WARN"),
    )
    alarm, warning = Severity.ALARM, Severity.WARNING
    alerts = (
        alert(
            "naked:P-09",
            alarm,
            "P-09 naked +$12,665 USDC",
            "16.8 s, bound 2.0 s · exit leg in doubt",
            "OPEN",
            17,
            ts=HALT_TS,
            why="exit on depeg: bought 15,000 USDT-PERP on alpha, the sell on beta timed out, not re-sent",
            do="wait for beta; or F flatten",
        ),
        alert(
            "doubt:1",
            alarm,
            "IN DOUBT d1-P09-L-2",
            "sell 15,000 USDC-PERP · asked 6 times, no answer",
            "OPEN",
            17,
            ts=HALT_TS,
        ),
        alert(
            "breaker:daily",
            alarm,
            "breaker: daily loss −5.15 %",
            "limit 5 % · latched 14:31:07, halted",
            "OPEN",
            15,
            ts=HALT_TS,
        ),
        alert(
            "depeg:USDC",
            alarm,
            "USDC depeg −1,552 bps",
            "reducing at 300 bps · 3 sources agree",
            "OPEN",
            20,
            ts=HALT_TS,
        ),
        alert(
            "stale:beta",
            warning,
            "beta feed stale",
            "C of beta unknown · reconnecting, try 4",
            "OPEN",
            18,
            4,
            ts=HALT_TS,
        ),
        alert(
            "stop:ETH",
            warning,
            "ETH-USDC-PERP stop unconfirmed",
            "resting stop not seen since 14:31:04",
            "OPEN",
            18,
            ts=HALT_TS,
        ),
        alert(
            "depeg:BUSD",
            warning,
            "BUSD depeg −41 bps",
            "warn level 30 bps · 3 sources agree",
            "ACK",
            1900,
            ts=HALT_TS,
        ),
    )
    funding = tuple(
        msgspec.structs.replace(
            r, rank=None, verdict="BLOCK", reason="halted, depeg: USDC −1,552 bps", stale="beta" in r.long
        )
        for r in quiet_funding()[:6]
    )
    return quiet_desk(
        ts=HALT_TS,
        positions=positions,
        pairs=pairs,
        total_notional=d("155105"),
        total_upnl=d("36.90"),
        total_leverage=d("1.72"),
        funding=funding,
        risk=msgspec.structs.replace(
            risk,
            limits=tuple(over.get(one.name, one) for one in quiet),
            collateral=collateral,
            accounts=accounts,
            breakers=breakers,
            total_collateral=d("90393"),
        ),
        alerts=alerts,
        flatten=msgspec.structs.replace(
            quiet_flatten(), doubts=("beta is 18 s old: its state is read first",)
        ),
    )


def cause(
    name: str,
    text: str,
    state: TradingState = TradingState.HALTED,
    latched: bool = True,
    scope: str = "all",
    age_s: int = 15,
) -> CauseView:
    return CauseView(
        name=name,
        scope=scope,
        severity=Severity.ALARM,
        state=state,
        latched=latched,
        since=HALT_TS - age_s * S,
        text=text,
    )


def halted_strip(**more: Any) -> StripView:
    fields: dict[str, Any] = {
        "ts": HALT_TS,
        "trading_state": TradingState.HALTED,
        "causes": (
            cause("breaker", "daily loss −5.15 % > 5 %"),
            cause("depeg", "USDC −1,552 bps, 3 sources", TradingState.REDUCING, scope="coin:USDC", age_s=20),
            cause("stale", "beta silent for 18 s", TradingState.REDUCING, False, "venue:beta", 18),
        ),
        "checks_passing": 13,
        "naked_notional": d("12665"),
        "naked_seconds": d("16.8"),
        "naked_within_timeout": False,
        "naked_text": "P-09 exit leg on beta: no answer",
        "in_doubt": 1,
        "hedged_age_ms": 18_000,
        "liquidation_distance": None,
        "liquidation_unknown": True,
        "leverage": d("1.72"),
        "margin_usage": d("0.19"),
        "venues": (
            venue("alpha", 300),
            venue("beta", 18_000, "stale", text="reconnecting, try 4"),
            venue("gamma", 2_100, "late", holds=False),
        ),
        "open_alarms": 4,
        "open_warnings": 2,
        "acknowledged": 1,
        "top_alert": "P-09 naked +$12,665 USDC",
        "top_alert_since": HALT_TS - 17 * S,
        "next_steps": ("wait for beta, or F flatten", "F flatten"),
        "equity": d("94250.33"),
        "equity_approximate": True,
        "day_pnl": d("-5119.67"),
        "day_pnl_fraction": d("-0.0515"),
    }
    return quiet_strip(**(fields | more))


def calm_strip(**more: Any) -> StripView:
    """Nothing to do: five green edges."""
    fields: dict[str, Any] = {
        "venues": (venue("alpha", 200), venue("beta", 400)),
        "open_warnings": 0,
        "acknowledged": 0,
        "top_alert": "",
        "top_alert_since": None,
    }
    return quiet_strip(**(fields | more))


def empty_desk() -> DeskView:
    """The first seconds: an engine, no position, nothing ranked."""
    risk = msgspec.structs.replace(
        quiet_risk(), limits=quiet_limits()[:3], stress=(), denied=(), denied_today=0
    )
    flatten = FlattenPlan(
        rows=(),
        fees=None,
        slippage=None,
        working_orders=0,
        equity_after=None,
        funding_per_day=None,
        doubts=(),
    )
    return quiet_desk(
        positions=(),
        pairs=(),
        funding=(),
        alerts=(),
        risk=risk,
        flatten=flatten,
        total_notional=d("0"),
        total_upnl=d("0"),
        total_funding=d("0"),
        total_leverage=d("0"),
    )


def empty_strip() -> StripView:
    return calm_strip(
        positions_open=0,
        pairs_open=0,
        liquidation_distance=None,
        leverage=d("0"),
        margin_usage=d("0"),
        worst_account="",
        day_pnl=d("0"),
        day_pnl_fraction=d("0"),
        outright=d("0"),
        residual=d("0"),
        worst_naked=d("0"),
        worst_naked_seconds=d("0"),
        denied_today=0,
        equity=d("100000"),
        hedged_age_ms=None,
    )


def live_strip() -> StripView:
    return quiet_strip(mode="live", badge="LIVE", stamp="", profile="live")


def naked_strip() -> StripView:
    """Inside the time-out: a warning, not an alarm."""
    return quiet_strip(
        naked_notional=d("-1204"),
        naked_seconds=d("0.8"),
        naked_within_timeout=True,
        naked_text="P-10 entry leg on beta: 1 of 2 filled",
    )


def doubt_strip() -> StripView:
    return quiet_strip(in_doubt=1)


STATES: dict[str, tuple[StripView | None, DeskView | None]] = {
    "quiet": (quiet_strip(), quiet_desk()),
    "halted": (halted_strip(), halted_desk()),
    "starting": (None, None),
    "empty": (empty_strip(), empty_desk()),
    "live": (live_strip(), quiet_desk()),
    "naked": (naked_strip(), quiet_desk()),
    "doubt": (doubt_strip(), quiet_desk()),
    "stale": (
        quiet_strip(
            liquidation_unknown=True,
            equity_approximate=True,
            venues=(venue("alpha", 200), venue("beta", 18_000, "stale")),
        ),
        halted_desk(),
    ),
}
