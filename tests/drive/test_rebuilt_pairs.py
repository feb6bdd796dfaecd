"""Legs of a lost store that hedge each other are a pair again, and are looked after as one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.desk import gatekeeping, holdings
from services.domain.enums import PairState, Purpose, Side, TimeInForce, TradingState
from services.domain.events import Command
from services.domain.orders import OrderRequest
from services.drive.machine import VirtualMachine
from services.drive.session import Session
from services.execution.pair_state import Pair
from services.portfolio.margin import account_margin
from services.settings.parameters import Ladder
from tests.desk.world import S, quick
from tests.drive.engines import books_agree, client_ids, engine, positions_of
from tests.drive.test_rebuild import _header, hedged, killed

D = Decimal
SLICE = D(5_000)


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A killed desk with a hedged pair and somebody's own position, its store damaged."""
    folder = tmp_path_factory.mktemp("pairs") / "state"
    folder.mkdir()
    session, _ = hedged(folder)
    trade(session, "ETH-USDT-PERP.alpha", Side.BUY, "0.50")
    trade(session, "ETH-USDC-PERP.beta", Side.SELL, "0.50")
    found = killed(folder, session)
    _header(found)
    return found


@pytest.fixture
def rebuilt(dead: Path, tmp_path: Path) -> Iterator[tuple[Session, VirtualMachine]]:
    session, machine = engine(Path(shutil.copytree(dead, tmp_path / "state")), quick())
    run(session, machine, 8)
    yield session, machine
    session.close()


def trade(session: Session, instrument: str, side: Side, quantity: str) -> None:
    """Somebody else, on the venue's own pages."""
    order = OrderRequest(
        client_order_id="", instrument=instrument, side=side, quantity=D(quantity), price=None,
        tif=TimeInForce.IOC, purpose=Purpose.TICKET, origin="foreign",
    )  # fmt: skip
    venue = session.exchange.venues[instrument.rpartition(".")[2]]
    mark = venue.floor.mark(instrument)
    spec = session.desk.core.instruments[instrument]
    venue.floor.place(
        session.exchange.now, replace(order, price=spec.round_price(side, mark * (1 + D("0.01") * side.sign)))
    )


def run(session: Session, machine: VirtualMachine, seconds: float) -> Decimal:
    """Run on; the worst BTC alone meanwhile, base units, by the exchange's own books."""
    end, worst = session.queue.now + int(seconds * S), D(0)
    while (due := session.queue.next_due()) is not None and due <= end:
        machine.settle_commits()
        machine.step()
        btc = [size for name, size in positions_of(session).items() if name.startswith("BTC")]
        worst = max(worst, abs(sum(btc, D(0))))
    return worst


def only(session: Session) -> Pair:
    (pair,) = session.desk.core.pairs.live()
    return pair


def ours(session: Session) -> dict[str, Decimal]:
    return {name: size for name, size in positions_of(session).items() if name.startswith("BTC")}


def test_it_is_one_hedged_pair_again_and_nothing_was_sent(
    rebuilt: tuple[Session, VirtualMachine], dead: Path
) -> None:
    session, machine = rebuilt
    core, pair = session.desk.core, only(session)
    assert (pair.state, pair.strategy, pair.kind) == (PairState.HEDGED, "rebuilt", "hedge")
    assert {leg.instrument: leg.size * leg.side.sign for leg in pair.legs} == ours(session)
    assert all(leg.entry_price and leg.entry_price > 10_000 for leg in pair.legs)
    before = client_ids(session)
    run(session, machine, 90)
    assert client_ids(session) == before, "no order was sent"
    assert pair.state is PairState.HEDGED
    assert all(holdings.split(core, name).foreign == 0 for name in ours(session))
    assert holdings.split(core, "ETH-USDT-PERP.alpha").foreign == D("0.50"), "nobody's of ours stays so"
    assert core.causes.overall() is TradingState.REDUCING
    (cause,) = [each for each in core.causes.causes() if each.name == "store corrupt"]
    assert f"pairs made again: {pair.id} {pair.short.instrument} / {pair.long.instrument}" in cause.text
    books_agree(session)


def test_the_margin_ladder_cuts_both_legs_in_step(rebuilt: tuple[Session, VirtualMachine]) -> None:
    session, machine = rebuilt
    core, before = session.desk.core, ours(session)
    usage = account_margin(gatekeeping.accounts(core)["alpha"]).usage
    assert usage is not None
    cut = usage / D("1.1")
    rungs = Ladder(no_new_risk=cut * 5 / 8, reducing=cut * 3 / 4, cut=cut, cut_to=cut * 3 / 4)
    core.bind(replace(core.settings, ladder=rungs))
    worst = run(session, machine, 40)
    after = ours(session)
    assert set(after) == set(before)
    assert all(abs(after[name]) < abs(before[name]) for name in before)
    assert sum(after.values()) == 0
    assert 0 < worst * 25_000 <= SLICE * D("1.2")
    assert positions_of(session)["ETH-USDT-PERP.alpha"] == D("0.50")


def test_a_flatten_of_one_venue_takes_the_whole_pair(rebuilt: tuple[Session, VirtualMachine]) -> None:
    session, machine = rebuilt
    args = {"what": only(session).long.instrument.rpartition(".")[2]}
    machine.feed(Command(id="f", name="flatten", args=args, origin="t", ts=session.queue.now))
    worst = run(session, machine, 30)
    assert ours(session) == {}
    assert 0 < worst * 25_000 <= SLICE * D("1.2")


def test_a_leg_that_somebody_takes_is_a_missing_leg(rebuilt: tuple[Session, VirtualMachine]) -> None:
    session, machine = rebuilt
    pair = only(session)
    trade(session, pair.long.instrument, Side.SELL, str(pair.long.size))
    run(session, machine, 40)
    assert ours(session) == {}, "the other leg was cut, then nothing is left"
    books_agree(session)


def test_the_pair_stop_closes_it_though_no_strategy_owns_it(rebuilt: tuple[Session, VirtualMachine]) -> None:
    session, machine = rebuilt
    pair = only(session)
    pair.long.entry_cost *= D("1.02")
    run(session, machine, 40)
    assert ours(session) == {}
    (episode,) = [each for each in session.desk.state.episodes if each.id == pair.id]
    assert episode.strategy == "rebuilt"
    assert "stop" in episode.reason


def test_it_survives_a_restart_and_is_no_new_pair(dead: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(dead, tmp_path / "state"))
    session, machine = engine(folder, quick())
    run(session, machine, 8)
    pair, held = only(session).id, ours(session)
    session.close()
    again, machine = engine(folder, quick())
    run(again, machine, 8)
    assert only(again).id == pair
    assert {leg.instrument: leg.size * leg.side.sign for leg in only(again).legs} == held
    again.close()
