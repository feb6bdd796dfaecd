"""What the panes and the line above the keys tell: by a person's own limits, the unknown last, whole."""

from __future__ import annotations

import json
import os
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from console.app import make_app
from console.memory import NAME, Kept, merge
from screens.draw import funding, positions
from screens.draw.risk_tables import accounts
from screens.memory import HISTORY, Memory
from screens.ui import Terminal
from services.settings.layout import StateLayout
from services.views.desk import PositionView
from tests.console.fixtures import quiet_desk, quiet_strip
from tests.console.stub import StubLink
from tests.console.test_keys import open_desk
from tests.console.test_layout import context

FOUND = Terminal(fps=10, remote=False, ascii=False, palette="dark")


def test_liquidation_is_coloured_by_the_limits_that_a_person_has_set() -> None:
    """In Positions and in the accounts' table as in the answer bar; limits that nobody told make it near."""
    held = quiet_desk()
    away = min(p.liquidation_away for p in held.positions if p.liquidation_away is not None)
    joint = min(a.joint_distance for a in held.risk.accounts if a.joint_distance is not None)
    low, between, high = min(away, joint) / 2, (away, joint), max(away, joint) * 2
    for limit, reducing, word in (
        (low, low, "ok"),
        (high, low, "warn"),
        (high, high, "alarm"),
        (None, None, "warn"),
    ):
        seen = context(distance_limit=limit, distance_reducing=reducing)
        assert {seen.near(one) for one in between} == {word}
        inks = {
            span.ink.lstrip("*")
            for line in [
                *(line for row in positions.draw(held, 190, seen).rows for line in row.lines),
                *accounts(held.risk, 62, seen),
            ]
            for span in line.spans
            if span.text.strip("━╾") == "" and span.text
        }
        assert inks == {f"{word}_bar"}


def test_what_is_unknown_is_ranked_behind_everything_that_is_known() -> None:
    """An uPnL that is not known once counted as 0, between the wins and the losses."""
    held = quiet_desk()
    groups: dict[str, list[PositionView]] = {}
    for p in held.positions:
        groups.setdefault(p.pair or "", []).append(p)
    first = next(iter(groups))
    for order, field in (("uPnL", "upnl"), ("size", "notional"), ("age", "age_ms")):
        blind = tuple(replace(p, **{field: None}) if (p.pair or "") == first else p for p in held.positions)
        rows = positions.draw(replace(held, positions=blind), 190, context(sort=order)).rows
        keys = [row.key for row in rows if row.key]
        assert set(keys[-len(groups[first]) :]) == {p.key for p in groups[first]}, order
    spreads = tuple(
        replace(r, rank=None, spread=None if at == 0 else -abs(r.spread or Decimal(1)))
        for at, r in enumerate(held.funding)
    )
    rows = funding.draw(replace(held, funding=spreads), 190, context(sort="spread")).rows
    assert [row.key for row in rows if row.key][-1] == funding.key_of(spreads[0])


@pytest.mark.parametrize(("width", "height", "rows"), [(80, 24, 3), (200, 60, 2), (60, 20, 4)])
async def test_a_long_refusal_is_read_whole(width: int, height: int, rows: int) -> None:
    """What it says to do is at its end, which 80 columns cut away."""
    text = (
        "■ refused: cluster notional 61,240 would pass its limit of 50,000 (gate.cluster_limit) for the "
        "coins USDT and USDC; close a pair of this cluster first, or raise it with :limit CLUSTER max_size "
        "and a reason"
    )
    async with open_desk(size=(width, height)) as d:
        desk = d.app.desk
        before = d.text
        desk.say(text, "*warn")
        await d.pilot.pause(0.1)
        shown = [line.plain.strip(" :") for line in desk.command_line.lines]
        assert len(shown) == rows
        assert " ".join(shown) == text
        below = d.text.splitlines()
        assert any(line.rstrip().endswith(" reason") for line in below[-4:])
        if height >= 24:
            assert "flatten" in below[-1], "the keys stay"
        desk.say("halted")
        await d.pilot.pause(0.1)
        assert len(desk.command_line.lines) == 1
        desk.say(text, "*warn")
        await d.pilot.pause(0.1)
        await d.press("escape")
        await d.pilot.pause(0.1)
        assert d.text == before, "and nothing of it is left"


@pytest.mark.parametrize(
    ("width", "height", "dialog"), [(80, 24, "F"), (60, 20, "q"), (60, 20, "F"), (40, 14, "R")]
)
async def test_a_refusal_at_a_dialog_is_read_whole_and_the_dialog_keeps_its_keys(
    width: int, height: int, dialog: str
) -> None:
    """`H` at a lost engine from a dialog: what is left to do was cut away, or lay behind a tall one."""
    text = "halt was not sent; " + "close all without one, " * 4 + "stableconsole flatten --direct"
    async with open_desk(size=(width, height)) as d:
        desk = d.app.desk
        await d.press(dialog)
        assert desk.dialog is not None
        desk.say(text, "*alarm")
        await d.pilot.pause(0.1)
        shown = [line.plain.strip(" :") for line in desk.command_line.lines]
        assert " ".join(shown) == text
        seen = d.text
        assert all(line.plain.strip(" :") in seen for line in desk.command_line.lines)
        assert desk.dialog.lines[-2].plain.strip("│ ") in seen, "the keys of the dialog"
        await d.press("n")
        assert " ".join(line.plain.strip(" :") for line in desk.command_line.lines) == text


def test_no_console_takes_back_what_another_has_chosen(tmp_path: Path) -> None:
    """Two consoles once wrote whole files over each other: the second one's start had won."""
    layout = StateLayout(tmp_path)
    old = Kept(layout)
    old.memory.hidden["positions"] = ["entry"]
    old.memory.history += ["halt", "halt"]
    old.save(old.memory)
    one, other = Kept(layout), Kept(layout)
    one.memory.hidden["positions"] = []
    one.memory.told.append("tour")
    one.memory.history.append("resume one")
    one.save(one.memory)
    other.memory.hidden["funding"] = ["costs"]
    other.memory.theme = "light"
    other.memory.history.append("resume other")
    other.save(other.memory)
    one.memory.sorts["positions"] = "uPnL"
    one.memory.history.append("halt")
    one.save(one.memory)
    kept = Kept(layout).memory
    assert kept == Memory(
        hidden={"positions": [], "funding": ["costs"]},
        sorts={"positions": "uPnL"},
        told=["tour"],
        theme="light",
        history=["halt", "halt", "resume one", "resume other", "halt"],
    )
    assert [each.name for each in tmp_path.iterdir()] == [NAME], "nothing is left beside it"


def test_a_history_that_is_full_and_a_file_that_is_broken_lose_nothing(tmp_path: Path) -> None:
    full = [f"line {at}" for at in range(HISTORY)]
    mine = Memory(history=[*full[2:], "a", "b"])
    merged = merge(Memory(history=full), mine, Memory(history=[*full[1:], "theirs"]))
    assert merged.history == [*full[3:], "theirs", "a", "b"][-HISTORY:]
    layout = StateLayout(tmp_path)
    kept = Kept(layout)
    kept.memory.told.append("tour")
    (tmp_path / NAME).write_text("{ no json")
    kept.save(kept.memory)
    assert Kept(layout).memory == Memory(told=["tour"])


@pytest.mark.parametrize("broken", [b'{"theme": "\xff"}', b'{"hidden": ' + b"[" * 100_000])
def test_a_file_that_no_editor_should_have_written_costs_habits_and_no_start(
    tmp_path: Path, broken: bytes
) -> None:
    (tmp_path / NAME).write_bytes(broken)
    kept = Kept(StateLayout(tmp_path))
    assert kept.memory == Memory()
    kept.memory.theme = "light"
    kept.save(kept.memory)
    assert Kept(StateLayout(tmp_path)).memory == Memory(theme="light")


def test_consoles_that_write_at_once_all_keep_their_choice(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path)
    consoles = [Kept(layout) for _ in range(4)]
    ready = threading.Barrier(len(consoles))

    def choose(at: int) -> None:
        ready.wait()
        consoles[at].memory.sorts[f"pane {at}"] = "age"
        consoles[at].save(consoles[at].memory)

    threads = [threading.Thread(target=choose, args=(at,)) for at in range(len(consoles))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Kept(layout).memory.sorts == {f"pane {at}": "age" for at in range(len(consoles))}


def test_a_file_of_another_version_keeps_what_this_one_does_not_know(tmp_path: Path) -> None:
    """An older console once took a newer one's habits away, and one field of another type all of them."""
    layout, file = StateLayout(tmp_path), tmp_path / NAME
    newer = {
        "theme": "light",
        "hidden": {"positions": ["entry"]},
        "sorts": [["positions", "uPnL"]],
        "zoom": 3,
    }
    file.write_text(json.dumps(newer))
    kept = Kept(layout)
    assert kept.memory == Memory(theme="light", hidden={"positions": ["entry"]})
    kept.memory.told.append("tour")
    kept.save(kept.memory)
    assert json.loads(file.read_bytes()) == newer | {"told": ["tour"], "history": []}
    kept.memory.sorts["funding"] = "spread"
    kept.save(kept.memory)
    assert json.loads(file.read_bytes())["sorts"] == {"funding": "spread"}, "chosen here"
    assert Kept(layout).memory == kept.memory


def test_what_a_console_left_that_ended_while_it_wrote_goes(tmp_path: Path) -> None:
    old, young, other = (tmp_path / f"{NAME}.{end}" for end in ("41", "42", "kept"))
    for left in (old, young, other):
        left.write_text("{")
    os.utime(old, (0, 0))
    os.utime(other, (0, 0))
    kept = Kept(StateLayout(tmp_path))
    kept.memory.theme = "light"
    assert kept.save(kept.memory) is None
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / NAME, young, other])


async def test_that_nothing_can_be_kept_is_said_once(tmp_path: Path) -> None:
    """In a folder that takes no file choices were lost in silence."""
    (tmp_path / NAME).mkdir()
    kept = Kept(StateLayout(tmp_path))
    app = make_app(
        StubLink(quiet_strip(), quiet_desk()),
        found=FOUND,
        memory=kept.memory,
        save=kept.save,
        clock=lambda: 0.0,
    )
    async with app.run_test(size=(120, 40)) as pilot:
        told = f"what you choose here is not kept: {tmp_path / NAME}: Is a directory"
        for said in (told, "Positions: by size"):
            await pilot.press("s")
            await pilot.pause()
            assert app.desk.said is not None
            assert app.desk.said[0] == said
        assert app.desk.contents.sort("positions") == "size"
    assert [each.name for each in tmp_path.iterdir()] == [NAME], "no half of it is left"
