"""A paste is one text, whatever control characters stand in it and wherever the terminal's chunks end."""

from __future__ import annotations

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
    parser = PlainParser()
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
