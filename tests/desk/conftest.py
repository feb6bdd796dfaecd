"""A desk that holds one hedged pair: made once, and given to each test anew."""

from __future__ import annotations

import decimal
from collections.abc import Iterator

import pytest

from services.desk.desk import Desk
from services.domain.enums import PairState
from services.domain.money import DESK_CONTEXT
from tests.desk.guard import Guard
from tests.desk.world import DeskWorld, quick


@pytest.fixture(scope="session")
def standing() -> tuple[DeskWorld, bytes]:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED]).run(1)
    return world, world.desk.export()


@pytest.fixture
def desk(standing: tuple[DeskWorld, bytes]) -> Iterator[Desk]:
    world, blob = standing
    with decimal.localcontext(DESK_CONTEXT):
        yield Desk(world.settings, world.desk.core.instruments, Desk.restore(blob), instance="abc123")


@pytest.fixture
def guard(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Guard:
    desk.core.out = []
    return Guard(desk, monkeypatch)
