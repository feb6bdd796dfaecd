"""Plain text of `report` and `health`, from their documented JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.plain import UNKNOWN, age, clock, figure, percent, table, word

Row = Mapping[str, Any]

PARTS = (
    ("price", "price, at the decision's mid", 1),
    ("funding", "funding", 1),
    ("currency", "currency revaluation", 1),
    ("adjustments", "other venue adjustments", 1),
    ("fees", "fees", -1),
    ("slippage", "slippage", -1),
    ("interest", "interest", -1),
    ("conversion", "conversion", -1),
    ("liquidation", "liquidation", -1),
)
"""(key, in words, sign in the sum)."""

METRICS = (
    ("total_trades", "trades"),
    ("win_rate", "won"),
    ("total_pnl", "PnL"),
    ("avg_win", "avg win"),
    ("avg_loss", "avg loss"),
    ("profit_factor", "factor"),
    ("expectancy", "expectancy"),
    ("time_in_market", "in market"),
    ("turnover", "turnover"),
    ("fees", "fees"),
    ("funding", "funding"),
    ("slippage", "slippage"),
)
COUNTED = (
    "Turnover and slippage are of every fill of the period, in market also of what is open; all other "
    "figures are of closed trades."
)


def report(answer: Row) -> str:
    risk = answer["risk"]
    lines = [
        f"{word(answer['stamp'])} · profile {word(answer['profile'])} · {clock(answer['since'])} to "
        f"{clock(answer['until'])} UTC ({word(answer['period'])})",
        "",
        f"return {share(risk['total_return'], sign=True)} · drawdown {depth(risk['max_drawdown'])}, "
        f"now {depth(risk['drawdown_now'])} · Sharpe {ratio(risk['sharpe'])}{interval(risk)} · "
        f"Sortino {ratio(risk['sortino'])} · Calmar {ratio(risk['calmar'])} · {risk['days']} daily returns",
    ]
    fall = answer["waterfall"]
    if fall is not None:
        lines += ["", "Where equity went, USD"]
        rows = [["equity before", figure(fall["equity_start"], 2)], ["transfers", money(fall["transfers"])]]
        rows += [[said, money(fall[key], negate=sign < 0)] for key, said, sign in PARTS]
        rows += [["equity after", figure(fall["equity_end"], 2)], ["result", money(fall["result"])]]
        lines.append(table(("<", ""), rows, ""))
    for title, rows_of in (
        ("Trades", [answer["total"]]),
        ("By strategy", answer["by_strategy"]),
        ("By symbol", answer["by_symbol"]),
    ):
        shown = [[word(row["name"]), *(cell(key, row) for key, _ in METRICS)] for row in rows_of]
        lines += ["", table((f"<{title}", *(head for _, head in METRICS)), shown, f"{title}: none")]
    lines += ["", COUNTED] if answer["by_strategy"] or answer["by_symbol"] else []
    for title, heads, shown in (coins(answer), rates(answer)):
        lines += ["", table((f"<{title}", *heads), shown, "")] if shown else []
    lines += ["", *answer["notes"]] if answer["notes"] else []
    return "\n".join(lines)


def coins(answer: Row) -> tuple[str, tuple[str, ...], list[list[str]]]:
    """What the accounts held, coin by coin, at both ends of the period; a title, its columns, the rows."""
    rows = [
        [
            f"{word(one['coin'])} {word(one['account'])}",
            figure(one["start"], 2),
            figure(one["end"], 2),
            figure(one["index_start"], 4),
            figure(one["index_end"], 4),
        ]
        for one in answer["coins"]
    ]
    return "Coins held, with open profit", ("before", "after", "$ before", "$ after"), rows


def rates(answer: Row) -> tuple[str, tuple[str, ...], list[list[str]]]:
    """What funding each instrument settled in the period."""
    rows = [
        [
            word(one["instrument"]),
            str(one["settlements"]),
            *(_bps(one[key]) for key in ("mean", "least", "most")),
        ]
        for one in answer["rates"]
    ]
    return "Funding settled, bps per 8 h", ("times", "mean", "least", "most"), rows


def _bps(value: object) -> str:
    return figure(str(value), 2, sign=True)


def cell(key: str, row: Row) -> str:
    """One metric of a row as text."""
    value = row[key]
    if key == "profit_factor":
        return "∞" if value is None and row["total_trades"] and row["avg_loss"] is None else ratio(value)
    if key in ("win_rate", "time_in_market"):
        return share(value)
    if key == "total_trades":
        return str(value)
    return figure(value, 0 if key == "turnover" else 2, sign=key in ("total_pnl", "funding", "expectancy"))


def health(answer: Row) -> str:
    process, store = answer["process"], answer["store"]
    rows = [
        [
            word(venue["name"]),
            "connected" if venue["connected"] else "DOWN",
            age(venue["data_age_ms"]),
            figure(venue["latency_ms_p50"], 0),
            figure(venue["latency_ms_p95"], 0),
            figure(venue["clock_offset_ms"], 0, sign=True),
            share(venue["budget_free"]),
            word(venue["dead_man"]),
            share(venue["error_rate"]),
            age(venue["read_age_ms"]),
            word(venue["reconnects"]),
        ]
        for venue in answer["venues"]
    ]
    heads = (
        *("<venue", "<link", "data age", "p50 ms", "p95 ms", "clock ms", "budget free", "<dead man"),
        *("errors", "read", "reconnects"),
    )
    lines = [table(heads, rows, "no venues"), ""]
    lines.append(
        f"process  CPU {share(process['cpu'])} · machine CPU {share(process['machine_cpu'])} · memory "
        f"{share(process['machine_memory'])} used, ours {real(process['memory_mb'], 0)} MB · loop lag "
        f"{real(process['loop_lag_ms'], 0)} ms, worst {real(process['loop_lag_worst_ms'], 0)} ms · "
        f"files {word(process['files'])}"
    )
    lines.append(
        f"store    {'ok' if store['ok'] else 'TROUBLE'} · {word(store['waiting'])} rows wait, oldest "
        f"{real(store['oldest_s'], 1)} s · {real(store['size_mb'], 1)} MB · disk {share(store['disk'])} "
        f"used · backup {clock(store['backup_ts']) if store['backup_ts'] else 'none'}"
    )
    said = [f"{one['name']} {one['state']}" for one in answer["channels"]]
    lines.append(f"channels {', '.join(said) if said else 'none set up'}")
    lines.append("")
    found = [f"! {one['subject']}: {one['text']} → {one['do']}" for one in answer["findings"]]
    lines += found or ["nothing found"]
    return "\n".join(lines)


def real(value: object, places: int) -> str:
    """A float of the JSON, which `figure` takes for no exact number."""
    return UNKNOWN if value is None else figure(str(value), places)


def interval(risk: Row) -> str:
    if risk["sharpe_low"] is None:
        return ""
    return f" ({ratio(risk['sharpe_low'])} to {ratio(risk['sharpe_high'])})"


def ratio(value: object) -> str:
    return UNKNOWN if value is None else figure(str(value), 2)


def share(value: object, *, sign: bool = False) -> str:
    return UNKNOWN if value is None else percent(str(value), 2 if sign else 1, sign=sign)


def depth(value: object) -> str:
    """A drawdown, to the basis point: a hedged desk's is rarely more than a few."""
    return UNKNOWN if value is None else percent(str(value), 2)


def money(value: object, *, negate: bool = False) -> str:
    """Signed, two places; a cost as what it took."""
    text = str(value)
    if negate:
        text = text.removeprefix("-") if text.startswith("-") else f"-{text}"
    return UNKNOWN if value is None else figure(text, 2, sign=True)
