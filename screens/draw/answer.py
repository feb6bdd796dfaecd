"""One of the five answers: a question, a word, evidence in wordings from wide to narrow."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from screens import format as f
from screens.ink import Spans


class Answer(Struct, frozen=True):
    level: str
    """`ok`, `warn`, `alarm`, `fill` (the one saturated fill: HALTED), `wait` (nothing known yet)."""
    question: str
    short_question: str
    glyph: str
    word: str
    """The answer itself."""
    short_word: str = ""
    corner: Spans = ()
    evidence: tuple[tuple[Spans, ...], tuple[Spans, ...]] = ((), ())
    """Two lines, each a choice of wordings from wide to narrow."""
    wraps: bool = False
    """Where the first line cannot hold what to do, it takes both: the second's own words go."""
    brief: tuple[Spans, ...] = ()
    """The one line of evidence of the smallest bar."""
    edge: str = ""
    """Level of the edge where it differs: acknowledged alerts keep it, without the tint."""

    @property
    def ink(self) -> str:
        return {"ok": "*pos", "warn": "*warn", "alarm": "*alarm", "fill": "*on_alarm", "wait": "*muted"}[
            self.level
        ]


QUESTIONS = (
    ("MAY I TRADE?", "TRADE?"),
    ("AM I HEDGED?", "HEDGED?"),
    ("HOW FAR FROM LIQUIDATION?", "LIQUIDATION?"),
    ("IS WHAT I SEE FRESH?", "FRESH?"),
    ("WHAT NEEDS ME?", "NEEDS ME?"),
)


def answer(at: int, level: str, glyph: str, word: str, **more: object) -> Answer:
    question, short = QUESTIONS[at]
    return Answer(level=level, question=question, short_question=short, glyph=glyph, word=word, **more)  # type: ignore[arg-type]


def alone(outright: Decimal | None) -> tuple[str, ...]:
    """What no pair holds, in few cells: `outright $3.0k`, `outright $3k`, `out $3k`."""
    if outright is None:
        return ("outright ?",)
    fine = f.short_dollars(abs(outright))
    whole = f.dollars(abs(outright) / 1000) + "k" if fine.endswith("k") else fine
    return (f"outright {fine}", f"outright {whole}", f"out {whole}")
