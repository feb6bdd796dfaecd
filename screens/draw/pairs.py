"""The line of a pair: its state in one word, what it carries and earned; its facts for the drawer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from screens import format as f
from screens.draw.context import Context
from screens.ink import Line, Span, Spans, first_that_fits
from services.domain.enums import PairState
from services.views.desk import PairView, PositionView
from themes import glyphs as g


def signed(value: Decimal) -> list[Span]:
    """Money with its sign and colour, from wide to narrow; zero is muted."""
    return [Span(text, f.gain_ink(value)) for text in f.money_choices(value)]


def pair_name(pair: PairView) -> str:
    """`BTC basis`, or for a bet on a peg `USDT/USDC peg`."""
    if pair.kind != "peg":
        return f"{f.clean(pair.group)} basis"
    legs = [leg.rpartition(".")[0].partition("-")[0].partition("/")[0] for leg in (pair.short, pair.long)]
    return f"{f.clean('/'.join(legs))} peg"


def pair_state(pair: PairView, stale_ms: int | None, context: Context) -> list[Span]:
    """The one word of a pair. `hedged` is never green on old data."""
    words: list[Span] = []
    naked = pair.naked
    if naked.notional is None or naked.notional != 0:
        ink = "*alarm" if context.naked_is_late or naked.notional is None else "*warn"
        words.append(Span(f"{g.ALARM} NAKED {f.seconds(naked.seconds)}", ink))
    if pair.in_doubt:
        glue = f" {g.DOT} " if words else f"{g.ALARM} "
        words.append(Span(f"{glue}IN DOUBT {pair.in_doubt}", "*alarm"))
    if words:
        return words
    if pair.state is PairState.HEDGED:
        if stale_ms is not None:
            return [Span(f"{g.DEGRADED} hedged {f.age_ms(stale_ms, context.remote)} ago", "*warn")]
        return [Span(f"{g.GOOD} ", "pos"), Span("hedged", "*pos")]
    word = pair.state.value.replace("_", " ")
    calm = pair.state in (PairState.OPENING, PairState.CLOSING, PairState.PLANNED, PairState.CLOSED)
    return [Span(f"{g.DEGRADED} {word}", "*accent" if calm else "*warn")]


def pair_line(pair: PairView, stale: Sequence[PositionView], width: int, context: Context) -> Line:
    ages = [leg.age_ms for leg in stale if leg.age_ms is not None]
    old = max(ages) if ages else (0 if stale else pair.hedged_age_ms if pair.old else None)
    state = pair_state(pair, old, context)
    name = [Span("╭ ", "faint"), Span(f"{f.clean(pair.id)}", "*accent"), Span(f" {pair_name(pair)}", "text")]
    known = not stale
    return Line(first_that_fits(tuple(_wordings(pair, name, state, known, width)), width))


def _wordings(
    pair: PairView, name: list[Span], state: list[Span], known: bool, width: int
) -> list[list[Span]]:
    """From all there is to the state alone."""
    pad = max(0, 24 - sum(len(s.text) for s in name)) if width > 150 else 0
    base = [*name, Span(" " * (pad + 2), "text"), *state]
    residual = _residual(pair)
    net = [Span(*span) for span in gain_word(pair.net_upnl, known)]
    funding = signed(pair.funding_realised)[0]
    share = share_of(pair)
    long = [*base]
    if residual:
        long += [Span("   residual ", "muted"), Span(residual, "text")]
    long += [Span("   net uPnL ", "muted"), *net, Span("   funding ", "muted"), funding]
    middle = [*base]
    if residual:
        middle += [Span("  Δ ", "muted"), Span(residual, "text")]
    middle += [Span("  net ", "muted"), *net, Span("  funding ", "muted"), funding]
    out = []
    if share:
        over = f" over {pair.intervals} interval{'' if pair.intervals == 1 else 's'}"
        out.append(
            [*long, Span("   realised / expected ", "muted"), Span(share, "text"), Span(over, "muted")]
        )
        out.append([*middle, Span("  real./exp. ", "muted"), Span(share, "text")])
    short = [*base, Span("  net ", "muted"), *net, Span("  fund ", "muted"), funding]
    out += [
        long,
        middle,
        short,
        [*base, Span("  net ", "muted"), *net],
        base,
        [name[0], name[1], Span(" ", "text"), *state],
    ]
    return out


def gain_word(value: Decimal | None, known: bool) -> Spans:
    """Money in a sentence: no arrow."""
    if value is None:
        return (Span(f.UNKNOWN, "muted"),)
    if not known:
        return (Span(g.LAST_KNOWN + f.signed(value), "stale"),)
    return (signed(value)[0],)


def _residual(pair: PairView) -> str:
    if pair.kind == "peg" or pair.residual is None:
        return f.UNKNOWN if pair.residual_usd is None else f.dollars(pair.residual_usd)
    places = max(3, f.places_of(pair.residual))
    return f"{f.number(pair.residual, min(6, places))} {f.clean(pair.group)}"


def share_of(pair: PairView) -> str:
    """Realised over expected funding, once something was expected."""
    if pair.funding_expected is None or pair.funding_expected <= 0 or not pair.intervals:
        return ""
    return f.percent(pair.funding_realised / pair.funding_expected, 0)


def pair_facts(pair: PairView) -> list[Spans]:
    facts: list[Spans] = [
        (Span(f"{pair.id} ", "*accent"), Span(pair_name(pair), "text")),
        (Span("costs ", "muted"), Span(f.number(pair.costs, 2), "text")),
        (Span("funding ", "muted"), signed(pair.funding_realised)[0]),
    ]
    if pair.funding_expected is not None:
        facts.append((Span("expected ", "muted"), Span(f.signed(pair.funding_expected), "text")))
    for coin, usd in pair.exposures.items():
        facts.append((Span(f"{f.clean(coin)} exposure ", "muted"), Span(f.number(usd, 0), "text")))
    return facts


def settlements(pair: PairView, most: int) -> list[Spans]:
    """Funding settlement by settlement, the newest first: what came of what was expected."""
    if not pair.settled:
        return []
    items: list[Spans] = [(Span("settled, of expected:", "muted"),)]
    before = pair.settled[0].ts
    for each in pair.settled[:most]:
        realised = (Span(f.UNKNOWN, "warn"),) if each.realised is None else (signed(each.realised)[0],)
        due = f.UNKNOWN if each.expected is None else f.signed(each.expected)
        at, before = f.when(each.ts, before, f.minute), each.ts
        items.append((Span(f"{at} ", "muted"), *realised, Span(f" of {due}", "muted")))
    return items
