"""What `:set` has overridden: taken back, kept over a restart, and behind the environment (RUNTIME 7)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk.desk import Desk
from services.domain.enums import PairState
from services.settings.errors import SettingsError
from services.settings.resolve import resolve
from tests.desk.world import DeskWorld, quick


def test_an_override_is_taken_back_by_the_name_it_was_given_and_never_into_a_contradiction() -> None:
    """Undone alone, one of two that fit together would leave limits that contradict each other: an answer,
    and no end of the engine."""
    world = DeskWorld("calm").run(90)
    assert world.answer("set", key="ladder.cut", value="0.9", reason="x").ok
    assert world.answer("set", key="ladder.reducing", value="0.85", reason="x").ok
    refused = world.answer("unset", key="ladder.cut", reason="x")
    assert (refused.exit, "ladder.reducing" in refused.text) == (2, True)
    assert world.desk.core.settings.ladder.cut == Decimal("0.9")
    assert world.answer("limit", symbol="USDT-PERP", key="max_size", value="90000").ok
    missed = world.answer("unset", key="USDT-PERP", reason="x").text
    assert missed.endswith("what is: ladder.cut, ladder.reducing, gate.limits.USDT-PERP.max_position")
    assert world.answer("unset", key="limit.USDT-PERP.max_size", reason="x").ok
    assert list(world.desk.state.overrides) == ["ladder.cut", "ladder.reducing"]


def test_overrides_hold_over_a_restart_whatever_the_order_they_came_in() -> None:
    """Set down, its neighbour up, and then up itself: by name it stands before what made room for it."""
    world = DeskWorld("calm").run(90)
    for key, value in (("reducing", "0.55"), ("cut", "0.95"), ("reducing", "0.85")):
        assert world.answer("set", key=f"ladder.{key}", value=value, reason="x").ok
    core = world.desk.core
    core.state.overrides["gone_since.hold_h"] = "48h"
    again = Desk(core.base_settings, core.instruments, Desk.restore(world.desk.export()))
    assert again.core.settings == core.settings
    with pytest.raises(SettingsError, match=r"^override in the store .*ladder\.reducing = 0\.85"):
        Desk(
            replace(core.base_settings, pinned=("ladder.cut",)),
            core.instruments,
            Desk.restore(world.desk.export()),
        )
    unset = world.answer("unset", key="gone_since.hold_h")
    assert unset.ok, unset.text


def test_a_value_that_is_not_taken_any_more_is_passed_over_unless_it_is_a_limit() -> None:
    """Refused, nothing but an older program could ever start on that store."""
    world = DeskWorld("calm").run(5)
    core = world.desk.core
    core.state.overrides["exec.in_doubt_probes_s"] = "0s"
    again = Desk(core.base_settings, core.instruments, Desk.restore(world.desk.export()))
    assert again.core.settings == core.base_settings
    core.state.overrides["gate.orders_per_second"] = "half"
    with pytest.raises(SettingsError, match=r"orders_per_second"):
        Desk(core.base_settings, core.instruments, Desk.restore(world.desk.export()))


def test_what_the_environment_gives_goes_before_an_override() -> None:
    """RUNTIME 7: flag > environment > override, in the desk itself."""
    key = "gate.max_order_notional"
    settings = resolve("sim", environ={"STABLECONSOLE_GATE__MAX_ORDER_NOTIONAL": "10000"}).settings
    world = DeskWorld("calm", settings=settings).run(90)
    world.desk.state.overrides[key] = "20000"
    again = Desk(settings, world.desk.core.instruments, Desk.restore(world.desk.export()))
    assert again.core.settings.gate.max_order_notional == 10_000
    refused = world.answer("set", key=key, value="20000", reason="x")
    assert (refused.exit, "the environment" in refused.text) == (2, True)
    assert world.desk.core.settings.gate.max_order_notional == 10_000


@pytest.mark.parametrize(
    ("key", "value", "taken"),
    [("pair.slice_notional", "1" + "0" * 40, False), ("ladder.no_new_risk", "0", True)],
)
def test_no_value_that_is_typed_ends_the_engine(key: str, value: str, taken: bool) -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    assert world.answer("set", key=key, value=value, reason="x").ok is taken
    world.run(6)
