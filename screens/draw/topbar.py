"""The top bar: mode, screen, stamp at the left; equity, the day, the time at the right. LIVE fills the
whole row.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from screens import format as f
from screens.ink import Line, Span, Spans, measure
from screens.rooms import BY_NAME, ROOMS, Entry
from services.views.strip import StripView
from themes import glyphs as g


def draw(
    strip: StripView | None,
    width: int,
    typing: bool = False,
    read_only: bool = False,
    profile: str = "",
    room: str = "desk",
    *,
    past: bool = False,
) -> Line:
    """`room` = the screen that is shown; the others stand beside it by key and name while there is room.
    `past`: nobody vouches for the figures any more."""
    live = strip is not None and strip.mode == "live"
    ground = "mode_live" if live else "bg"
    lefts = _lefts(strip, typing, read_only, profile, live, room)
    rights = _rights(strip, live, past)
    found = _chosen(lefts, rights, width)
    if found is None:
        return Line(lefts[-1], ground).fitted(width)
    left, right = found
    line = Line(left, ground)
    line.to(width - measure(right)).extend(right)
    if live:
        line = Line(((text, _on_live(ink)) for text, ink in line.spans), ground)
    return line.fitted(width)


def _chosen(lefts: list[Spans], rights: list[Spans], width: int) -> tuple[Spans, Spans] | None:
    """The full stamp as long as the day's result fits beside it; then the stamp's first word, then the
    rest.
    """
    reach = (1, 1, 3, 4, 4, 7, len(rights), len(rights))
    for left, last in zip(lefts, reach, strict=True):
        for right in rights[:last]:
            if measure(left) + measure(right) + 1 <= width:
                return left, right
    return None


def badge(strip: StripView | None) -> Span:
    """The mode badge, also repeated in every dialog that moves money."""
    if strip is None:
        return Span(" … ", "muted@raised")
    if strip.mode == "live":
        return Span(f" {g.LIVE} LIVE ", "*on_mode@mode_live")
    ground = "mode_paper" if strip.mode == "paper" else "mode_sim"
    return Span(f" {f.clean(strip.badge)} ", f"*on_mode@{ground}")


def _on_live(ink: str) -> str:
    return ink if "@accent" in ink else "*on_mode"


def _lefts(
    strip: StripView | None, typing: bool, read_only: bool, profile: str, live: bool, room: str
) -> list[Spans]:
    mark: list[Span] = [Span(f" {g.LIVE} LIVE  ", "*on_mode")] if live else [badge(strip)]
    screens = _named(room)
    every = [span for entry in ROOMS for span in (_named(room) if entry.name == room else _other(entry))]
    keys = [entry.key for entry in ROOMS if entry.name != room]
    few = [*screens, Span(f" {keys[0]}…{keys[-1]} screens", "muted")] if len(keys) > 1 else screens
    notes: list[Span] = []
    if typing:
        notes += [Span(" ", "text"), Span(" TYPING ", "*bg@accent")]
    if read_only:
        notes += [Span(" ", "text"), Span(" READ-ONLY ", "*warn@raised")]
    stamp = f.clean(strip.stamp) if strip is not None else ""
    stamped = [Span(f"  {stamp}", "warn")] if stamp else []
    tight = [Span(f" {stamp.partition(',')[0]}", "warn")] if stamp else []
    named = (
        [Span(f"  {f.clean(profile)}", "muted")]
        if profile and profile not in ("sim", "live", "paper")
        else []
    )
    return [
        [*mark, *every, *notes, *stamped, *named],
        [*mark, *every, *notes, *stamped],
        [*mark, *few, *notes, *stamped],
        [*mark, *screens, *notes, *stamped, *named],
        [*mark, *screens, *notes, *stamped],
        [*mark, *screens, *notes, *tight],
        [*mark, *notes, *tight],
        [*mark, *notes],
    ]


def _named(room: str) -> list[Span]:
    """The screen that is shown."""
    entry = BY_NAME[room]
    return [Span(f" {entry.key} ", "*accent@raised"), Span(f"{entry.title} ", "*strong@raised")]


def _other(entry: Entry) -> list[Span]:
    return [Span(f" {entry.key} ", "accent"), Span(f"{entry.title} ", "muted")]


def _rights(strip: StripView | None, live: bool, past: bool) -> list[Spans]:
    if strip is None:
        return [(Span("waiting for the engine ", "muted"),), ()]
    end: list[Span] = [Span(f"  LIVE {g.LIVE} ", "*on_mode")] if live else [Span(" ", "text")]
    approximate = g.LAST_KNOWN if strip.equity_approximate or past else ""
    equity = f.UNKNOWN if strip.equity is None else approximate + f.number(strip.equity, 2)
    whole = f.UNKNOWN if strip.equity is None else approximate + f.number(strip.equity, 0)
    money = Span(equity, "*strong")
    day = _day(strip.day_pnl, bool(approximate))
    share = _share(strip.day_pnl_fraction, bool(approximate))
    clock, date = f.clock(strip.ts), f.date(strip.ts)
    label = Span("equity ", "muted")
    out: list[Spans] = []
    long_day = [Span("  day ", "muted"), *day]
    out.append(
        [
            label,
            money,
            Span(" USD", "muted"),
            *long_day,
            *share,
            Span(f"   {date} ", "muted"),
            Span(clock, "strong"),
            Span(" UTC", "muted"),
            *end,
        ]
    )
    out.append(
        [
            label,
            money,
            Span(" USD", "muted"),
            *long_day,
            *share,
            Span("  ", "text"),
            Span(clock, "strong"),
            Span(" UTC", "muted"),
            *end,
        ]
    )
    out.append(
        [label, money, *long_day, *share, Span("  ", "text"), Span(clock, "strong"), Span("Z", "muted"), *end]
    )
    short = [Span("eq ", "muted"), money, Span(" ", "text")]
    out.append(
        [*short, *day, *_tight(share), Span(" ", "text"), Span(clock, "strong"), Span("Z", "muted"), *end]
    )
    out.append([*short, *day, Span(" ", "text"), Span(clock, "strong"), Span("Z", "muted"), *end])
    out.append([*short, Span(clock, "strong"), Span("Z", "muted"), *end])
    out.append(
        [Span(whole, "*strong"), Span(" ", "text"), Span(clock[:5], "strong"), Span("Z", "muted"), *end]
    )
    out.append([Span(whole, "*strong"), *end])
    out.append(end)
    return [_as_past(each) for each in out] if past else out


def _as_past(spans: Spans) -> list[Span]:
    return [Span(text, "stale") for text, _ in spans]


def _day(pnl: Decimal | None, approximate: bool) -> list[Span]:
    """At an equity that is the last known one the day is so, too."""
    if pnl is None:
        return [Span(f.UNKNOWN, "muted")]
    if approximate:
        return [Span(g.LAST_KNOWN + f.signed(pnl), "muted")]
    if not f.rounded(pnl, 2):
        return [Span(f.number(pnl, 2), "muted")]
    ink = "pos" if pnl > 0 else "neg"
    return [Span(f"{g.UP if pnl > 0 else g.DOWN} ", ink), Span(f.signed(pnl), f"*{ink}")]


def _share(fraction: Decimal | None, approximate: bool) -> list[Span]:
    if fraction is None:
        return []
    if approximate:
        return [Span("  ", "text"), Span(g.LAST_KNOWN + f.signed_percent(fraction), "muted")]
    ink = "muted" if not f.rounded(fraction, 4) else "pos" if fraction > 0 else "neg"
    return [Span("  ", "text"), Span(f.signed_percent(fraction), ink)]


def _tight(share: Sequence[Span]) -> list[Span]:
    return [Span(" ", "text"), *share[1:]] if share else []
