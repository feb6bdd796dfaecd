"""One self-contained page of a report: no script, no font, no picture from elsewhere; light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from console.plain import clock, figure, word
from console.plain_report import (
    COUNTED,
    METRICS,
    PARTS,
    cell,
    coins,
    depth,
    interval,
    money,
    rates,
    ratio,
    share,
)

Row = Mapping[str, Any]

_WIDE, _TALL = 960, 220
_STYLE = """
:root { --bg:#fbfcfd; --ink:#232b36; --muted:#495567; --line:#c3ccd8;
  --pos:#08714a; --neg:#b8332a; --series:#0b5cbf }
@media (prefers-color-scheme: dark) { :root { --bg:#0d1016; --ink:#d5dce6; --muted:#98a4b5; --line:#2c3543;
  --pos:#4cc79a; --neg:#f2837a; --series:#6fb3ff } }
body { background:var(--bg); color:var(--ink); font:15px/1.5 system-ui,sans-serif; max-width:1000px;
  margin:2rem auto; padding:0 1rem }
h1 { font-size:1.4rem } h2 { font-size:1.05rem; margin-top:2rem } .muted { color:var(--muted) }
.stamp { border:1px solid var(--line); border-radius:4px; padding:0 .5em; font-weight:600 }
.scroll { overflow-x:auto } table { border-collapse:collapse; font-variant-numeric:tabular-nums }
th,td { text-align:right; padding:.15rem .6rem; border-bottom:1px solid var(--line); white-space:nowrap }
th:first-child,td:first-child { text-align:left } th { color:var(--muted); font-weight:500 }
svg { width:100%; height:auto } svg text { fill:var(--muted); font-size:12px }
.pos { fill:var(--pos) } .neg { fill:var(--neg) } .bar { fill:var(--line) }
polyline { fill:none; stroke:var(--series); stroke-width:1.5 } .down { fill:var(--neg); opacity:.5 }
"""


def page(answer: Row) -> str:
    """The whole document. Everything from outside is escaped."""
    risk, title = answer["risk"], f"{word(answer['stamp'])} · {word(answer['profile'])}"
    facts = (
        ("Return", share(risk["total_return"], sign=True)),
        ("Max drawdown", depth(risk["max_drawdown"])),
        ("Sharpe", ratio(risk["sharpe"]) + interval(risk)),
        ("Sortino", ratio(risk["sortino"])),
        ("Calmar", ratio(risk["calmar"])),
        ("Daily returns", str(risk["days"])),
    )
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Report <span class=stamp>{escape(word(answer['stamp']))}</span></h1>",
        f"<p class=muted>Profile {escape(word(answer['profile']))}, {clock(answer['since'])} to "
        f"{clock(answer['until'])} UTC ({escape(word(answer['period']))}). Money in USD.</p>",
        _table(("", ""), facts),
        "<h2>Equity</h2>",
        _line([(ts, equity) for ts, equity, _, _ in answer["curve"]]),
        "<h2>Drawdown of the unit value</h2>",
        _drawdown([(ts, down) for ts, _, _, down in answer["curve"]]),
    ]
    if answer["waterfall"] is not None:
        parts += ["<h2>Where equity went</h2>", *_waterfall(answer["waterfall"])]
    for heading, rows in (
        ("Trades", [answer["total"]]),
        ("By strategy", answer["by_strategy"]),
        ("By symbol", answer["by_symbol"]),
    ):
        heads = ("", *(head for _, head in METRICS))
        shown = [(word(row["name"]), *(cell(key, row) for key, _ in METRICS)) for row in rows]
        parts += [f"<h2>{heading}</h2>", _table(heads, shown) if shown else "<p class=muted>None.</p>"]
    for heading, heads, found in (coins(answer), rates(answer)):
        parts += [f"<h2>{heading}</h2>", _table(("", *heads), found)] if found else []
    parts.append(f"<p class=muted>{escape(COUNTED)}</p>")
    parts += [f"<p class=muted>{escape(note)}</p>" for note in answer["notes"]]
    parts.append("</body></html>")
    return "\n".join(parts) + "\n"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>" for row in rows)
    head = f"<tr>{top}</tr>" if any(heads) else ""
    return f"<div class=scroll><table>{head}{body}</table></div>"


def _places(points: Sequence[tuple[int, float]], low: float, high: float) -> list[tuple[float, float]]:
    first, last = points[0][0], points[-1][0]
    wide, tall = max(1, last - first), (high - low) or 1.0
    return [
        ((ts - first) / wide * (_WIDE - 90), (high - value) / tall * (_TALL - 30) + 8) for ts, value in points
    ]


def _svg(inside: str, tall: int = _TALL) -> str:
    return f'<svg viewBox="0 0 {_WIDE} {tall}" role=img>{inside}</svg>'


def _line(found: Sequence[tuple[int, float | None]]) -> str:
    points = [(ts, value) for ts, value in found if value is not None]
    if len(points) < 2:
        return "<p class=muted>Too few samples for a chart.</p>"
    low, high = min(v for _, v in points), max(v for _, v in points)
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in _places(points, low, high))
    labels = _labels(points, figure(str(high), 2), figure(str(low), 2))
    return _svg(f'<polyline points="{places}"/>{labels}')


def _drawdown(found: Sequence[tuple[int, float | None]]) -> str:
    points = [(ts, -value) for ts, value in found if value is not None]
    if len(points) < 2:
        return "<p class=muted>Too few samples for a chart.</p>"
    low = min(v for _, v in points)
    placed = _places(points, low, 0.0)
    shape = " ".join(f"{x:.1f},{y:.1f}" for x, y in [(0.0, 8.0), *placed, (placed[-1][0], 8.0)])
    return _svg(f'<polygon class=down points="{shape}"/>{_labels(points, "0.00 %", depth(low))}')


def _labels(points: Sequence[tuple[int, float]], top: str, bottom: str) -> str:
    return (
        f'<text x="{_WIDE - 84}" y="14">{escape(top)}</text>'
        f'<text x="{_WIDE - 84}" y="{_TALL - 22}">{escape(bottom)}</text>'
        f'<text x="0" y="{_TALL - 4}">{clock(points[0][0])[:16]}</text>'
        f'<text x="{_WIDE - 90}" y="{_TALL - 4}" text-anchor="end">{clock(points[-1][0])[:16]}</text>'
    )


def _waterfall(fall: Row) -> list[str]:
    steps = [("transfers", float(fall["transfers"]), money(fall["transfers"]))]
    for key, said, sign in PARTS:
        steps.append((said, sign * float(fall[key]), money(fall[key], negate=sign < 0)))
    low = high = level = 0.0
    for _, change, _ in steps:
        level += change
        low, high = min(low, level), max(high, level)
    scale = (_WIDE - 400) / ((high - low) or 1.0)
    level, shapes = 0.0, []
    for at, (said, change, shown) in enumerate(steps):
        left = (min(level, level + change) - low) * scale + 220
        kind = "pos" if change >= 0 else "neg"
        y = 6 + at * 24
        shapes.append(
            f'<text x="0" y="{y + 14}">{escape(said)}</text>'
            f'<rect class={kind} x="{left:.1f}" y="{y}" height="16" '
            f'width="{max(1.0, abs(change) * scale):.1f}"/>'
            f'<text x="{_WIDE}" y="{y + 14}" text-anchor="end">{escape(shown)}</text>'
        )
        level += change
    rows = (
        ("equity before", figure(fall["equity_start"], 2)),
        ("equity after", figure(fall["equity_end"], 2)),
        ("result, transfers left out", money(fall["result"])),
        ("unexplained", figure(fall["difference"], 2)),
    )
    return [_svg("".join(shapes), 12 + 24 * len(steps)), _table(("", ""), rows)]
