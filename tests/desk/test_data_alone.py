"""A venue of market data alone: no account of ours is there, so nothing of it is unknown (SEMANTICS 2)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk.views.figures import Figures
from services.desk.views.limits import limit_views
from services.desk.views.strip import dot
from services.domain.effects import ReadAccount
from services.domain.enums import TradingState
from services.domain.events import AccountReport, Event
from services.domain.venue_events import RequestFailed
from tests.desk.world import Answers, DeskWorld, quick

D = Decimal


def no_key(due: int, event: Event) -> Answers:
    """Beta's words to somebody without a key."""
    if isinstance(event, AccountReport) and event.venue == "beta":
        failed = RequestFailed(venue="beta", what="read", subject=event.request, reason="needs a key", ts=due)
        return ((due, failed),)
    return ((due, event),)


def says_so(world: DeskWorld) -> None:
    beta = world.desk.core.state.venue("beta")
    assert beta.facts is not None
    world.machine.feed(replace(beta.facts, account=False, ts=world.now))


@pytest.fixture(scope="module")
def world() -> DeskWorld:
    made = DeskWorld("calm", settings=quick())
    made.wire.hook = no_key
    made.run(1)
    says_so(made)
    return made.run(60)


def bought(world: DeskWorld, venue: str) -> str:
    """What comes of a small order by hand."""
    answer = world.answer("buy", symbol=f"BTC-USDT-PERP.{venue}", size="0.01")
    world.run(2)
    return "" if answer.ok else answer.text


def test_the_other_account_trades_as_if_it_were_not_there(world: DeskWorld) -> None:
    equity = Figures(world.desk.core).equity
    assert equity == Figures(world.desk.core).margins["alpha"].equity
    assert equity is not None
    assert world.trading_state is TradingState.ACTIVE, world.causes()
    assert bought(world, "alpha") == ""
    assert world.position("BTC-USDT-PERP.alpha") == D("0.01")


def test_no_order_goes_there(world: DeskWorld) -> None:
    sent = len(world.sent)
    assert "no account on beta" in bought(world, "beta")
    assert len(world.sent) == sent


def test_its_account_is_asked_for_no_second_time_and_nothing_waits_for_it(world: DeskWorld) -> None:
    reads = [each for each in world.keeper.of(ReadAccount) if each.venue == "beta"]  # type: ignore[attr-defined]
    assert len(reads) == 2, "at the start and at the link, before it had said that there is none"
    command = world.command("reconcile")
    world.run(3)
    assert world.done[command].ok, world.done[command].text


def test_the_screen_says_what_it_is_and_calls_nothing_stale(world: DeskWorld) -> None:
    figures = Figures(world.desk.core)
    assert figures.opened
    assert dot(figures, "beta").text == "market data alone: no account of ours"
    fresh = next(row for row in limit_views(figures) if row.name == "data fresh")
    assert fresh.level == "OK", fresh.text


def test_what_our_books_hold_there_is_unknown_all_the_same() -> None:
    """The key of a venue that we have traded on was taken out of the profile."""
    world = DeskWorld("calm", settings=quick()).run(20)
    world.wire.hook = no_key
    says_so(world)
    world.run(200)
    assert world.desk.core.account_venues() == ("alpha", "beta")
    assert "all" in bought(world, "alpha")
    assert world.position("BTC-USDT-PERP.alpha") == 0
