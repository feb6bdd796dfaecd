"""The first run: a tour over the real screens, skipped by one key, never again; `config init` asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console import config, shell
from console.app import make_app
from screens.memory import Memory
from screens.rooms import ROOMS
from screens.tour import TOLD, TourDialog
from screens.ui import Terminal, UiSettings
from services.protocol.errors import ProductError, UsageError
from tests.console.fixtures import calm_strip, halted_desk, halted_strip, quiet_desk
from tests.console.stub import StubLink
from tests.console.test_keys import Clock, Desk, open_desk

FOUND = Terminal(fps=10, remote=False, ascii=False, palette="dark")


@asynccontextmanager
async def first_run(
    kept: list[Memory], strip: object = None, size: tuple[int, int] = (120, 40), memory: Memory | None = None
) -> AsyncIterator[Desk]:
    link = StubLink(strip or calm_strip(), quiet_desk())
    clock = Clock()
    app = make_app(
        link, UiSettings(tour=True), found=FOUND, clock=clock, memory=memory or Memory(), save=kept.append
    )
    async with app.run_test(size=size) as pilot:
        d = Desk(app, pilot, link, clock)
        link.tell("desk")
        await d.until(lambda: app.desk._offered)
        await pilot.pause(0.01)
        yield d


def tour(d: Desk) -> TourDialog:
    assert isinstance(d.app.desk.dialog, TourDialog)
    return d.app.desk.dialog


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_it_walks_over_every_screen_and_is_told_once(size: tuple[int, int]) -> None:
    kept: list[Memory] = []
    async with first_run(kept, size=size) as d:
        seen = []
        for _ in range(tour(d).count):
            seen.append(d.app.desk.room.name)
            assert d.app.focused is d.app.desk.dialog
            assert f"({len(seen)} of {tour(d).count})" in d.text
            await d.press("enter")
        assert d.app.desk.dialog is None
        assert {entry.name for entry in ROOMS} == set(seen)
        assert d.app.desk.room.name == "desk"
        assert kept[-1].told == [TOLD]
        assert d.link.sent == []
        d.link.tell("desk")
        await d.pilot.pause(0.2)
        assert d.app.desk.dialog is None


@pytest.mark.parametrize("key", ["n", "escape", "q"])
async def test_one_key_skips_it_for_good(key: str) -> None:
    kept: list[Memory] = []
    async with first_run(kept) as d:
        tour(d)
        await d.press(key)
        assert d.app.desk.dialog is None
        assert kept[-1].told == [TOLD]
        await d.press("H")
        assert d.link.sent == [("halt", {})]


async def test_arrows_walk_both_ways_and_h_halts_in_it() -> None:
    async with first_run([]) as d:
        await d.press("right", "right", "left")
        assert tour(d).at == 1
        await d.press("left", "left")
        assert tour(d).at == 0
        await d.press("H")
        assert d.link.sent == [("halt", {})]


async def test_it_does_not_come_while_something_calls_and_gives_way_to_an_alarm() -> None:
    kept: list[Memory] = []
    async with first_run(kept, strip=halted_strip()) as d:
        assert d.app.desk.dialog is None
        assert kept == [], "it comes at the next start then"
    async with first_run(kept) as d:
        tour(d)
        d.link.put(strip=halted_strip(), desk=halted_desk())
        await d.pilot.pause(0.3)
        assert d.app.desk.dialog is None


async def test_it_comes_to_nobody_who_saw_it_and_to_anybody_who_asks() -> None:
    async with open_desk() as d:
        d.link.tell("desk")
        await d.pilot.pause(0.2)
        assert d.app.desk.dialog is None
        await d.press("colon", "=tour", "enter")
        assert "(1 of " in d.text
        assert tour(d).at == 0


# ---- config init


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config" / "config.toml"
    monkeypatch.setenv("STABLECONSOLE_CONFIG", str(path))
    return path


def init_with(answers: Sequence[str]) -> tuple[list[str], list[str]]:
    """(questions, what was said between them)."""
    questions: list[str] = []
    said: list[str] = []
    left = iter(answers)

    def ask(question: str) -> str:
        questions.append(question)
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    config.ask_for_init(ask, said.append)
    return questions, said


def values(file: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in config.entries("sim", file)}


def test_enter_takes_the_safe_answers_which_are_the_defaults(file: Path) -> None:
    questions, _ = init_with(["", "", "", "", ""])
    assert len(questions) == 5
    assert "[25000 USD]" in questions[0]
    assert "valid" in config.check(file)
    assert all(entry.value == entry.default for entry in config.entries("sim", file))


def test_answers_are_checked_as_the_file_is_and_asked_again(file: Path) -> None:
    _, said = init_with(["lots", "5000", "2", "2bps", "2bps/8h", "vivid", "con", "yes"])
    assert any('gate.max_order_notional = "lots"' in line for line in said)
    assert any("funding_arb.min_spread" in line and "/8h" in line for line in said)
    assert any("expected one of: auto, dark" in line for line in said)
    assert values(file)["gate.max_order_notional"] == "5000 USD"
    assert values(file)["gate.portfolio_leverage"].startswith("2")
    assert values(file)["funding_arb.min_spread"].startswith("2")
    text = file.read_text(encoding="utf-8")
    assert 'theme = "contrast"' in text
    assert "bell = true" in text
    assert "valid" in config.check(file)


def test_a_looser_limit_is_taken_only_when_given_twice(file: Path) -> None:
    _, said = init_with(["100000", "100000", "9", "", "", "", ""])
    assert any("100000 is looser than the safe answer, 25000 USD" in line for line in said)
    assert values(file)["gate.max_order_notional"] == "100000 USD"
    assert values(file)["gate.portfolio_leverage"].startswith("5")


@pytest.mark.parametrize("answers", [[], ["5000"], ["x"] * 9])
def test_without_an_answer_nothing_is_written(file: Path, answers: list[str]) -> None:
    with pytest.raises(ProductError, match="nothing was written"):
        init_with(answers)
    assert not file.exists()


def test_it_asks_nothing_over_a_file_that_exists(file: Path) -> None:
    config.init()
    with pytest.raises(ProductError, match="exists already"):
        init_with([])


def test_without_a_terminal_it_asks_nobody(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="--yes takes the safe answers"):
        shell.run(["config", "init"])
    assert not file.exists()
    assert shell.run(["config", "init", "--yes"]) == 0
    assert str(file) in capsys.readouterr().out
    assert file.exists()
