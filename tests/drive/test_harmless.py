"""A screen's list that breaks must not break the desk."""

from __future__ import annotations

import logging

import pytest

from services.domain.effects import Effect
from services.drive.harmless import harmless
from tests.desk.world import DeskWorld, quick


def test_a_listener_that_raises_is_told_once_and_the_desk_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Effect] = []

    def broken(effect: Effect, _ts: int) -> None:
        heard.append(effect)
        raise ValueError("a picture")

    world = DeskWorld(settings=quick())
    world.machine.on_effect = harmless(broken, "the list")
    log = logging.getLogger("stableconsole.engine")
    log.propagate = True
    with caplog.at_level(logging.ERROR, logger=log.name):
        world.run(90)
    assert len(heard) == 1
    assert [record.message for record in caplog.records].count(
        "the list is not kept for the screens any more"
    ) == 1
    assert world.seconds >= 90
    assert not [name for name, *_ in world.causes() if "desk failed" in name]
