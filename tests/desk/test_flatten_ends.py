"""A flatten that ends in the very turn in which the next one begins (a breaker's, say)."""

from __future__ import annotations

import decimal

import pytest
from msgspec.structs import replace

from services.desk import controls
from services.domain.enums import PairState
from services.domain.money import DESK_CONTEXT
from services.settings.catalog import set_value
from services.settings.errors import SettingsError
from services.settings.parameters import Execution, Settings
from tests.desk.world import DeskWorld, quick


def test_the_end_of_a_flatten_is_told_though_the_next_one_has_begun() -> None:
    """Its run was forgotten for the new one, and looking it up ended the engine, orders under way."""
    at_once = replace(quick(), exec=Execution(flatten_no_progress_s=0))
    world = DeskWorld(settings=at_once).until(lambda w: w.pair_states() == [PairState.HEDGED])
    desk = world.desk
    with decimal.localcontext(DESK_CONTEXT):
        controls.flatten(desk.core, desk.submit, "breaker daily")
        controls.flatten(desk.core, desk.submit, "breaker rolling")
    assert len(desk.submit.flattened) == 2
    world.run(6)
    assert desk.submit.flattened == []
    assert desk.core.alerts.is_open("flatten left:all")


@pytest.mark.parametrize(
    ("key", "value"),
    [("flatten_no_progress_s", "0"), ("band_dwell_ms", "1h"), ("in_doubt_probes_s", "0.25, 0")],
)
def test_what_would_keep_a_flatten_from_working_is_no_setting(key: str, value: str) -> None:
    """Probes 0 s apart ask for ever within one instant: the desk heard of nothing else."""
    with pytest.raises(SettingsError):
        set_value(Settings(), f"exec.{key}", value)
