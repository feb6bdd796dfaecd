"""The mutator itself: what it changes, what it leaves alone, and that a mutant really runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.domain.enums import TradingState
from services.risk import causes
from tests.mutation.operators import mutants_of
from tests.mutation.swap import NotSwappable, install

ROOT = Path(__file__).resolve().parents[2]


def changes(source: str) -> list[str]:
    return [f"{mutant.function}: {mutant.what}" for mutant in mutants_of("services/x.py", source)]


def test_each_operator_changes_what_it_should() -> None:
    assert changes("def f(a, b):\n    return a < b\n") == ["f: a < b → a <= b", "f: a < b → a >= b"]
    assert changes("def f(a, b):\n    return a and b\n") == ["f: a and b → b", "f: a and b → a"]
    assert changes("def f(a):\n    return not a\n") == ["f: not a → a"]
    assert changes("def f(a):\n    a.go()\n") == ["f: a.go() → pass"]
    assert changes("def f(a):\n    return max(ZERO, -a + 1)\n") == [
        "f: max → min",
        "f: ZERO → ONE",
        "f: -a + 1 → -a - 1",
        "f: -a → a",
        "f: 1 → 2",
    ]
    assert changes("def f(a):\n    a += 1\n    a.b = 2\n") == [
        "f: a += 1 → pass",
        "f: 1 → 2",
        "f: a.b = 2 → pass",
        "f: 2 → 3",
    ]
    assert changes('X = Decimal("0.5")\n') == ["MODULE: '0.5' → '0.51'"]


@pytest.mark.parametrize(
    "source",
    [
        '"""Words."""\n',
        "def f(a: int = 1) -> int:\n    return a\n",
        "class C:\n    a: int = 1\n",
        'def f(a):\n    raise ValueError(f"{a < 1}")\n',
        "def f(a):\n    return Check(text=a + 1, subject=2)\n",
        '__all__ = ["a", "1"]\n',
    ],
)
def test_what_only_speaks_or_declares_is_left_alone(source: str) -> None:
    assert [text for text in changes(source) if "Check" not in text] == []


def test_a_mutant_runs_wherever_the_function_was_imported_and_can_be_taken_back() -> None:
    path = "services/risk/causes.py"
    (mutant,) = [
        one
        for one in mutants_of(path, (ROOT / path).read_text(encoding="utf-8"))
        if "worse: first.rank >=" in one.name and "→ first.rank < " in one.name
    ]
    held = causes.worse
    before = held.__code__
    try:
        install(mutant)
        assert held(TradingState.ACTIVE, TradingState.HALTED) is TradingState.ACTIVE
    finally:
        held.__code__ = before
    assert held(TradingState.ACTIVE, TradingState.HALTED) is TradingState.HALTED


def test_a_default_of_a_class_is_said_to_be_out_of_reach() -> None:
    path = "services/risk/causes.py"
    mutant = mutants_of(path, (ROOT / path).read_text(encoding="utf-8"))[0]
    lost = type(mutant)(mutant.path, "Cause", mutant.line, mutant.what, mutant.tree)
    with pytest.raises(NotSwappable):
        install(lost)


def test_names_are_unique() -> None:
    path = "services/risk/lines.py"
    names = [one.name for one in mutants_of(path, (ROOT / path).read_text(encoding="utf-8"))]
    assert len(names) > 100
    assert len(names) == len(set(names))
