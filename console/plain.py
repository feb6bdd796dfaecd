"""Plain text for people: tables and lines of the one-shot commands, from the documented JSON.

Everything is read tolerantly: an engine of another version may know more or fewer figures. Unknown is `—`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

UNKNOWN = "—"
Row = Mapping[str, Any]


def figure(value: object, places: int | None = None, *, sign: bool = False, grid: object = None) -> str:
    """A number of the JSON with thousands apart; `places` rounds half-even for the eye only. `grid`: with the
    digits of this increment, so that figures line up by the point. With neither all its digits, but no zeros
    that pad it."""
    number, step = _decimal(value), _decimal(grid)
    if step is not None:
        places = max(0, -int(step.normalize().as_tuple().exponent))
    if number is None:
        return UNKNOWN
    if places is not None:
        number = number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    if number == 0:
        number = abs(number)
    text = f"{number:+,f}" if sign else f"{number:,f}"
    if places is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def percent(value: object, places: int = 1, *, sign: bool = False) -> str:
    """A fraction as a percentage."""
    number = _decimal(value)
    return UNKNOWN if number is None else figure(number * 100, places, sign=sign) + " %"


def times(value: object) -> str:
    number = _decimal(value)
    return UNKNOWN if number is None else figure(number, 2) + "×"


def clock(value: object) -> str:
    """Nanoseconds UTC as a moment."""
    if not isinstance(value, int):
        return UNKNOWN
    return datetime.fromtimestamp(value / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")


def age(milliseconds: object) -> str:
    if not isinstance(milliseconds, int):
        return UNKNOWN
    return f"{milliseconds} ms" if milliseconds < 10_000 else f"{milliseconds // 1000} s"


def word(value: object) -> str:
    return UNKNOWN if value is None or value == "" else str(value)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], none: str) -> str:
    """Columns apart by two spaces, figures to the right; a head beginning with `<` stands left."""
    if not rows:
        return none
    left = [head.startswith("<") for head in heads]
    lines = [[head.removeprefix("<") for head in heads], *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if to_left else cell.rjust(width)
            for cell, width, to_left in zip(line, widths, left, strict=True)
        ).rstrip()
        for line in lines
    )


def positions(answer: Row) -> str:
    rows = [
        [
            word(row.get("instrument"))
            + (" (foreign)" if row.get("foreign") else " (dust)" if row.get("dust") else ""),
            word(row.get("side")),
            figure(row.get("size"), grid=row.get("size_increment")),
            figure(row.get("entry"), grid=row.get("price_increment")),
            figure(row.get("mark"), grid=row.get("price_increment")),
            figure(row.get("notional"), 2),
            figure(row.get("upnl"), 2, sign=True),
            figure(row.get("funding"), 2, sign=True),
            times(row.get("leverage")),
            figure(row.get("liquidation_price"), grid=row.get("price_increment")),
            word(_dict(row.get("stop")).get("kind")),
            word(row.get("strategy")),
            word(row.get("pair")),
            age(row.get("age_ms")),
        ]
        for row in rows_of(answer, "positions")
    ]
    heads = ("<instrument", "<side", "size", "entry", "mark", "notional", "upnl", "funding", "lev", "liq")
    none = "no open positions"
    if answer.get("unseen_ms") is not None:
        none += f" {age(answer['unseen_ms'])} ago: an account has not been read since; stableconsole health"
    return table((*heads, "<stop", "<strategy", "<pair", "age"), rows, none)


def orders(answer: Row) -> str:
    rows = [
        [
            word(row.get("client_order_id") or row.get("venue_order_id")),
            word(row.get("instrument")),
            word(row.get("side")),
            figure(row.get("quantity"), grid=row.get("size_increment")),
            figure(row.get("filled"), grid=row.get("size_increment")),
            figure(row.get("price"), grid=row.get("price_increment")),
            word(row.get("state")),
            word(row.get("purpose")),
            word("foreign" if row.get("foreign") else row.get("origin")),
            word(row.get("pair")),
            clock(row.get("ts")),
        ]
        for row in rows_of(answer, "orders")
    ]
    heads = ("<order", "<instrument", "<side", "quantity", "filled", "price", "<state", "<purpose", "<origin")
    return table((*heads, "<pair", "<since"), rows, "no working orders")


def alerts(answer: Row) -> str:
    rows = [
        [
            word(row.get("severity")),
            word(row.get("state")),
            clock(row.get("since")),
            figure(row.get("count")),
            word(row.get("key")),
            word(row.get("text")),
            word(row.get("do")),
        ]
        for row in rows_of(answer, "alerts")
    ]
    heads = ("<severity", "<state", "<since", "count", "<key", "<text", "<what to do")
    return table(heads, rows, "no alerts")


def pairs(answer: Row) -> str:
    rows = [
        [
            word(row.get("id")),
            word(row.get("state")),
            word(row.get("short")),
            word(row.get("long")),
            figure(row.get("size")),
            figure(row.get("target")),
            figure(row.get("residual")),
            figure(_dict(row.get("naked")).get("notional"), 2),
            figure(_dict(row.get("funding")).get("expected"), 2, sign=True),
            figure(_dict(row.get("funding")).get("realised"), 2, sign=True),
            figure(row.get("costs"), 2),
            word(row.get("reason")),
        ]
        for row in rows_of(answer, "pairs")
    ]
    heads = (
        "<pair",
        "<state",
        "<short",
        "<long",
        "size",
        "target",
        "residual",
        "naked",
        "expected",
        "realised",
    )
    return table((*heads, "costs", "<reason"), rows, "no pairs")


def status(answer: Row) -> str:
    """The five questions and what lies behind them."""
    naked = _dict(answer.get("naked"))
    lines = [
        (
            "profile",
            f"{word(answer.get('profile'))}  {word(answer.get('mode')).upper()}" + _synthetic(answer),
        ),
        ("state", word(answer.get("trading_state"))),
        *[("", cause(row)) for row in rows_of(answer, "causes")],
        (
            "equity",
            f"{figure(answer.get('equity'), 2)} USD   day {figure(answer.get('day_pnl'), 2, sign=True)}   "
            f"drawdown {percent(answer.get('drawdown'), 2)}",
        ),
        (
            "margin",
            f"leverage {times(answer.get('leverage'))}   usage {percent(answer.get('margin_usage'))}   "
            f"initial {percent(answer.get('initial_usage'))}   "
            f"worst account {word(answer.get('worst_account'))}",
        ),
        (
            "hedge",
            f"naked {figure(naked.get('notional'), 2)} USD for {figure(naked.get('seconds'), 1)} s   "
            f"worst {figure(naked.get('worst_seconds'), 1)} s   in doubt {figure(answer.get('in_doubt'))}   "
            f"outright {figure(answer.get('outright'), 2)} USD{_as_of(answer)}",
        ),
        (
            "book",
            f"{len(rows_of(answer, 'positions'))} positions   {len(rows_of(answer, 'pairs'))} pairs   "
            f"{figure(answer.get('working_orders'))} working orders",
        ),
        ("breaker", _breaker(_dict(answer.get("breaker")))),
        ("funding", _funding(_dict(answer.get("funding")))),
        *[("venue", _venue(row)) for row in rows_of(answer, "venues")],
        *[("coin", _coin(row)) for row in rows_of(answer, "coins")],
        *[("strategy", _strategy(row)) for row in rows_of(answer, "strategies")],
    ]
    return "\n".join(f"{name:<10}{text}" for name, text in lines)


def cause(row: Row) -> str:
    latched = "latched, " if row.get("latched") else ""
    return (
        f"{word(row.get('name'))} [{word(row.get('scope'))}] {latched}since {clock(row.get('since'))}: "
        f"{word(row.get('text'))}"
    )


def safety(name: str, answer: Row) -> str:
    """halt, resume, stop, pause, enable: the state after it and what was cancelled."""
    parts = (
        [f"{name}: {word(answer.get('trading_state'))}"] if "trading_state" in answer else [f"{name}: done"]
    )
    if answer.get("cancelled") is not None:
        parts.append(f"{figure(_count(answer['cancelled']))} orders cancelled")
    if _count(answer.get("pending")):
        parts.append(f"{figure(_count(answer['pending']))} cancels pending")
    kept = answer.get("kept")
    stays = [f"  {_line(each)}" for each in kept] if isinstance(kept, list) else []
    positions = answer.get("positions")
    if isinstance(positions, list) and positions:
        held = ", ".join(_line(each) for each in positions)
        stays.append(
            f"  {len(positions)} position{'s stay' if len(positions) > 1 else ' stays'}, unwatched: {held}"
        )
    if answer.get("unwritten"):
        stays.append(
            f"  NOT WRITTEN: {_line(answer['unwritten'])}; it is tried for ten seconds more and lost where "
            "there is no room by then (the end of the engine's log says which)"
        )
    return "\n".join(["   ".join(parts), *["  " + cause(row) for row in rows_of(answer, "causes")], *stays])


def flatten(answer: Row) -> str:
    """The flat proof, or what is left."""
    read = clock(answer.get("fresh_read_ts"))
    lines = [
        f"flat: zero orders, zero positions   fresh read {read}"
        if answer.get("flat")
        else f"NOT flat   oldest read {read}"
    ]
    for key, title in (("orders_left", "order left"), ("positions_left", "position left"), ("kept", "kept")):
        left = answer.get(key)
        lines += [f"  {title}: {_line(item)}" for item in left] if isinstance(left, list) else []
    return "\n".join(lines)


def _whose(row: Row) -> str:
    return " (foreign)" if row.get("foreign") else " (dust)" if row.get("dust") else ""


def _line(item: object) -> str:
    if isinstance(item, Mapping):
        return "  ".join(f"{key} {word(value)}" for key, value in item.items())
    return word(item)


def _synthetic(answer: Row) -> str:
    return "  SYNTHETIC" if answer.get("synthetic") else ""


def _breaker(row: Row) -> str:
    over = row.get("overridden")
    again = [
        f"{name} OVERRIDDEN" + ("" if bound is None else f", again at {percent(bound, 2)}")
        for name, bound in (over.items() if isinstance(over, Mapping) else ())
    ]
    blind = any(row.get(each, "") is None for each in ("daily_loss", "rolling_loss", "drawdown"))
    word = "TRIPPED" if row.get("tripped") else "UNKNOWN" if blind else "armed"
    return "   ".join([word, *again]) + (
        f"   daily {percent(row.get('daily_loss'), 2)}   "
        f"rolling {percent(row.get('rolling_loss'), 2)}   drawdown {percent(row.get('drawdown'), 2)}"
    )


def _funding(row: Row) -> str:
    return (
        f"received {figure(row.get('received'), 2)}   paid {figure(row.get('paid'), 2)}   "
        f"accrued {figure(row.get('accrued'), 2, sign=True)}"
    )


def _as_of(answer: Row) -> str:
    """A hedge is one as of the oldest figure that it rests on."""
    old = answer.get("hedged_age_ms")
    return f"   on figures {age(old)} old" if old is not None or rows_of(answer, "pairs") else ""


def _venue(row: Row) -> str:
    up = "connected" if row.get("connected") else "DOWN"
    return f"{word(row.get('name'))} {up}   data {age(row.get('data_age_ms'))} old"


def _coin(row: Row) -> str:
    return (
        f"{word(row.get('coin'))} {figure(row.get('balance'), 2)}   index {figure(row.get('index'))}   "
        f"depeg {figure(row.get('depeg_bps'), 1, sign=True)} bps   weight {figure(row.get('weight'))}   "
        f"exposure {figure(row.get('exposure'), 2, sign=True)}"
    )


def _strategy(row: Row) -> str:
    return f"{word(row.get('name'))} {word(row.get('state'))}: {word(row.get('reason'))}"


def rows_of(answer: Row, key: str) -> list[Row]:
    rows = answer.get(key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _dict(value: object) -> Row:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int:
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, int) else 0


def _decimal(value: object) -> Decimal | None:
    if value is None or isinstance(value, bool | float):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
