"""Reads that say what is not so: a picture older than its stamp, and one that is wrong two times."""

from __future__ import annotations

from msgspec.structs import replace

from services.domain.enums import PairState
from services.domain.events import AccountReport, Event
from tests.desk.world import Answers, DeskWorld, quick


class NothingThere:
    """While on, the venue's reads show no position. Counts them."""

    def __init__(self, world: DeskWorld, instrument: str) -> None:
        self.venue, self.on, self.told = instrument.rpartition(".")[2], True, 0
        world.wire.hook = self

    def __call__(self, due: int, event: Event) -> Answers:
        if self.on and isinstance(event, AccountReport) and event.venue == self.venue:
            self.told += 1
            event = replace(event, positions=())
        return ((due, event),)


def hedged() -> DeskWorld:
    return DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])


def test_a_picture_from_before_a_fill_takes_no_leg_of_the_pair_that_it_made() -> None:
    """Reads agree, seconds apart and newer than the fills by their stamps; only past the venue's settling
    time is such a word believed."""
    world = hedged()
    short, _ = world.legs()
    wrong, sent = NothingThere(world, short), len(world.sent)
    for _ in range(4):
        world.command("reconcile")
        world.run(2)
    assert wrong.told >= 4
    assert any(name == "reconcile" for name, *_ in world.causes())
    assert (world.pair_states(), len(world.sent), world.decisions("leg missing")) == (
        [PairState.HEDGED],
        sent,
        [],
    )
    wrong.on = False
    world.run(35)
    assert (world.pair_states(), len(world.sent)) == ([PairState.HEDGED], sent)
    world.books_agree()


def test_what_reads_took_wrongly_from_a_pair_is_ours_alone_with_its_stop_and_ends_with_a_flatten() -> None:
    world = hedged().run(15)
    _, long = world.legs()
    size = world.position(long)
    wrong = NothingThere(world, long)
    world.command("reconcile")
    world.until(lambda w: bool(w.decisions("leg missing")), 20)
    assert world.desk.state.unpaired == {long: size}
    world.run(5)
    assert not world.exchange.books("alpha").orders, "nothing new for what the venue does not show"
    wrong.on = False
    world.command("reconcile")
    world.until(lambda w: not w.pair_states(), 60).run(5)
    assert world.positions() == {long: size}
    stop = world.desk.core.stops.state.stops[long]
    assert (stop.size, stop.sign) == (abs(size), 1)
    (resting,) = world.exchange.books(wrong.venue).orders
    assert (resting.reduce_only, resting.quantity) == (True, abs(size))
    assert resting.trigger is not None
    asked = world.command("flatten")
    world.until(lambda w: asked in w.done, 60)
    assert world.done[asked].ok
    assert world.positions() == {}
    world.books_agree()


def test_a_flatten_of_a_pair_takes_no_single_reads_word_that_a_leg_is_gone() -> None:
    """It closed the other leg, and said flat by a picture that was as old."""
    world = hedged().run(15)
    (pair,) = world.desk.core.pairs.live()
    wrong = NothingThere(world, pair.long.instrument)
    world.command("reconcile")
    world.until(lambda w: wrong.told > 0 and bool(w.desk.state.venue(wrong.venue).differences), 5)
    wrong.on = False
    asked = world.command("flatten", what=pair.id)
    world.until(lambda w: asked in w.done, 90)
    assert world.done[asked].ok, world.done[asked].text
    assert world.positions() == {}
    world.books_agree()


def test_what_reads_took_rightly_is_no_longer_ours_once_it_is_accepted() -> None:
    world = hedged().run(15)
    _, long = world.legs()
    NothingThere(world, long)
    world.command("reconcile")
    world.until(lambda w: bool(w.decisions("leg missing")), 20)
    world.command("reconcile accept")
    world.run(10)
    assert world.desk.state.unpaired == {}
    assert world.desk.core.stops.state.stops == {}
