"""`reconcile` and `reconcile accept`: a fresh read of every venue, and exactly the lines that were shown."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from services.domain.effects import ReadAccount
from services.domain.enums import PairState, Purpose, TradingState
from services.domain.events import AccountReport, Event, VenueLink
from services.domain.orders import OrderRequest
from tests.desk.world import Answers, DeskWorld, S, quick


def hedged() -> DeskWorld:
    world = DeskWorld(settings=quick())
    return world.until(lambda w: PairState.HEDGED in w.pair_states()).run(1)


def lose(world: DeskWorld, venue: str, coin: str, amount: str) -> None:
    """The venue's balance changes and no row of it says why."""
    world.exchange.venues[venue].state.account.add(coin, Decimal(amount))


def ask(world: DeskWorld, name: str = "reconcile", **args: str) -> tuple[int, dict[str, Any]]:
    identity = world.command(name, **args)
    world.until(lambda w: identity in w.done, 15)
    done = world.done[identity]
    answer = json.loads(done.result)
    assert done.ok is (done.exit == 0) is answer["ok"]
    return done.exit, answer


def test_reconcile_reads_every_venue_afresh_and_finds_nothing() -> None:
    world = hedged()
    reads = {venue: book.request for venue, book in world.desk.state.venues.items()}
    status, answer = ask(world)
    assert status == 0
    assert answer["differences"] == []
    assert answer["unread"] == []
    assert all(book.request > reads[venue] for venue, book in world.desk.state.venues.items())
    assert {"ok", "trading_state", "causes", "cancelled", "pending"} <= answer.keys()


def test_reconcile_finds_at_once_what_the_timer_would_find_later() -> None:
    world = hedged()
    lose(world, "alpha", "USDT", "-500")
    status, answer = ask(world)
    assert status == 4
    (line,) = answer["differences"]
    assert (line["kind"], line["venue"], line["subject"]) == ("balance", "alpha", "USDT")
    assert Decimal(line["theirs"]) - Decimal(line["ours"]) == -500
    assert line["state"] == "waiting"
    assert line["usd"] is not None
    assert "-500" in line["accepting"]
    assert answer["trading_state"] == "REDUCING"


def test_a_line_keeps_its_id_and_its_since_from_read_to_read() -> None:
    world = hedged()
    lose(world, "alpha", "USDT", "-500")
    _, first = ask(world)
    world.run(65)
    _, second = ask(world)
    assert [line["id"] for line in first["differences"]] == [line["id"] for line in second["differences"]]
    assert first["differences"][0]["since"] == second["differences"][0]["since"]


def test_accept_adopts_exactly_the_lines_that_were_named() -> None:
    world = hedged()
    lose(world, "alpha", "USDT", "-500")
    lose(world, "beta", "USDC", "-300")
    _, shown = ask(world)
    alpha, beta = (line["id"] for line in shown["differences"])
    status, answer = ask(world, "reconcile accept", ids=alpha)
    assert status == 4
    assert [line["id"] for line in answer["differences"]] == [beta]
    assert len(answer["accepted"]) == 1
    assert [cause[1] for cause in world.causes() if cause[0] == "reconcile"] == ["account:beta"]
    assert ask(world, "reconcile accept", ids=beta)[0] == 0
    world.run(60)
    assert world.trading_state is TradingState.ACTIVE
    world.books_agree()


def test_a_line_that_changed_since_it_was_shown_is_not_adopted_and_said_so() -> None:
    world = hedged()
    lose(world, "alpha", "USDT", "-500")
    _, shown = ask(world)
    (old,) = (line["id"] for line in shown["differences"])
    before = world.desk.core.ledger.account("alpha").balances["USDT"]
    lose(world, "alpha", "USDT", "-70")
    world.run(40)
    status, answer = ask(world, "reconcile accept", ids=old)
    assert status == 4
    assert answer["refused"] == [{"id": old, "why": "no longer there as it was shown: not adopted"}]
    assert answer["accepted"] == []
    assert world.desk.core.ledger.account("alpha").balances["USDT"] == before


def test_a_venue_that_does_not_answer_is_named_and_nothing_is_called_equal() -> None:
    world = hedged()

    def deaf(due: int, event: Event) -> Answers:
        return () if isinstance(event, AccountReport) and event.venue == "beta" else ((due, event),)

    world.wire.hook = deaf
    identity = world.command("reconcile")
    world.run(11)
    done = world.done[identity]
    assert done.exit == 1
    assert json.loads(done.result)["unread"] == ["beta"]


def test_two_who_ask_both_get_an_answer() -> None:
    world = hedged()
    first, second = world.command("reconcile"), world.command("reconcile")
    world.run(2)
    assert world.done[first].ok
    assert world.done[second].ok
    assert world.desk.state.reconciles == {}


def test_what_was_adopted_by_itself_is_listed_and_waits_for_nobody() -> None:
    world = hedged()
    lose(world, "alpha", "USD", "-3")
    status, answer = ask(world)
    assert status == 0
    assert [(line["subject"], line["state"]) for line in answer["differences"]] == [("USD", "adopted")]


def test_accounts_are_reconciled_at_start_after_each_reconnect_and_at_least_every_minute() -> None:
    world = DeskWorld(settings=quick()).run(200)
    asked: dict[str, list[int]] = {"alpha": [], "beta": []}
    reports = [e for e in world.keeper.inputs if isinstance(e, AccountReport)]
    for report in reports:
        asked[report.venue].append(report.ts)
    start = world.world.start
    for times in asked.values():
        assert times[0] - start < S
        assert all(later - earlier <= 60 * S for earlier, later in pairwise(times))
        assert world.now - times[-1] <= 60 * S
    before = len(world.keeper.of(ReadAccount))
    world.machine.feed(VenueLink("alpha", world.now, False, "lost"))
    world.machine.feed(VenueLink("alpha", world.now, True))
    reads = world.keeper.of(ReadAccount)[before:]
    assert [read.venue for read in reads if isinstance(read, ReadAccount)] == ["alpha"]


def test_a_line_that_an_order_in_doubt_may_explain_is_refused_until_its_last_word() -> None:
    """Accepted before, and heard of after it, a fill would count twice until the next read."""
    world = hedged()
    doubtful: list[str] = []

    def take(w: DeskWorld, order: OrderRequest) -> OrderRequest:
        if not doubtful and order.purpose is Purpose.EXIT:
            doubtful.append(order.client_order_id)
        return order

    def unheard(due: int, event: Event) -> Answers:
        """Its fill moves the venue's position, and every list that would name it is late."""
        if isinstance(event, AccountReport):
            fills = tuple(fill for fill in event.fills if fill.client_order_id not in doubtful)
            return ((due, replace(event, fills=fills)),)
        return () if getattr(event, "client_order_id", None) in doubtful else ((due, event),)

    world.on_submit, world.wire.hook = take, unheard
    (pair,) = world.desk.core.pairs.live()
    world.command("pair close", id=pair.id)
    world.until(lambda w: any(entry.in_doubt for entry in w.desk.core.orders.open_orders()))
    _, shown = ask(world)
    position = next(line for line in shown["differences"] if line["kind"] == "position")
    assert not position["acceptable"]
    entry = world.desk.core.orders.get(doubtful[0])
    assert entry is not None
    assert entry.request.instrument == position["subject"]
    spec = world.desk.core.instruments[position["subject"]]
    before = world.desk.core.ledger.size(spec)
    _, answer = ask(world, "reconcile accept", ids=position["id"])
    (refused,) = answer["refused"]
    assert refused["id"] == position["id"]
    assert f"order {doubtful[0]} has no last word yet" in refused["why"]
    assert world.desk.core.ledger.size(spec) == before
    world.wire.hook = lambda due, event: ((due, event),)
    world.run(70)
    world.books_agree()
