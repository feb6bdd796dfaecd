"""A store that is damaged or gone: set aside, rebuilt from the venues with a new instance, told, latched."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.domain.enums import OrderType, PairState, Purpose, Side, TimeInForce, TradingState
from services.domain.events import Command
from services.domain.orders import OrderRequest, client_order_id
from services.drive.latch import read_latch
from services.drive.machine import VirtualMachine
from services.drive.session import Session
from services.store.reader import StoreReader
from services.store.replay import verify
from tests.desk.world import S, quick
from tests.drive.engines import books_agree, client_ids, engine, positions_of


def hedged(folder: Path) -> tuple[Session, VirtualMachine]:
    session, machine = engine(folder, quick())
    while not any(pair.state is PairState.HEDGED for pair in session.desk.core.pairs.live()):
        machine.settle_commits()
        machine.step()
    return session, machine


def killed(folder: Path, session: Session) -> Path:
    """The folder as it lies on the disk now: what a kill would leave."""
    assert session.journal is not None
    assert session.writer is not None
    session.journal.seal()
    assert session.writer.flush(30)
    dead = folder.with_name("dead")
    shutil.copytree(folder, dead)
    session.close()
    return dead


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One killed desk with a hedged pair; each test damages a copy of it."""
    folder = tmp_path_factory.mktemp("rebuild") / "state"
    folder.mkdir()
    session, _ = hedged(folder)
    return killed(folder, session)


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "state"))


def overwrite(path: Path, at: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * size)


def sql(folder: Path, statement: str, *params: object) -> None:
    connection = sqlite3.connect(folder / "store.sqlite")
    connection.execute(statement, params)
    connection.commit()
    connection.close()


def _fold(folder: Path) -> None:
    sql(folder, "UPDATE meta SET value = value")
    connection = sqlite3.connect(folder / "store.sqlite")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _header(folder: Path) -> None:
    _fold(folder)  # else the log holds the first page once more, and nothing is damaged
    overwrite(folder / "store.sqlite", 0, 64)


def _middle(folder: Path) -> None:
    _fold(folder)
    path = folder / "store.sqlite"
    overwrite(path, path.stat().st_size // 2 // 4096 * 4096, 8192)


def _truncated(folder: Path) -> None:
    _fold(folder)
    os.truncate(folder / "store.sqlite", (folder / "store.sqlite").stat().st_size // 3)


def _log(folder: Path) -> None:
    overwrite(folder / "store.sqlite-wal", 0, 4096)


def _chain(folder: Path) -> None:
    sql(folder, "UPDATE journal SET digest = x'11' WHERE seq = (SELECT max(seq) - 3 FROM journal)")


def _checkpoint(folder: Path) -> None:
    """A checkpoint whose chain holds and whose content no program understands."""
    from services.store.journal import JournalWriter
    from services.store.writer import StoreWriter

    reader = StoreReader(folder / "store.sqlite")
    head = reader.head()
    reader.close()
    writer = StoreWriter(folder / "store.sqlite", watch_slow=False)
    writer.start()
    JournalWriter(writer.journal, seq=head.seq, head=head.hash).checkpoint(1, b"\x93\x01\x02\x03")
    assert writer.close(30)


def _gone(folder: Path) -> None:
    for name in ("store.sqlite", "store.sqlite-wal", "store.sqlite-shm"):
        (folder / name).unlink(missing_ok=True)


def _empty(folder: Path) -> None:
    os.truncate(folder / "store.sqlite", 0)


DAMAGES = [_header, _middle, _truncated, _log, _chain, _checkpoint, _gone, _empty]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__.strip("_"))
def test_a_corrupt_store_is_rebuilt_from_the_venues(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    session, machine = engine(folder, quick())
    assert session.rebuilt is not None
    assert session.restored is None
    old, new = (folder / "instances").read_text().split()
    assert (session.rebuilt.former, session.desk.state.ids.instance) == ((old,), new)
    assert old != new
    if damage is not _gone:
        assert Path(session.rebuilt.aside).parent == folder
        assert Path(session.rebuilt.aside).exists()
        assert ".corrupt-" in session.rebuilt.aside
    held = positions_of(session)
    assert len(held) == 2
    before = client_ids(session)
    machine.run_until(session.queue.now + 120 * S)
    assert positions_of(session) == held, "hedged legs were left alone"
    assert client_ids(session) == before, "no order was sent"
    books_agree(session)
    core = session.desk.core
    (cause,) = [each for each in core.causes.causes() if each.name == "store corrupt"]
    assert (cause.state, cause.latched, cause.scope) == (TradingState.REDUCING, True, "all")
    for name, size in held.items():
        assert f"{name} {size}" in cause.text
    assert "hedged by nothing: nothing" in cause.text
    assert "lost: pairs, episodes" in cause.text
    assert session.rebuilt.found in cause.text
    assert core.alerts.is_open("store corrupt")
    latch = read_latch(folder / "latch")
    assert latch is not None
    assert (latch.state, latch.cause) == ("REDUCING", "store corrupt")

    def tell(name: str, **args: str) -> None:
        machine.feed(Command(id=name, name=name, args=args, origin="test", ts=session.queue.now))

    tell("flatten")
    machine.run_until(session.queue.now + 30 * S)
    assert positions_of(session) == {}
    sent = [name for name in client_ids(session) if name not in before]
    assert sent
    assert all(name.startswith(new) for name in sent)
    assert len(set(client_ids(session))) == len(client_ids(session))
    tell("resume", reason="looked at both venues")
    assert not core.causes.has("store corrupt")
    session.close()
    assert verify(folder / "store.sqlite").ok
    again, _ = engine(folder, quick())
    assert again.rebuilt is None
    assert again.desk.state.former == [old]
    again.close()


def test_a_halt_of_before_survives_the_loss_of_the_store(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    session, machine = hedged(state)
    machine.feed(Command(id="h", name="halt", args={"reason": "night"}, origin="t", ts=session.queue.now))
    dead = killed(state, session)
    _header(dead)
    session, machine = engine(dead, quick())
    machine.run_until(session.queue.now + 5 * S)
    assert session.desk.core.causes.overall() is TradingState.HALTED
    found = read_latch(dead / "latch")
    assert found is not None
    assert (found.state, found.cause) == ("HALTED", "halt")
    session.close()


def test_a_start_killed_after_the_rebuild_tells_the_next_one(folder: Path) -> None:
    """Between the new store and the first journaled input lies a moment: the cause must outlive it."""
    _header(folder)
    session, _ = engine(folder, quick())
    assert session.rebuilt is not None
    session.close()  # not one event was handled
    again, machine = engine(folder, quick())
    assert again.rebuilt is not None
    assert again.rebuilt.aside == session.rebuilt.aside
    machine.run_until(again.queue.now + 5 * S)
    assert again.desk.core.causes.has("store corrupt")
    again.close()


def test_a_store_rebuilt_twice_never_draws_an_instance_again(folder: Path) -> None:
    seen = []
    for damage in (_header, _gone, _header):
        damage(folder)
        session, machine = engine(folder, quick())
        machine.run_until(session.queue.now + 5 * S)
        seen.append(session.desk.state.ids.instance)
        session.close()
    names = (folder / "instances").read_text().split()
    assert len(names) == len(set(names)) == 4
    assert names[1:] == seen


def _ours(session: Session, side: Side, quantity: str, price: str | None, **more: object) -> OrderRequest:
    instrument = next(name for name, size in positions_of(session).items() if size > 0)
    order = OrderRequest(
        client_order_id=client_order_id(session.desk.state.ids.instance, 900_001, Purpose.ENTRY, 0, 1),
        instrument=instrument,
        side=side,
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        type=OrderType.LIMIT if price is not None else OrderType.MARKET,
        tif=TimeInForce.GTC if price is not None else TimeInForce.IOC,
        purpose=Purpose.ENTRY,
        origin="strategy:funding_arb",
    )
    return replace(order, **more)  # type: ignore[arg-type]


def test_orders_of_the_lost_store_that_could_increase_are_canceled_and_the_others_shown(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    session, _ = hedged(state)
    grows = _ours(session, Side.BUY, "0.010", "15000.0")
    protects = replace(
        _ours(session, Side.SELL, "0.010", "60000.0", reduce_only=True),
        client_order_id=client_order_id(session.desk.state.ids.instance, 900_002, Purpose.STOP, 0, 1),
    )
    floor = session.exchange.venues[grows.instrument.rpartition(".")[2]].floor
    for order in (grows, protects):
        floor.place(session.exchange.now, order)
    dead = killed(state, session)
    _header(dead)
    session, machine = engine(dead, quick())
    venue = grows.instrument.rpartition(".")[2]
    assert len(session.exchange.books(venue).orders) == 2
    machine.run_until(session.queue.now + 40 * S)
    (left,) = session.exchange.books(venue).orders
    assert left.client_order_id == protects.client_order_id
    (shown,) = session.desk.core.state.venues[venue].foreign_orders
    assert shown.client_order_id == protects.client_order_id
    machine.feed(Command(id="f", name="flatten", args={}, origin="t", ts=session.queue.now))
    machine.run_until(session.queue.now + 30 * S)
    assert positions_of(session) == {}
    assert session.exchange.books(venue).orders == ()
    session.close()


def test_only_what_is_ours_and_hedged_by_nothing_gets_a_stop(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    session, _ = hedged(state)
    more = _ours(session, Side.BUY, "0.020", None)
    venue = session.exchange.venues[more.instrument.rpartition(".")[2]]
    venue.floor.place(session.exchange.now, more)
    # Somebody's own position in something else: not ours to touch.
    strange = replace(more, client_order_id="", instrument="ETH-USDT-PERP.alpha", quantity=Decimal("0.50"))
    session.exchange.venues["alpha"].floor.place(session.exchange.now, strange)
    dead = killed(state, session)
    _middle(dead)
    session, machine = engine(dead, quick())
    machine.run_until(session.queue.now + 4 * S)
    core = session.desk.core
    assert core.state.unpaired == {more.instrument: Decimal("0.020")}
    stop = core.stops.get(more.instrument)
    assert stop is not None
    assert (stop.sign, stop.size) == (1, Decimal("0.020"))
    assert core.stops.get("ETH-USDT-PERP.alpha") is None
    (cause,) = [each for each in core.causes.causes() if each.name == "store corrupt"]
    assert f"hedged by nothing: {more.instrument} 0.020" in cause.text
    assert "ETH-USDT-PERP.alpha 0.50" in cause.text
    session.close()


def test_the_rebuilt_journal_replays(folder: Path) -> None:
    from services.drive import recover

    _header(folder)
    session, machine = engine(folder, quick())
    machine.run_until(session.queue.now + 20 * S)
    session.close()
    found = recover.replay(folder / "store.sqlite")
    assert found.ok, found.first_divergence
    assert found.decisions > 10
