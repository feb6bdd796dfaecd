"""A paste is one text, whatever control characters stand in it and wherever the terminal's chunks end."""

from __future__ import annotations

from itertools import count

from textual import events

from console.pasting import Plain, PlainParser
from screens import along

SENT = "H\x1b[200~ab\x1b[31mF F\x1b[0m\nc\x9b1m\x7f\x1b[201~q\x1b[A\x1b[200~\x1b\x1b[201~n"
READ = "H\x1b[200~ab[31mF F[0m\nc1m\x1b[201~q\x1b[A\x1b[200~\x1b[201~n"


def test_control_characters_leave_a_paste_wherever_the_chunks_end() -> None:
    for size in range(1, len(SENT) + 1):
        plain = Plain()
        chunks = [SENT[at : at + size] for at in range(0, len(SENT), size)]
        assert "".join(plain(chunk) for chunk in chunks) == READ, size


def test_no_key_comes_out_of_a_paste() -> None:
    parser = PlainParser()
    heard = [event for chunk in (SENT[:9], SENT[9:30], SENT[30:]) for event in parser.feed(chunk)]
    assert [event.key for event in heard if isinstance(event, events.Key)] == ["H", "q", "up", "n"]
    assert [event.text for event in heard if isinstance(event, events.Paste)][:1] == ["ab[31mF F[0m\nc1m"]


def test_keys_of_one_piece_are_told_from_a_hands() -> None:
    """A terminal without brackets types the paste: its end comes along, however late it is answered."""
    seconds = count()
    parser = PlainParser(clock=lambda: float(next(seconds)))
    heard = [event for chunk in ("R", "ok\r", "\r", "\x1b[A", "x\x1b[B") for event in parser.feed(chunk)]
    keys = [event for event in heard if isinstance(event, events.Key)]
    assert [(event.key, along.is_along(event)) for event in keys] == [
        ("R", False), ("o", False), ("k", True), ("enter", True), ("enter", False), ("up", False),
        ("x", False), ("down", True),
    ]  # fmt: skip
    assert along.is_along(along.again(keys[3]))
    assert not along.is_along(along.again(keys[4]))


def test_a_paste_that_closes_its_own_brackets_types_no_answer() -> None:
    """Where the terminal takes no control characters out: behind its own end of the paste a text is keys."""
    heard = list(PlainParser().feed("\x1b[200~all ok\x1b[201~\rF\x1b[201~"))
    assert [event.text for event in heard if isinstance(event, events.Paste)] == ["all ok"]
    keys = [event for event in heard if isinstance(event, events.Key)]
    assert [event.key for event in keys][:2] == ["enter", "F"]
    assert all(along.is_along(event) for event in keys)


def test_a_text_that_comes_in_pieces_is_one_text() -> None:
    """Its answer may stand first in a piece: the rest of a text comes at once, a hand's next key does not."""
    now = [0.0]
    parser = PlainParser(clock=lambda: now[0])
    keys = []
    pieces = ((0.0, "F"), (0.005, "F"), (1.0, "two lots"), (0.005, "F"), (0.005, "\r"), (0.1, "F"))
    for after, chunk in pieces:
        now[0] += after
        keys += [event for event in parser.feed(chunk) if isinstance(event, events.Key)]
    told = [along.is_along(event) for event in keys]
    assert told == [False, False, False, *[True] * 7, True, True, False]
    pasted = [*parser.feed("\x1b[200~all ok\x1b[201~"), *parser.feed("\r")]
    assert [along.is_along(event) for event in pasted if isinstance(event, events.Key)] == [True]
