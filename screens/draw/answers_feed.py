"""Two of the five answers: is what I see fresh, and what needs me."""

from __future__ import annotations

import re

from screens import format as f
from screens.draw.answer import Answer, answer
from screens.draw.context import Context
from screens.ink import Span, Spans
from services.views.strip import GOOD_AGAIN, WATCHED, StripView, VenueDot
from themes import glyphs as g


def fresh(s: StripView, context: Context) -> Answer:
    stale = [v for v in s.venues if v.level == "stale" or not v.connected]
    late = [v for v in s.venues if v.level == "late" and v.connected]
    timely = [v for v in s.venues if v not in stale and v not in late]
    held = any(v.holds for v in stale)
    corner = (Span(f"{len(timely) + len(late)} of {len(s.venues)} live", "muted"),)
    good = _dots(timely, context)
    bad = [*stale, *late]
    worst = _dots(bad, context)
    if not s.venues:
        none: tuple[Spans, ...] = ((Span("no venue yet", "muted"),),)
        return answer(3, "wait", g.UNKNOWN, "UNKNOWN", evidence=(none, ()), brief=none)
    if not bad:
        oldest = max((v.data_age_ms or 0 for v in s.venues), default=0)
        brief: tuple[Spans, ...] = ((Span(f"oldest {f.age_ms(oldest, context.remote)}", "muted"),),)
        calm: tuple[Spans, ...] = ((Span("every venue in time", "muted"),), (Span("all in time", "muted"),))
        return answer(3, "ok", g.GOOD, "FRESH", corner=corner, evidence=(good, calm), brief=brief)
    level = "alarm" if held else "warn"
    words = []
    if stale:
        words.append(f"{len(stale)} STALE")
    if late:
        words.append(f"{len(late)} LATE")
    ink = level if stale else "warn"
    first = bad[0]
    age = f.UNKNOWN if first.data_age_ms is None else f.age_ms(first.data_age_ms, context.remote)
    brief = ((Span(f"{f.clean(first.name)} {age}", ink),), (Span(age, ink),))
    evidence = (good, worst) if good and timely else (worst, ((Span(f.clean(first.text), "muted"),), ()))
    glyph = g.LOST if held else g.DEGRADED
    return answer(
        3, level, glyph, ", ".join(words), short_word=words[0], corner=corner, evidence=evidence, brief=brief
    )


def _dots(venues: list[VenueDot], context: Context) -> tuple[Spans, ...]:
    """Each venue with its dot and age; ages go first when there is no room, then venues become a count."""
    if not venues:
        return ((),)
    wide: list[Span] = []
    narrow: list[Span] = []
    told: list[Span] = []
    for at, v in enumerate(venues):
        lost = v.level == "stale" or not v.connected
        glyph, ink = (
            (g.LOST, "alarm" if v.holds else "warn")
            if lost
            else (g.DEGRADED, "warn")
            if v.level == "late"
            else (g.GOOD, "pos")
        )
        text_ink = "text" if ink == "pos" else ink
        age = f.UNKNOWN if v.data_age_ms is None else f.age_ms(v.data_age_ms, context.remote)
        gap = Span("   " if at else "", "text")
        wide += [
            gap,
            Span(f"{glyph} ", ink),
            Span(f.clean(v.name), text_ink),
            Span(f" {age}", "muted" if ink == "pos" else ink),
        ]
        narrow += [gap, Span(f"{glyph} ", ink), Span(f.clean(v.name), text_ink)]
        if lost and not told:
            said = f.clean(v.text) or ("" if v.holds else "holds nothing there")
            told = [Span(f" {g.DOT} {said}", "muted")] if said else []
    count: Spans = (Span(f"{len(venues)} venues", "text"),)
    return ((*wide, *told), tuple(wide), tuple(narrow), count)


def needs(s: StripView) -> Answer:
    parts = []
    if s.open_alarms and s.open_warnings:
        parts.append(f"{s.open_warnings} warning{'' if s.open_warnings == 1 else 's'}")
    if s.acknowledged:
        parts.append(f"{s.acknowledged} acknowledged")
    corner: Spans = (Span(f" {g.DOT} ".join(parts), "muted"),) if parts else ()
    steps = _steps(s)
    top = f.clean(s.top_alert)
    since = f" {g.DOT} open {f.age(s.ts - s.top_alert_since)}" if s.top_alert_since is not None else ""
    keys: tuple[Spans, ...] = (
        (
            Span("a", "*accent"),
            Span(" acknowledge  ", "muted"),
            Span("enter", "*accent"),
            Span(" what to do", "muted"),
        ),
        (Span("a", "*accent"), Span(" ack  ", "muted"), Span("enter", "*accent"), Span(" detail", "muted")),
        (Span("a", "*accent"), Span(" ack", "muted")),
    )
    alert: tuple[Spans, ...] = ((Span(top, "text"), Span(since, "muted")), (Span(top, "text"),))
    if s.open_alarms:
        word = f"{s.open_alarms} ALARM{'' if s.open_alarms == 1 else 'S'}"
        first: tuple[Spans, ...] = ((Span(steps[0], "text"),),) if steps else alert
        second: tuple[Spans, ...] = ((Span(f"then {steps[1]}", "text"),),) if len(steps) > 1 else keys
        shortest = _do(steps[0]) if steps else _brief(top, "text")
        return answer(
            4, "alarm", g.UP, word, corner=corner, evidence=(first, second), wraps=True, brief=shortest
        )
    if s.open_warnings:
        word = f"{s.open_warnings} WARNING{'' if s.open_warnings == 1 else 'S'}"
        brief = _brief(top, "text")
        return answer(4, "warn", g.UP, word, corner=corner, evidence=(alert, keys), wraps=True, brief=brief)
    if s.acknowledged:
        word = f"{s.acknowledged} ACKNOWLEDGED"
        what: tuple[Spans, ...] = ((Span(steps[0], "text"),),) if steps else alert
        return answer(
            4,
            "ok",
            g.GOOD,
            word,
            short_word=f"{s.acknowledged} ACKED",
            evidence=(what, ()),
            brief=_do(steps[0]) if steps else _brief(top, "muted"),
            edge="warn",
        )
    first = (
        ((Span(steps[0], "muted"),),)
        if steps
        else ((Span("nothing waits for you", "muted"),), (Span("nothing", "muted"),))
    )
    return answer(4, "ok", g.GOOD, "NOTHING", evidence=(first, ()), brief=((Span("no alerts", "muted"),),))


def _steps(s: StripView) -> list[str]:
    """What to do, in order. The same of another account is no other step, and is named as people name it."""
    found: dict[str, str] = {}
    for step in map(f.clean, s.next_steps):
        found.setdefault(f.SCOPE.sub("", step), f.scoped(step))
    return list(found.values())


def _do(step: str) -> tuple[Spans, ...]:
    """A step in few cells: whole, else what to do first (`R and a reason`; TRADE says why), else cut."""
    whole: Spans = (Span(step, "text"),)
    first = _CLAUSE.split(step.partition(": ")[2])[0]
    return (whole, (Span(first, "text"),), whole) if first else (whole,)


_CLAUSE = re.compile(r"[,;:] ")


def _brief(text: str, ink: str) -> tuple[Spans, ...]:
    """An alert in few cells: whole, else what it is about and its figure (`BUSD −32 bps`), else cut. Of what
    is good again the figure is the time it is watched for, and no age of anything: `beta: watched`."""
    subject = text.partition(" ")[0].rstrip(":,")
    whole: Spans = (Span(text, ink),)
    if GOOD_AGAIN in text:
        span = text.rpartition(WATCHED)[2]
        said = (f"{subject}: watched", f"watched {span}") if WATCHED in text else ("good again",)
        return (whole, *((Span(one, ink),) for one in said), whole)
    found = _FIGURE.search(text, len(subject))
    if found is None or len(subject) < LEAST_SUBJECT:
        return (whole,)
    return (whole, (Span(f"{subject} {found[0]}", ink),), whole)


LEAST_SUBJECT = 4
"""Letters of a word that says what a figure is of."""
_UNITS = r"(?: (?:%|bps|ms|s|m|h|d)(?!\w))"
_FIGURE = re.compile(rf"(?<= )(?:(?:[−+-]\$?|\$)\d[\d,.]*{_UNITS}?|\d[\d,.]*{_UNITS})(?![\w.-])")
"""Money, or a figure with a sign or a unit: a bare number says nothing without its sentence."""
