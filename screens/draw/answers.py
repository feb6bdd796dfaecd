"""The five answers of the answer bar: trade, hedged, liquidation here, the other two beside. Blank is no
answer.

All wording lives in these files; where it goes at which size is `draw/strip.py`'s business.
"""

from __future__ import annotations

from decimal import Decimal

from screens import format as f
from screens.draw.answer import Answer, alone, answer
from screens.draw.answers_feed import fresh, needs
from screens.draw.context import Context
from screens.ink import Span, Spans
from screens.link import LinkState
from services.domain.enums import TradingState
from services.views.strip import WATCHED, CauseView, StripView
from themes import glyphs as g

SILENT_AFTER = 3.0
"""Wall seconds without a word from the engine after which no answer is believed."""

NO_FIGURES = "the engine answers, but sends no figures"
STANDS = "the engine answers, its desk hears nothing"


def answers(
    strip: StripView | None,
    state: LinkState,
    text: str,
    silence: float,
    context: Context,
    *,
    mute: bool = True,
    stood: float = 0.0,
) -> tuple[Answer, ...]:
    """`silence`: wall seconds without the view; `mute`: the engine has said nothing else either. `stood`: for
    how many the desk's own time stands; 0 = it runs."""
    lost = state != "connected" or mute
    if strip is None:
        late = silence >= SILENT_AFTER and not lost
        return tuple(_waiting(at, state, NO_FIGURES if late else text, late) for at in range(5))
    if state != "connected" or silence >= SILENT_AFTER:
        return tuple(_silent(at, strip, text, silence, lost, hangs=state == "connected") for at in range(5))
    if stood:
        return tuple(_silent(at, strip, text, stood, lost, stands=True) for at in range(5))
    return (
        _trade(strip),
        _hedged(strip, context),
        _liquidation(strip, context),
        fresh(strip, context),
        needs(strip),
    )


_SHORT: dict[LinkState, str] = {"starting": "starting", "connected": "no view yet"}


def _waiting(at: int, state: LinkState, text: str, late: bool) -> Answer:
    said = text or ("engine starting" if state == "starting" else "no engine")
    short = "no figures" if late else _SHORT.get(state, "no engine")
    line: tuple[Spans, ...] = ((Span(f.clean(said), "muted"),), (Span(short, "muted"),))
    level = "wait" if state in ("starting", "connected") and not late else "alarm"
    return answer(at, level, g.UNKNOWN, "UNKNOWN", evidence=(line, ()), brief=line)


def _silent(
    at: int,
    strip: StripView,
    text: str,
    silence: float,
    lost: bool,
    *,
    hangs: bool = False,
    stands: bool = False,
) -> Answer:
    """The engine does not answer, or does but sends no figures, or those of a desk that nothing reaches: what
    we showed is the past, and says so. `hangs`: it is there and silent, so none can be started beside it."""
    gone = f.coarse(int(silence * 1_000_000_000))
    if at == 4 and stands:
        what: tuple[Spans, ...] = ((Span(STANDS, "text"),), (Span("it hears of nothing", "text"),))
        way: tuple[Spans, ...] = (
            (Span("no answer to F? then flatten --direct", "text"),),
            (Span("flatten --direct", "text"),),
        )
        for_: tuple[Spans, ...] = ((Span(gone, "text"),),)
        return answer(
            4, "alarm", g.ALARM, "DESK STANDS", short_word="STANDS", evidence=(what, way), brief=for_
        )
    if at == 4 and not lost:
        why: tuple[Spans, ...] = ((Span(NO_FIGURES, "text"),), (Span("sends no figures", "text"),))
        do: tuple[Spans, ...] = ((Span("H and F still reach it", "text"),), (Span("H, F reach it", "text"),))
        old: tuple[Spans, ...] = ((Span(gone, "text"),),)
        return answer(4, "alarm", g.ALARM, "OLD FIGURES", short_word="OLD", evidence=(why, do), brief=old)
    if at == 4:
        word = "STOPPED" if "stopped" in text and not hangs else "SILENT"
        first: tuple[Spans, ...] = (
            (Span("the engine has stopped" if word == "STOPPED" else "the engine does not answer", "text"),),
            (Span(f"engine {word.lower()}", "text"),),
        )
        # FRESH says how the reconnecting goes; here stands what a person can do.
        ends = "its watchdog ends it" if hangs else "start it anew"
        second: tuple[Spans, ...] = (
            (Span(f"{ends}; or flatten --direct", "text"),),
            (Span("flatten --direct", "text"),),
        )
        return answer(
            at,
            "alarm",
            g.ALARM,
            f"ENGINE {word}",
            short_word=word,
            evidence=(first, second),
            brief=((Span("H: what to do" if hangs else ends, "text"),),),
        )
    last = {
        0: f"was {strip.trading_state.value}",
        1: "was naked" if strip.naked_notional else "was hedged" if strip.pairs_open else "no pair was open",
        2: f"{g.LAST_KNOWN}{f.percent(strip.liquidation_distance)} away"
        if strip.liquidation_distance is not None
        else "",
        3: f"nothing heard for {gone}"
        if lost
        else f"time stands for {gone}"
        if stands
        else f"no figures for {gone}",
    }[at]
    level = "alarm" if strip.positions_open or at == 3 else "warn"
    said = f.clean(text) if lost else STANDS if stands else NO_FIGURES
    second = ((Span(f"{gone} ago", "muted"),),) if at != 3 else ((Span(said, "muted"),), ())
    evidence = ((((Span(last, "stale"),), (Span(f"{gone} ago", "stale"),))), second)
    brief: tuple[Spans, ...] = ((Span(f"{'stands' if stands else 'silent'} {gone}", "muted"),),)
    return answer(at, level, g.UNKNOWN, "UNKNOWN", evidence=evidence, brief=brief)


def worst_cause(strip: StripView) -> CauseView | None:
    """What keeps the trading state where it is: latched, bad now, good again and watched; then as the engine
    has them in order, the gravest, the oldest."""
    holding = [c for c in strip.causes if c.state is strip.trading_state]
    return min(holding, key=lambda c: (not c.latched, not c.holds), default=None)


def tightest(s: StripView | None) -> str:
    """`BUSD exposure 74 %`: the limit nearest to binding, one wording for the bar and the pane."""
    if s is None or not s.tightest or s.tightest_used is None:
        return ""
    return f"{f.clean(s.tightest)} {f.percent(s.tightest_used, 0)}"


def _trade(s: StripView) -> Answer:
    if s.trading_state is TradingState.ACTIVE:
        failing = s.checks_passing < s.checks_total
        ink = "warn" if failing else "text"
        passing = f"{s.checks_passing}/{s.checks_total}"
        denied = f" {g.DOT} {s.denied_today} denied today" if s.denied_today else ""
        first: tuple[Spans, ...] = (
            (Span(f"{passing} checks pass", ink), Span(denied, "muted")),
            (Span(f"{passing} checks pass", ink),),
            (Span(f"{passing} pass", ink),),
        )
        second: tuple[Spans, ...] = ()
        if s.tightest and s.tightest_used is not None:
            used = f.percent(s.tightest_used, 0)
            bare = f.clean(s.tightest).partition(",")[0]  # the account goes before the limit's name does
            second = (
                (Span("tightest ", "muted"), Span(tightest(s), "text")),
                (Span(tightest(s), "text"),),
                (Span(f"{bare} {used}", "text"),),
                (Span("tightest ", "muted"), Span(used, "text")),
            )
        return answer(0, "warn" if failing else "ok", g.GOOD, "ACTIVE", evidence=(first, second), brief=first)
    cause = worst_cause(s)
    halted = s.trading_state is TradingState.HALTED
    ink = "on_alarm" if halted else "text"
    soft = "on_alarm" if halted else "muted"
    text = f.clean(cause.text) if cause else ""
    name = f.clean(cause.name) if cause else ""
    at = f" {g.DOT} {f.when(cause.since, s.ts)}" if cause else ""
    bare = text.partition(" > ")[0]
    # Good again and watched: at any width it is said of what was, for the FRESH beside it is true.
    span = text.rpartition(WATCHED)[2] if WATCHED in text else ""
    watched = (f"{name}: good again, watched", f"watched {span}") if span else ()
    over = cause is not None and not cause.holds
    shorter = (*watched, f"{name}: good again", "good again") if over else (bare, name + at, name)
    first = tuple((Span(said, ink),) for said in (text + at, text, *shorter))
    passes = "passes: reducing orders, flatten" if halted else "passes: exits, reducing orders"
    second = ((Span(passes, soft),), (Span("reducing orders pass", soft),), (Span("reducing only", soft),))
    latched = ", latched" if cause and cause.latched else ""
    return answer(
        0,
        "fill" if halted else "warn",
        g.ALARM if halted else g.DEGRADED,
        s.trading_state.value,
        corner=(Span(name + latched, soft),) if name else (),
        evidence=(first, second),
        brief=first,
    )


def _hedged(s: StripView, context: Context) -> Answer:
    corner = (Span("IN DOUBT ", "muted"), Span(str(s.in_doubt), "*alarm" if s.in_doubt else "text"))
    doubt: Spans = corner
    if s.naked_notional is None:
        evidence: tuple[tuple[Spans, ...], tuple[Spans, ...]] = (
            (
                (Span(f.clean(s.naked_text) or "naked notional is not known", "text"),),
                (Span("naked unknown", "text"),),
            ),
            (doubt,),
        )
        return answer(1, "alarm", g.UNKNOWN, "UNKNOWN", corner=corner, evidence=evidence, brief=(doubt,))
    if s.naked_notional != 0:
        return _naked(s, corner)
    worst = f"worst {f.dollars(abs(s.worst_naked))}"
    first: tuple[Spans, ...] = (
        (Span("naked $0", "text"), Span(f" {g.DOT} {worst} for {f.seconds(s.worst_naked_seconds)}", "muted")),
        (Span("naked $0 ", "text"), Span(worst, "muted")),
        (Span("naked $0", "text"),),
    )
    residual = f.UNKNOWN if s.residual is None else f.dollars(s.residual)
    outright = f.UNKNOWN if s.outright is None else f.dollars(s.outright)
    second: tuple[Spans, ...] = (
        (
            Span("residual ", "muted"),
            Span(residual, "text"),
            Span(f" {g.DOT} outright ", "muted"),
            Span(outright, "text"),
        ),
        doubt,
    )
    brief: tuple[Spans, ...] = (
        (Span("naked $0 ", "text"), Span(f"ID {s.in_doubt}", "*alarm" if s.in_doubt else "muted")),
    )
    if not s.in_doubt and s.positions_open and (s.outright is None or abs(s.outright) >= 1):
        # What stands outside every pair is hedged by nothing: in the smallest bar, too, HEDGED is not all.
        brief = tuple((Span(said, "text"),) for said in alone(s.outright))
    more = {"corner": corner, "evidence": (first, second), "brief": brief}
    if s.in_doubt:
        return answer(1, "alarm", g.ALARM, f"IN DOUBT {s.in_doubt}", **more)
    held = [v for v in s.venues if v.holds and v.level == "stale"]
    word = "HEDGED" if s.pairs_open else "NO PAIRS" if s.positions_open else "FLAT"
    ms = s.hedged_age_ms
    if held if s.pairs_open else ms is not None and not s.positions_open:
        ms = held[0].data_age_ms if ms is None else ms
        old = f.age_ms(ms, context.remote)
        short = old if ms is None else f.coarse(ms * 1_000_000)
        ago: Spans = (Span(f"{short} ago ", "warn"), Span(f"ID {s.in_doubt}", "muted"))
        more["brief"] = (ago,)
        return answer(1, "warn", g.DEGRADED, f"{word} {old} ago", short_word=f"WAS {word}", **more)
    return answer(1, "ok", g.GOOD, word, **more)


def _naked(s: StripView, corner: Spans) -> Answer:
    late = not s.naked_within_timeout
    notional = s.naked_notional or Decimal(0)
    ink = "*alarm" if late else "*warn"
    for_time = f.seconds(s.naked_seconds)
    bound = "" if s.naked_bound is None else f" {g.DOT} bound {f.short_dollars(s.naked_bound)}"
    money = f.dollars(notional, sign=True)
    first: tuple[Spans, ...] = (
        (Span(money, ink), Span(" for ", "text"), Span(for_time, ink), Span(bound, "muted")),
        (Span(money, ink), Span(" for ", "text"), Span(for_time, ink)),
        (Span(f"{f.short_dollars(notional, sign=True)} {for_time}", ink),),
    )
    text = f.clean(s.naked_text)
    second: tuple[Spans, ...] = ((Span(text, "text"),), corner)
    whole = f"{f.number(s.naked_seconds, 0)} s" if s.naked_seconds < 60 else for_time
    brief: tuple[Spans, ...] = ((Span(f"{f.short_dollars(notional, sign=True)} {whole}", "text"),),)
    return answer(
        1, "alarm" if late else "warn", g.ALARM, "NAKED", corner=corner, evidence=(first, second), brief=brief
    )


def _liquidation(s: StripView, context: Context) -> Answer:
    named = s.nearest_account or s.worst_account
    corner = (Span(f.clean(named), "muted"),) if named else ()
    # The account nearest to liquidation by a move need not be the one that uses the most of its margin.
    other = f.clean(s.worst_account) if s.worst_account != named else ""
    mark = g.LAST_KNOWN if s.liquidation_unknown else ""
    lever = f.UNKNOWN if s.leverage is None else mark + f.times(s.leverage)
    usage = f.UNKNOWN if s.margin_usage is None else mark + f.percent(s.margin_usage, 0)
    evidence = (
        _gauge("leverage", "lev", s.leverage, s.leverage_limit, lever, f.limit_times(s.leverage_limit)),
        _gauge(
            "margin",
            "mar",
            s.margin_usage,
            s.margin_usage_limit,
            usage,
            f.percent(s.margin_usage_limit, 0),
            other,
        ),
    )
    brief: tuple[Spans, ...] = (
        (Span(lever, "text"), Span(" mg ", "muted"), Span(usage, "text")),
        (Span(lever, "text"), Span(" ", "muted"), Span(usage, "text")),
        (Span(lever, "text"),),
    )
    more = {"corner": corner, "evidence": evidence, "brief": brief}
    away = s.liquidation_distance
    if s.liquidation_unknown and (away is None or away >= s.distance_limit):
        return answer(2, "alarm" if s.positions_open else "warn", g.UNKNOWN, "UNKNOWN", **more)
    if not s.positions_open and (ms := s.hedged_age_ms) is not None:  # an account is out of sight
        said = f"NONE {f.age_ms(ms, context.remote)} ago"
        return answer(2, "warn", g.DEGRADED, said, short_word="WAS NONE", **more)
    if not s.positions_open:
        return answer(2, "ok", g.GOOD, "NO POSITIONS", short_word="NONE OPEN", **more)
    if away is None:
        return answer(2, "ok", g.GOOD, "NO SUCH PRICE", short_word="NO PRICE", **more)
    short = s.liquidation_unknown or away < s.distance_reducing
    level = "alarm" if short else "warn" if away < s.distance_limit else "ok"
    glyph = {"ok": g.GOOD, "warn": g.UP, "alarm": g.ALARM}[level]
    return answer(2, level, glyph, f"{f.percent(away)} away", short_word=f"{f.percent(away, 0)} away", **more)


def _gauge(
    name: str, short: str, value: Decimal | None, limit: Decimal, shown: str, bound: str, whose: str = ""
) -> tuple[Spans, ...]:
    """A bar with its figure at the right edge of the cell: a tab stands before what goes there. `whose`: the
    account, where it is not the one in the corner."""
    share = None if value is None or limit <= 0 or not value.is_finite() else value / limit
    if value is not None and value.is_infinite():
        share = Decimal(1)
    ink = "ok_bar" if share is None or share < Decimal("0.8") else "warn_bar" if share < 1 else "alarm_bar"
    figure = f"{shown} / {bound}"
    unit = bound[-1] if bound[-1] in f"{g.TIMES}%" else ""
    tight = f"{shown.removesuffix(unit).rstrip()} / {bound}" if unit else figure
    out: list[Spans] = []
    named = ((f"{name} {whose}", 16, figure), (f"{name} {whose}", 6, figure)) if whose else ()
    for word, width, said in (
        *named,
        (name, 16, figure),
        (name, 12, figure),
        (short, 8, figure),
        (short, 6, figure),
        (short, 6, tight),
    ):
        fill, track = f.bar(share, width)
        out.append(
            (Span(f"{word} ", "muted"), Span(fill, ink), Span(track, "track"), Span(f"\t{said}", "text"))
        )
    out.append((Span(f"{short} ", "muted"), Span(f"\t{figure}", "text")))
    out.append((Span(figure, "text"),))
    return tuple(out)
