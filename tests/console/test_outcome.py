"""What came of a command, said in one line."""

from __future__ import annotations

import pytest

from screens.link import Answer
from screens.outcome import said


@pytest.mark.parametrize(
    ("name", "args", "answer", "text"),
    [
        ("halt", {}, Answer(ok=True, text="halted, 3 orders cancelled"), "halted, 3 orders cancelled"),
        (
            "halt",
            {},
            Answer(ok=True, text="", result={"trading_state": "HALTED", "cancelled": ["a"], "pending": []}),
            "halt: the desk is HALTED, 1 order cancelled",
        ),
        ("ack", {"key": "depeg:BUSD"}, Answer(ok=True, text=""), "ack depeg:BUSD"),
        (
            "flatten",
            {},
            Answer(
                ok=True,
                text="",
                result={
                    "flat": True,
                    "orders_left": [],
                    "positions_left": [],
                    "fresh_read_ts": 1_677_680_784_000_000_000,
                },
            ),
            "flat: 0 orders, 0 positions, read 14:26:24",
        ),
        (
            "flatten",
            {},
            Answer(ok=False, text="", result={"flat": False, "orders_left": [1], "positions_left": [1, 2]}),
            "flatten: 3 left open; flatten --json lists them",
        ),
        ("stop", {}, Answer(ok=False, text="no\x1b[31m answer"), "no?[31m answer"),
    ],
)
def test_the_answer_in_words(name: str, args: dict[str, str], answer: Answer, text: str) -> None:
    assert said(name, args, answer) == text
