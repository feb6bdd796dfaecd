"""The Strategies screen's view: parameters as `:set` takes them, and what an override does to them."""

from __future__ import annotations

from services.desk.views.cache import ViewCache
from services.desk.views.strategies import strategies_view
from services.domain.enums import PairState
from services.settings.catalog import set_value
from services.views.strategies import ParameterView, StrategiesView
from tests.desk.world import DeskWorld, quick


def parameter(view: StrategiesView, key: str) -> ParameterView:
    return next(one for each in view.strategies for one in each.parameters if one.key == key)


def test_an_override_shows_beside_what_the_profile_says_and_goes_with_unset() -> None:
    world, cache = DeskWorld(settings=quick()), ViewCache()
    core = world.desk.core
    before = parameter(strategies_view(core, cache), "funding_arb.hold_h")
    assert (before.value, before.overridden) == (before.before, False)
    assert world.answer("set", key="funding_arb.hold_h", value="48h").ok
    after = parameter(strategies_view(core, cache), "funding_arb.hold_h")
    assert (after.value, after.before, after.overridden) == ("48h", before.value, True)
    assert world.answer("unset", key="funding_arb.hold_h").ok
    assert parameter(strategies_view(core, cache), "funding_arb.hold_h") == before


def test_a_refused_value_changes_nothing_that_is_shown() -> None:
    world, cache = DeskWorld(settings=quick()), ViewCache()
    before = strategies_view(world.desk.core, cache).strategies
    for value in ("-1h", "NaN", "soon", "48x"):
        assert not world.answer("set", key="funding_arb.hold_h", value=value).ok
    assert strategies_view(world.desk.core, cache).strategies == before


def test_every_value_is_accepted_as_it_is_shown() -> None:
    """What stands in the field when a person opens it must be a value `:set` takes."""
    core = DeskWorld(settings=quick()).desk.core
    shown = [one for each in strategies_view(core).strategies for one in each.parameters]
    assert len(shown) > 15
    for one in shown:
        assert set_value(core.settings, one.key, one.value) == core.settings, one.key


def test_pairs_and_their_strategy_are_counted() -> None:
    world = DeskWorld(settings=quick())
    world.until(lambda w: w.pair_states() == [PairState.HEDGED])
    view = strategies_view(world.desk.core)
    assert [one.pairs for one in view.strategies] == [1]
    assert view.pairs[0].strategy == view.strategies[0].status.name
    assert view.strategies[0].status.reason


def test_a_pair_that_is_held_is_not_said_to_be_opened_just_now() -> None:
    """`Decided 8.0 s, open P-01: spread 42` stood there for hours, while the spread had long turned."""
    world = DeskWorld(settings=quick())
    world.until(lambda w: w.pair_states() == [PairState.OPENING])
    (opening,) = strategies_view(world.desk.core).strategies
    assert opening.status.reason.startswith("open P-01: spread ")
    world.until(lambda w: w.pair_states() == [PairState.HEDGED])
    world.run(25)
    (holding,) = strategies_view(world.desk.core).strategies
    assert holding.status.last_decision > opening.status.last_decision
    assert holding.status.reason == opening.status.reason.replace("open P-01: ", "holds P-01, opened on ")
