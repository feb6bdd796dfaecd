"""Views of the screens Performance and Health: a quiet month, and a machine with little to complain of."""

from __future__ import annotations

import math
from decimal import Decimal

from msgspec.structs import replace

from services.portfolio import performance
from services.views.health import (
    Finding,
    HealthView,
    ProcessHealth,
    StoreHealthView,
    VenueHealth,
)
from services.views.performance import CurvePoint, MetricsView, ShownView, WaterfallView

NOW = 1_678_543_357 * 10**9
HOUR = 3_600 * 10**9


def _curve() -> tuple[CurvePoint, ...]:
    points, peak = [], 0.0
    for hour in range(24 * 40):
        grown = 99_200 + 0.62 * hour + 120 * math.sin(hour / 61) - (190 if 500 < hour < 560 else 0)
        unit = grown / 99_200
        peak = max(peak, unit)
        ts = NOW - (24 * 40 - hour) * HOUR
        points.append(CurvePoint(ts=ts, equity=grown, unit=unit, drawdown=1 - unit / peak))
    return tuple(points)


def _metrics(name: str, trades: int, won: float, pnl: str, factor: float | None) -> MetricsView:
    return MetricsView(
        name=name,
        total_trades=trades,
        win_rate=won,
        total_pnl=Decimal(pnl),
        avg_win=Decimal("96.40"),
        avg_loss=None if factor is None else Decimal("-22.18"),
        profit_factor=factor,
        expectancy=Decimal(pnl) / trades,
        time_in_market=0.412,
        turnover=Decimal("482911.20"),
        fees=Decimal("241.46"),
        funding=Decimal("871.02"),
        slippage=Decimal("48.31"),
    )


def quiet_results() -> ShownView:
    curve = _curve()
    parts = {
        "price": "-31.2204",
        "funding": "871.0215",
        "currency": "-44.8120",
        "fees": "241.4600",
        "slippage": "48.3100",
        "interest": "0",
        "conversion": "3.2000",
        "liquidation": "0",
        "adjustments": "0.4107",
    }
    made = {name: Decimal(value) for name, value in parts.items()}
    result = made["price"] + made["funding"] + made["currency"] + made["adjustments"]
    result -= made["fees"] + made["slippage"] + made["conversion"]
    start = Decimal("99210.4418")
    return ShownView(
        ts=NOW,
        profile="sim",
        stamp="SIM (SYNTHETIC, generous)",
        period="all",
        since=curve[0].ts,
        until=NOW,
        risk=replace(performance.risk(curve), total_return=0.0051),
        waterfall=WaterfallView(
            since=curve[0].ts,
            until=NOW,
            equity_start=start,
            equity_end=start + result,
            transfers=Decimal(0),
            result=result,
            difference=Decimal(0),
            unmeasured=2,
            **made,
        ),
        total=_metrics("all", 9, 0.778, "502.43", 4.35),
        by_strategy=(
            _metrics("funding_arb", 7, 0.857, "518.04", 6.1),
            _metrics("cross_exchange", 2, 0.5, "-15.61", 0.41),
        ),
        by_symbol=(
            _metrics("BTC-USDC-PERP", 5, 0.8, "371.90", 5.2),
            _metrics("ETH-USDT-PERP", 3, 1.0, "141.02", None),
            _metrics("USDT-PERP", 1, 0.0, "-10.49", 0.0),
        ),
        curve=curve,
        notes=(),
    )


def quiet_health() -> HealthView:
    alpha = VenueHealth(
        name="alpha",
        connected=True,
        data_age_ms=200,
        late_after_ms=10_000,
        latency_ms_p50=Decimal(24),
        latency_ms_p95=Decimal(41),
        clock_offset_ms=-12,
        budget_free=Decimal("0.82"),
        dead_man="armed",
        reconnects=0,
        error_rate=Decimal(0),
        read_age_ms=12_000,
        level="ok",
    )
    beta = replace(
        alpha,
        name="beta",
        data_age_ms=7_400,
        latency_ms_p50=Decimal(188),
        latency_ms_p95=Decimal(612),
        clock_offset_ms=261,
        budget_free=Decimal("0.07"),
        dead_man="late",
        reconnects=3,
        error_rate=Decimal("0.04"),
        level="late",
    )
    return HealthView(
        ts=NOW,
        ok=False,
        venues=(alpha, beta),
        process=ProcessHealth(
            pid=41_207,
            up_s=11_520,
            cpu=0.064,
            machine_cpu=0.31,
            memory_mb=148.2,
            machine_memory=0.88,
            loop_lag_ms=0.4,
            loop_lag_worst_ms=38.0,
            files=31,
            files_most=1_024,
            threads=4,
        ),
        store=StoreHealthView(
            ok=True,
            text="keeps up",
            waiting=12,
            waiting_most=5_000,
            oldest_s=0.05,
            gaps=0,
            size_mb=212.4,
            wal_mb=3.9,
            disk=0.61,
            backup_ts=NOW - 30 * HOUR,
        ),
        channels=(),
        findings=(
            Finding(subject="beta", severity="alarm", text="dead-man's switch late", do="see its alert"),
            Finding(
                subject="beta",
                severity="warning",
                text="latency p95 612 ms > 500 ms",
                do="look at the network",
            ),
            Finding(
                subject="machine", severity="warning", text="memory 88.0 % > 85 %", do="end other programs"
            ),
        ),
    )
