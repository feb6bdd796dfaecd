"""The answer bar as lines: five cells of equal width, the same place and order at every size."""

from __future__ import annotations

from collections.abc import Sequence

from screens import format as f
from screens.draw.answer import Answer
from screens.ink import Line, Span, Spans, broken, measure
from themes import glyphs as g

_EDGE = {"ok": "ok_bar", "warn": "warn_bar", "alarm": "alarm_bar", "fill": "on_alarm", "wait": "faint"}
_GROUND = {
    "ok": "surface",
    "warn": "warn_surface",
    "alarm": "alarm_surface",
    "fill": "alarm_fill",
    "wait": "surface",
}


def draw(found: Sequence[Answer], width: int, rows: int, flash: bool = False) -> list[Line]:
    """`rows` = 4, 3 or 1 (the words alone)."""
    if rows <= 1:
        return [_words(found, width)]
    lines = [Line() for _ in range(rows)]
    for at, answer in enumerate(found):
        start, end = width * at // 5, width * (at + 1) // 5
        last = at == len(found) - 1
        cell = _cell(answer, end - start - (0 if last else 1), rows, flash and last)
        for line, part in zip(lines, cell, strict=True):
            line.extend(part.spans)
            if not last:
                line.add(" ", "text")
    return [line.fitted(width) for line in lines]


def _cell(answer: Answer, width: int, rows: int, flash: bool) -> list[Line]:
    filled = answer.level == "fill" or (flash and answer.level == "alarm")
    ground = "@alarm_fill" if filled else "@" + _GROUND[answer.level]
    edge = "on_alarm" if filled else _EDGE[answer.edge or answer.level]
    room = max(0, width - (3 if width >= 36 else 2))
    wide = room >= 30 and rows >= 4
    question = (
        answer.question
        if wide and len(answer.question) + measure(answer.corner) < room
        else answer.short_question
    )
    texts: list[Spans] = [(Span(f.cut(question, room), "on_alarm" if filled else "muted"),)]
    word = answer.word if len(answer.word) + 2 <= room else answer.short_word or answer.word
    if len(word) + 2 > room:
        word = _tiny(word, room - 2)
    texts.append((Span(f"{answer.glyph} {word}", answer.ink),))
    if rows >= 4:
        texts += _evidence(answer, room)
    else:
        texts.append(_chosen(answer.brief, room))
    lines = []
    for at, spans in enumerate(texts):
        line = Line([Span(g.EDGE, edge + ground), Span(" ", "text" + ground)])
        for text, ink in _tabbed(spans, room):
            line.add(
                text,
                ("*on_alarm" if filled and ink.startswith("*") else "on_alarm" if filled else ink) + ground,
            )
        if at == 0 and wide and answer.corner and line.width + measure(answer.corner) + 2 <= width:
            line.to(width - 1 - measure(answer.corner), "text" + ground)
            for text, ink in answer.corner:
                line.add(text, ("on_alarm" if filled else ink) + ground)
        lines.append(line.to(width, "text" + ground).fitted(width))
    return lines


def _evidence(answer: Answer, room: int) -> list[Spans]:
    first, second = answer.evidence
    shortest = first[-1] if first else ()
    if answer.wraps and len(shortest) == 1 and measure(shortest) > room:
        text, ink = shortest[0]
        head, *rest = broken(text, room)
        return [(Span(head, ink),), (Span(f.cut(" ".join(rest), room), ink),)]
    return [_chosen(first, room), _chosen(second, room)]


def _chosen(choices: Sequence[Spans], room: int) -> Spans:
    """The widest wording that fits; free text is cut, and a wording that starts with a figure never is."""
    for spans in choices:
        if (
            measure(spans) - sum(text.count("\t") for text, _ in spans) + any("\t" in t for t, _ in spans)
            <= room
        ):
            return spans
    if not choices:
        return ()
    out: list[Span] = []
    left = room
    for text, ink in choices[-1]:
        out.append(Span(f.cut(text, left), ink))
        left -= len(out[-1].text)
        if left <= 0 or out[-1].text != text:
            break
    return tuple(out)


def _tabbed(spans: Spans, room: int) -> list[Span]:
    """A tab pushes what follows to the right edge of the cell."""
    out: list[Span] = []
    for text, ink in spans:
        if text.startswith("\t"):
            rest = text[1:]
            out.append(Span(" " * max(1, room - measure(out) - len(rest)), "text"))
            out.append(Span(rest, ink))
        else:
            out.append(Span(text, ink))
    return out


def _words(found: Sequence[Answer], width: int) -> Line:
    """Five words on one line: the smallest bar that still answers."""
    line = Line()
    for at, answer in enumerate(found):
        start, end = width * at // 5, width * (at + 1) // 5
        ground = "@" + _GROUND[answer.level]
        room = end - start - 1
        words = [answer.word, answer.short_word or answer.word]
        shown = [f"{answer.glyph} {word}" for word in words]
        # A whole word says more than the blank before it, or its glyph.
        shown += [f"{answer.glyph}{words[0]}", words[0]]
        if not any(char.isdigit() for char in words[1]):
            shown += [f"{answer.glyph}{words[1]}", words[1]]
        shown.append(f"{answer.glyph} {_tiny(words[1], room - 2)}")
        text = next((each for each in shown if len(each) <= room), shown[-1][:room])
        line.extend(Line([Span(text, answer.ink + ground)]).to(room, "text" + ground).spans).add(" ", "text")
    return line.fitted(width)


def _tiny(word: str, room: int) -> str:
    """A word for very little room: figures stay whole or go."""
    first = word.split(" away", maxsplit=1)[0]
    if len(first) <= room:
        return first
    if any(char.isdigit() for char in first):
        parts = [part for part in first.split(" ") if len(part) <= room]
        return parts[0] if parts else ""
    return first[:room]
