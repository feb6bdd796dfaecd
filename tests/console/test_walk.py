"""Keyboard only: every key of the table does something on its screen, every command can be typed."""

from __future__ import annotations

import pytest

from console.keymap import KEYS
from screens.rooms import BY_NAME
from services.protocol.commands import SPECS
from tests.console.fixtures import halted_desk, halted_strip
from tests.console.rooms import ROOM_VIEWS
from tests.console.test_keys import Desk, open_desk

BEFORE = {
    "row.up": ("down", "down"),
    "page.up": ("end",),
    "row.first": ("end",),
    "row.last": ("home",),
    "page.down": ("home",),
}
"""Keys that do something only after others."""


def state(d: Desk) -> tuple[object, ...]:
    desk = d.app.desk
    where = (desk.room.name, desk.active, desk.panes[desk.active].cursor.key, desk.drawer_open)
    return (len(d.link.sent), desk.said, desk.dialog, desk.field, d.app.screen, *where, d.text)


async def back(d: Desk) -> None:
    """To a screen without field, dialog or palette, by keys."""
    for _ in range(4):
        desk = d.app.desk
        if d.app.screen is desk and desk.dialog is None and desk.field is None:
            return
        await d.press("escape")


async def test_every_key_does_something_where_it_is_offered() -> None:
    async with open_desk(halted_strip(), halted_desk()) as d:
        for made in ROOM_VIEWS.values():
            d.link.views |= {topic: view for topic, view in made().items() if topic != "desk"}
        done = []
        for key in (key for key in KEYS if key.action != "quit"):
            for room in key.on or ("desk",):
                away = "2" if key.action == f"show('{room}')" or key.keys == BY_NAME[room].key else ""
                await back(d)
                await d.press(away or BY_NAME[room].key, *BEFORE.get(key.id, ()))
                if key.id in ("pause", "ack"):  # of the desk's view, which has to be the present one
                    d.link.tell("desk")
                    await d.pilot.pause(0.2)
                d.app.desk.said = None
                before = state(d)
                await d.press(key.keys.split(",")[0])
                assert state(d) != before, (key.id, room)
                assert "does nothing here" not in (d.app.desk.said or ("",))[0], (key.id, room)
                done.append(key.id)
        assert set(done) == {key.id for key in KEYS} - {"quit"}
        await back(d)
        await d.press("q")
        assert d.app.desk.dialog is not None


@pytest.mark.parametrize("part", [0, 1])
async def test_every_command_can_be_typed(part: int) -> None:
    specs = [spec for spec in SPECS if spec.line][part::2]
    async with open_desk(halted_strip(), halted_desk()) as d:
        for spec in specs:
            await back(d)
            d.link.sent.clear()
            await d.press("colon", f"={spec.example}", "enter")
            await d.pilot.pause()
            names = [name for name, _ in d.link.sent]
            asked = d.app.desk.dialog is not None or (d.app.desk.said or ("",))[0].startswith("no difference")
            assert spec.name in names or asked, (spec.name, names)
