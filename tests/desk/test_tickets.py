"""Orders by hand: what is understood, what the gate says before and after, what may be cancelled."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest

from services.desk import gatekeeping, short, tickets
from services.desk.desk import Desk
from services.desk.views.lately import Lately
from services.desk.views.order_lists import orders_view
from services.desk.views.ticket import preview
from services.domain.effects import Done
from services.domain.enums import OrderState, PairState, Purpose, Side, TimeInForce
from services.domain.events import Command, OrderCanceled, OrderReport
from services.domain.money import DESK_CONTEXT
from services.domain.orders import OrderRequest
from services.risk.reducing import reducible
from tests.desk.world import DeskWorld, quick
from tests.screens.scenes import Run

BTC = "BTC-USDT-PERP.alpha"


class Played:
    """The default world after its first minutes, with a hand on its commands."""

    def __init__(self) -> None:
        self.run = Run("calm")
        self.lately = Lately()
        self.machine = self.run._machine
        self.machine.on_record = self.lately.hear
        self.answers: list[Done] = []
        self.machine.on_answer = lambda word: self.answers.append(word) if isinstance(word, Done) else None
        self.run.at(5)
        self.minutes = 5.0

    @property
    def desk(self) -> Desk:
        return self.run._desk

    def say(self, name: str, **args: str) -> Done:
        return self.command(name, args)

    def command(self, name: str, args: dict[str, str]) -> Done:
        now = self.machine.queue.now
        command = Command(id=f"{name}{len(self.answers)}", name=name, args=args, origin="console:1", ts=now)
        self.machine.feed(command)
        return self.answers[-1]

    def wait(self, minutes: float = 0.1) -> None:
        self.minutes += minutes
        self.run.at(self.minutes)

    def ask(self, **args: str) -> object:
        return preview(self.desk.core, self.desk.submit, args)

    def state(self) -> bytes:
        return msgspec.msgpack.encode(self.desk.state)


@pytest.fixture
def played() -> Iterator[Played]:
    with decimal.localcontext(DESK_CONTEXT):
        yield Played()


def bid(p: Played) -> Decimal:
    sides = p.desk.core.picture.sides(BTC)
    assert sides is not None
    return sides.bid


def test_a_preview_is_the_gates_answer_and_changes_nothing(played: Played) -> None:
    before = played.state()
    allowed = played.ask(side="buy", symbol=BTC, size="0.01")
    denied = played.ask(side="buy", symbol=BTC, size="40")
    assert played.state() == before
    assert allowed.allowed  # type: ignore[attr-defined]
    assert allowed.refusal == ""  # type: ignore[attr-defined]
    assert not denied.allowed  # type: ignore[attr-defined]
    assert "order notional" in denied.refusal  # type: ignore[attr-defined]
    rooms = [bound.notional for bound in allowed.bounds]  # type: ignore[attr-defined]
    assert rooms == sorted(rooms)
    assert rooms[0] > 0


def test_what_the_preview_allows_is_placed_and_what_it_denies_is_denied(played: Played) -> None:
    for size in ("0.01", "40"):
        said = played.ask(side="sell", symbol=BTC, size=size)
        done = played.say("sell", symbol=BTC, size=size)
        assert done.ok is said.allowed  # type: ignore[attr-defined]
        if not done.ok:
            assert (done.exit, said.refusal in done.text) == (4, True)  # type: ignore[attr-defined]


def test_spot_by_hand_is_paid_from_what_is_there(played: Played) -> None:
    """Its mark is the middle of the book; what is sold or paid with lies on the account, fee included."""
    name = "USDC/USD.alpha"
    said = played.ask(side="buy", symbol=name, size="2000")
    assert said.allowed  # type: ignore[attr-defined]
    assert "inventory USD alpha" in {bound.name for bound in said.bounds}  # type: ignore[attr-defined]
    denied = played.ask(side="buy", symbol=name, size="12600")
    assert "inventory USD alpha" in denied.refusal  # type: ignore[attr-defined]
    assert played.say("buy", symbol=name, size="2000").ok
    played.wait()
    book = played.desk.core.ledger.account("alpha").balances
    assert book["USDC"] == 17_000
    assert book["USD"] < 12_500 - 1_990
    assert played.desk.core.pairs.live() == ()
    assert played.desk.core.state.unpaired == {}


def test_the_bound_shown_is_what_passes_and_a_lot_more_does_not(played: Played) -> None:
    said = played.ask(side="buy", symbol=BTC, size="0.01")
    spec = played.desk.core.instruments[BTC]
    unit = said.notional / said.quantity  # type: ignore[attr-defined]
    most = spec.round_size(said.bounds[0].notional / unit)  # type: ignore[attr-defined]
    under = played.ask(side="buy", symbol=BTC, size=f"{most * Decimal('0.98'):f}")
    over = played.ask(side="buy", symbol=BTC, size=f"{most * Decimal('1.02'):f}")
    assert (under.allowed, over.allowed) == (True, False)  # type: ignore[attr-defined]


def test_without_a_price_it_takes_within_the_first_band_and_does_not_rest(played: Played) -> None:
    ticket = tickets.read(played.desk.core, Side.BUY, {"symbol": BTC, "size": "0.0105"})
    mid = played.desk.core.picture.mid(BTC)
    assert mid is not None
    assert ticket.quantity == Decimal("0.010")
    assert Decimal(0) < ticket.price / mid - 1 <= Decimal("0.001")
    assert tickets.request(played.desk.core, ticket, "x" * 20).tif is TimeInForce.IOC


def test_a_post_order_rests_is_shown_and_is_cancelled_by_the_end_of_its_id(played: Played) -> None:
    price = bid(played) * Decimal("0.995")
    done = played.say("buy", symbol=BTC, size="0.01", terms=f"@ {price:f} post")
    assert done.ok
    played.wait()
    (row,) = orders_view(played.desk.core, played.lately).working
    assert (row.purpose, row.origin, row.post_only, row.state) == ("ticket", "operator", True, "accepted")
    assert played.say("cancel", what=row.id[-6:]).ok
    played.wait()
    view = orders_view(played.desk.core, played.lately)
    assert view.working == ()
    assert [row.state for row in view.recent] == ["canceled"]


def test_a_fill_by_hand_stands_under_a_stop_which_cancel_all_leaves(played: Played) -> None:
    assert played.say("buy", symbol=BTC, size="0.01").ok
    played.wait(0.5)
    core = played.desk.core
    assert core.stops.get(BTC) is not None
    view = orders_view(core, played.lately)
    assert sum(row.size for row in view.fills) == Decimal("0.01")
    resting = [row for row in view.working if row.protective]
    assert resting, "the backstop rests at the venue"
    refused = played.say("cancel", what="all")
    assert not refused.ok
    assert "protects" in refused.text
    played.wait()
    assert [row.id for row in orders_view(core, played.lately).working] == [row.id for row in resting]


def test_halted_a_ticket_may_reduce_and_nothing_else(played: Played) -> None:
    played.say("buy", symbol=BTC, size="0.01")
    played.wait(0.5)
    played.say("halt")
    assert not played.say("buy", symbol=BTC, size="0.01").ok
    assert played.say("sell", symbol=BTC, size="0.01", terms="reduce").ok
    played.wait(0.5)
    held = played.desk.core.ledger.state.accounts["alpha"].positions.get(BTC)
    assert held is None or held.size == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"symbol": "BTC-USDT-PERP", "size": "1"}, "several venues"),
        ({"symbol": "NOPE", "size": "1"}, "no instrument"),
        ({"symbol": BTC, "size": "NaN"}, "no possible figure"),
        ({"symbol": BTC, "size": "-1"}, "no possible figure"),
        ({"symbol": BTC, "size": "much"}, "is no number"),
        ({"symbol": BTC, "size": "0,1"}, "decimals have a point"),
        ({"symbol": BTC, "size": "0,100"}, "decimals have a point"),
        ({"symbol": BTC, "size": "1,5"}, "decimals have a point"),
        ({"symbol": BTC, "size": "0.0001"}, "less than one lot"),
        ({"symbol": BTC, "size": "1", "terms": "@ 0"}, "no possible figure"),
        ({"symbol": BTC, "size": "1", "terms": "@ 60000 gtc"}, "not '@ 60000 gtc'"),
        ({"symbol": BTC, "size": "1", "terms": "post"}, "post needs a price"),
        ({"symbol": BTC, "size": "1", "terms": "@ 60000 post ioc"}, "choose one"),
    ],
)
def test_what_cannot_be_understood_is_said_in_one_line(
    played: Played, args: dict[str, str], said: str
) -> None:
    for name in ("buy", "sell"):
        done = played.say(name, **args)
        assert (done.ok, done.exit) == (False, 2)
        assert said in done.text
        with pytest.raises(tickets.TicketError, match=said.replace("'", ".").replace("@", ".")):
            played.ask(side=name, **args)
    assert all(entry.state is OrderState.DENIED for entry in played.desk.core.orders.open_orders())


def test_no_order_by_hand_takes_a_leg_off_its_pair() -> None:
    """It would leave the other leg naked under a pair that calls itself hedged, and beside it a stop that no
    venue would take. What is nobody's pair's on that instrument may go."""
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    _, long = world.legs()
    held = world.positions()
    for size, terms in (("0.05", ""), ("0.05", "reduce"), ("0.6", ""), ("0.6", "reduce")):
        answer = world.answer("sell", symbol=long, size=size, terms=terms)
        assert (answer.ok, answer.exit) == (False, 4), answer
        assert "pair" in answer.text
    world.foreign(long, Side.BUY, "0.2")
    world.run(10)
    assert not world.answer("sell", symbol=long, size="0.21", terms="").ok
    assert world.answer("sell", symbol=long, size="0.2", terms="").ok
    world.run(10)
    assert world.positions() == held
    assert world.naked()["BTC"] == 0
    assert world.answer("buy", symbol=long, size="0.01", terms="").ok, (
        "beside the leg, with a stop of its own"
    )


def test_a_resting_ticket_whose_loose_position_has_gone_holds_up_no_exit_and_is_withdrawn() -> None:
    """It took the room of the leg beside which it had been placed, and would have taken the leg itself."""
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    pair = world.pair()
    assert pair is not None
    long = pair.long.instrument
    core = world.desk.core
    world.foreign(long, Side.BUY, "0.2")
    world.run(10)
    assert world.answer("sell", symbol=long, size="0.2", terms="@ 23900 reduce").ok
    world.run(10)
    assert world.answer("buy", symbol=long, size="0.01", terms="@ 23100 post").ok
    world.run(10)
    ticket, other = [each for each in core.orders.open_orders() if each.request.purpose is Purpose.TICKET]
    assert not ticket.ended

    def room() -> Decimal:
        """By the whole question; the short one, which an order meets, has the same answer."""
        cut = OrderRequest(
            client_order_id="x", instrument=long, side=Side.SELL, quantity=pair.long.size, attempt=1, leg=2,
            price=core.picture.last_mark(long), reduce_only=True, purpose=Purpose.UNWIND, origin="desk",
            pair=pair.id,
        )  # fmt: skip
        with decimal.localcontext(DESK_CONTEXT):
            found = short.answer(core, cut)
            whole = reducible(gatekeeping.context(core, long, Side.SELL, "desk", pair.id), long, Side.SELL)
        assert found is not None
        assert (found.allowed, found.quantity) == (whole > 0, whole)
        return whole

    assert room() == pair.long.size
    world.foreign(long, Side.SELL, "0.2")
    world.until(lambda w: core.ledger.size(core.instruments[long]) == pair.long.size)
    assert not ticket.ended
    assert room() == pair.long.size
    deaf = (OrderCanceled, OrderReport)
    world.wire.hook = lambda due, event: () if isinstance(event, deaf) else ((due, event),)
    world.run(11)
    assert not ticket.ended
    assert len(world.decisions("cancel")) == 1, "said once, though its venue does not answer"
    world.wire.hook = lambda due, event: ((due, event),)
    world.until(lambda _: ticket.ended)
    assert (ticket.state, pair.state) == (OrderState.CANCELED, PairState.HEDGED)
    assert "a pair's leg" in world.decisions("cancel")[-1].text
    assert not other.ended, "it takes nothing off the leg"
    said = len(world.decisions("cancel"))
    world.run(11)
    assert len(world.decisions("cancel")) == said


def test_no_pair_opens_against_an_order_by_hand_that_may_still_fill() -> None:
    """A sell that rests far above the market would come to life under the pair's long leg."""
    world = DeskWorld(settings=quick()).run(3)
    assert world.answer("pause", name="funding_arb").ok
    world.run(70)
    for instrument in (
        "BTC-USDT-PERP.alpha",
        "BTC-USDT-PERP.beta",
        "BTC-USDC-PERP.alpha",
        "BTC-USDC-PERP.beta",
    ):
        for side, price in (("sell", "23700"), ("buy", "23200")):
            assert world.answer(side, symbol=instrument, size="0.01", terms=f"@ {price} post").ok
    assert world.answer("enable", name="funding_arb", reason="test").ok
    world.run(120)
    assert world.pair_states() == []
    refusals = [each for each in world.decisions("denied") if "by hand" in each.text]
    assert refusals
    assert world.answer("cancel", what="all").ok
    world.until(lambda w: w.pair_states() == [PairState.HEDGED], 300)


def test_stale_data_never_make_a_ticket_pass(played: Played) -> None:
    feed = played.desk.core.picture.state.feeds["alpha"]
    feed.up = False
    row, _ = feed.quotes[BTC]
    feed.quotes[BTC] = (row, 0)
    assert not played.say("buy", symbol=BTC, size="0.01").ok
    stated = played.ask(side="buy", symbol=BTC, size="0.01", terms=f"@ {bid(played):f}")
    assert not stated.allowed  # type: ignore[attr-defined]


def test_a_comma_groups_thousands_and_nothing_else() -> None:
    """`buy BTC 0,1` was understood as 1 BTC: the preview said so, and a tired person presses S."""
    assert [tickets.number("size", text) for text in ("1,000", "12,500.5", "1,000,000", "0.1")] == [
        Decimal(1000),
        Decimal("12500.5"),
        Decimal(1_000_000),
        Decimal("0.1"),
    ]
    for text in ("0,1", "0,100", "1,5", "1,0000", ",5", "1,000,5", "10,00.5", "0_1"):
        with pytest.raises(tickets.TicketError, match="a comma groups thousands"):
            tickets.number("size", text)
