"""Views: pulled once for all, only watched and dirty topics, newest wins, nobody waits for the slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from services.control.server import ControlServer
from services.control.views import KEEP_S, PATIENCE_S, SAVED_S, SPELL_S, Budget, Views, Watcher
from services.protocol.frames import Cmd, Done, Fault, Ping, Sub, View, decode_server
from tests.control.builders import PaperEngine, good, joined, started


@pytest.fixture(autouse=True)
def _counted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a real socket frames are counted: none is repeated because the machine was slow."""
    if "server" in request.fixturenames:
        monkeypatch.setattr("services.control.views.KEEP_S", 1_000.0)


@pytest.fixture
def engine() -> PaperEngine:
    return PaperEngine()


@pytest.fixture
async def server(tmp_path: Path, engine: PaperEngine) -> AsyncIterator[ControlServer]:
    running = await started(tmp_path / "s", engine)
    yield running
    await running.close()


async def test_view_has_topic_seq_and_time(server: ControlServer, engine: PaperEngine) -> None:
    client = await joined(server.path)
    client.send(Sub(topics=("strip",)))
    view = await client.next()
    assert isinstance(view, View)
    assert (view.topic, view.seq, view.ts) == ("strip", 1, engine.now())
    assert msgspec.json.decode(view.data) == {"topic": "strip", "version": 1, "padding": ""}
    await client.close()


async def test_one_build_serves_all_clients(server: ControlServer, engine: PaperEngine) -> None:
    clients = [await joined(server.path) for _ in range(5)]
    for client in clients:
        client.send(Sub(topics=("desk",)))
    for client in clients:
        assert isinstance(await client.next(), View)
        await client.close()
    assert engine.built == ["desk"]


async def test_unchanged_topics_are_not_built_again(server: ControlServer, engine: PaperEngine) -> None:
    client = await joined(server.path)
    client.send(Sub(topics=("desk", "strip")))
    assert {(await client.next()).topic for _ in range(2)} == {"desk", "strip"}  # type: ignore[union-attr]
    for version in (2, 3):
        engine.versions["strip"] = version
        view = await client.next()
        assert isinstance(view, View)
        assert (view.topic, view.seq) == ("strip", version)
    assert engine.built == ["strip", "desk", "strip", "strip"], "the answer bar goes first"
    await client.close()


async def test_unwatched_topics_are_never_built(server: ControlServer, engine: PaperEngine) -> None:
    client = await joined(server.path)
    client.send(Sub(topics=("orders",)))
    await client.next()
    client.send(Sub(topics=("book:BTC-USDT-PERP.alpha",)))
    view = await client.next()
    assert isinstance(view, View)
    engine.versions["orders"] = 9
    engine.versions["book:BTC-USDT-PERP.alpha"] = 9
    await client.next()
    assert engine.built.count("orders") == 1
    await client.close()


async def test_resubscribing_shows_the_present_at_once(server: ControlServer, engine: PaperEngine) -> None:
    client = await joined(server.path)
    client.send(Sub(topics=("desk",)))
    await client.next()
    client.send(Sub(topics=()))
    client.send(Sub(topics=("desk",)))
    view = await client.next()
    assert isinstance(view, View)
    assert view.seq == 1
    assert engine.built == ["desk"]
    await client.close()


async def test_unknown_topics_are_told(server: ControlServer) -> None:
    client = await joined(server.path)
    client.send(Sub(topics=("strip", "weather", "book:")))
    fault = await client.until(Fault)
    assert isinstance(fault, Fault)
    assert "weather" in fault.text
    assert "book:" in fault.text
    await client.close()


async def test_slow_client_gets_the_newest_and_blocks_nobody(
    server: ControlServer, engine: PaperEngine
) -> None:
    engine.padding = "x" * 200_000
    slow, quick = await joined(server.path), await joined(server.path)
    slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
    slow.send(Sub(topics=("desk",)))
    quick.send(Sub(topics=("desk",)))
    rounds = 12
    for version in range(1, rounds + 1):
        engine.versions["desk"] = version
        while True:
            view = await quick.until(View)
            assert isinstance(view, View)
            if msgspec.json.decode(view.data)["version"] == version:
                break
        slow.send(Ping())
    slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
    seen: list[int] = []
    while not seen or seen[-1] != rounds:
        view = await slow.until(View)
        assert isinstance(view, View)
        seen.append(msgspec.json.decode(view.data)["version"])
    assert seen == sorted(set(seen))
    assert len(seen) < rounds, "a slow client gets fewer views"
    await slow.close()
    await quick.close()


async def test_slow_client_still_gets_every_topic(server: ControlServer, engine: PaperEngine) -> None:
    """The longest unserved topic goes first, so that a big one cannot starve the others."""
    engine.padding = "x" * 300_000
    client = await joined(server.path)
    client.send(Sub(topics=("strip", "desk", "orders")))
    got: set[str] = set()
    version = 1
    while got != {"strip", "desk", "orders"}:
        view = await client.until(View)
        assert isinstance(view, View)
        got.add(view.topic)
        version += 1
        engine.versions = dict.fromkeys(("strip", "desk", "orders"), version)
        assert version < 20
    await client.close()


async def test_a_view_that_cannot_be_built_hurts_no_other(server: ControlServer, engine: PaperEngine) -> None:
    engine.broken = {"desk"}
    engine.on_submit = lambda cmd, reply: reply.done(good(cmd.id))
    client = await joined(server.path)
    client.send(Sub(topics=("desk", "strip")))
    view = await client.next()
    assert isinstance(view, View)
    assert view.topic == "strip"
    engine.broken = set()
    engine.versions["desk"] = 2
    view = await client.next()
    assert isinstance(view, View)
    assert view.topic == "desk"
    client.send(Cmd(id="1", name="halt"))
    assert isinstance(await client.until(Done), Done)
    await client.close()


async def test_a_round_that_breaks_off_is_not_the_last(engine: PaperEngine) -> None:
    """Whatever it was: without further rounds every screen would stand still, while the engine trades on."""
    views, sent = Views(engine), []
    broken = Watcher(lambda _frame: (_ for _ in ()).throw(RuntimeError("no such thing")))
    views.watch(broken, ("strip",), 10.0)
    views.watch(Watcher(sent.append), ("strip",), 10.0)
    async with asyncio.timeout(10):
        while not sent:
            await asyncio.sleep(0.01)
    views.close()


async def test_no_more_than_ten_a_second(server: ControlServer, engine: PaperEngine) -> None:
    watcher = Watcher(lambda _frame: None)
    for asked, period_s in ((1_000.0, 0.1), (4.0, 0.25), (-3.0, 10.0), (0.0, 10.0), (float("inf"), 0.1)):
        server.views.watch(watcher, ("strip",), asked)
        assert watcher.period_s == pytest.approx(period_s)
    server.views.forget(watcher)


def test_a_tick_earns_its_share_and_saves_at_most_two_ticks() -> None:
    budget = Budget()
    budget.earn(10.0)
    budget.pay(0.0025)
    assert budget.spent
    budget.earn(10.1)
    assert not budget.spent
    budget.earn(60.0)
    budget.pay(SAVED_S)
    assert budget.spent


async def test_what_is_over_the_budget_waits_for_the_next_tick_and_the_answer_bar_never_does(
    engine: PaperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1_000_000))
    monkeypatch.setattr("services.control.views.KEEP_S", 1_000.0)
    monkeypatch.setattr("services.control.views.time.thread_time", lambda: next(clock) * 0.001)
    views = Views(engine)
    got: list[str] = []
    watcher = _watching(got, "desk", "markets", "strip")
    views._watchers.append(watcher)

    async def told(now: float) -> set[str]:
        got.clear()
        engine.versions = dict.fromkeys(watcher.topics, int(10 * now))
        await views._round(now)
        return set(got)

    assert await told(1.0) == {"strip", "desk", "markets"}, "a first view waits for no budget"
    assert await told(1.1) == {"strip"}
    views._budget.earn(2.0)
    views._budget.earn(10.0)
    assert await told(1.2) == {"strip", "desk"}
    views._budget.earn(20.0)
    assert await told(1.3) == {"strip", "markets"}


async def test_a_budget_that_never_lasts_keeps_no_screen_waiting_for_ever(
    engine: PaperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1_000_000))
    monkeypatch.setattr("services.control.views.time.thread_time", lambda: next(clock) * 0.005)
    views = Views(engine)
    views._watchers.append(_watching([], "strip", "desk"))
    for tick in range(1, 31):
        engine.versions = {"strip": tick, "desk": tick}
        await views._round(tick / 10)
    assert engine.built.count("strip") == 30
    assert engine.built.count("desk") in (int(3 / PATIENCE_S), int(3 / PATIENCE_S) + 1)


async def test_long_work_before_a_first_view_leaves_the_loop_free_and_the_answer_bar_alive(
    engine: PaperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1_000_000))
    monkeypatch.setattr("services.control.views.time.thread_time", lambda: next(clock) * SPELL_S / 4)
    views = Views(engine)
    engine.steps["desk"] = 10
    got: list[str] = []
    views._watchers.append(_watching(got, "desk", "strip"))
    others = 0

    async def other() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    rounds = 0
    while "desk" not in got:
        rounds += 1
        engine.versions["strip"] = rounds
        await views._round(float(rounds))
    beside.cancel()
    assert rounds == 3, "four steps a round"
    assert (got[:2], sorted(got[2:])) == (["strip", "strip"], ["desk", "strip"])
    assert others >= 10, "between two steps the loop ran free"
    assert engine.built.count("desk") == 1


async def test_a_new_wish_is_served_at_once(server: ControlServer, engine: PaperEngine) -> None:
    client = await joined(server.path)
    client.send(Sub(topics=("strip",), hz=0.1))
    await client.next()
    client.send(Sub(topics=("strip", "markets"), hz=0.1))
    view = await client.next()
    assert isinstance(view, View)
    assert view.topic == "markets"
    await client.close()


async def test_a_view_with_an_argument_is_forgotten_when_nobody_watches(
    server: ControlServer, engine: PaperEngine
) -> None:
    client = await joined(server.path)
    client.send(Sub(topics=("book:BTC-USDT-PERP.alpha",)))
    await client.next()
    client.send(Sub(topics=("strip",)))
    await client.next()
    assert list(server.views._slots) == ["strip"]
    await client.close()


async def test_an_unchanged_view_goes_out_again_and_one_that_cannot_be_looked_at_does_not(
    engine: PaperEngine,
) -> None:
    """A console takes silence about a topic for old figures: so a frame must mean that it holds now."""
    views, got = Views(engine), list[str]()
    views._watchers.append(_watching(got, "strip", "desk"))

    async def sent(now: float) -> set[str]:
        got.clear()
        await views._round(now)
        return set(got)

    assert await sent(0.0) == {"strip", "desk"}
    assert await sent(KEEP_S / 2) == set()
    assert await sent(KEEP_S) == {"strip", "desk"}
    engine.broken, engine.versions = {"desk"}, {"desk": 2}
    assert await sent(2 * KEEP_S) == {"strip"}
    assert await sent(3 * KEEP_S) == {"strip"}
    newcomer = list[str]()
    views._watchers.append(_watching(newcomer, "desk", "strip"))
    assert await sent(4 * KEEP_S) == {"strip"}
    assert newcomer == ["strip"], "an old frame is nothing for a newcomer"
    engine.broken, engine.versions = set(), {"desk": 3}
    assert await sent(5 * KEEP_S) == {"strip", "desk"}


async def test_a_topic_that_is_gone_is_not_kept_alive(
    engine: PaperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    views, got = Views(engine), list[str]()
    views._watchers.append(_watching(got, "desk"))
    await views._round(0.0)
    monkeypatch.setattr(engine, "build", lambda _topic: None)
    engine.versions = {"desk": 2}
    await views._round(2 * KEEP_S)
    await views._round(4 * KEEP_S)
    assert got == ["desk"]


def _watching(got: list[str], *topics: str) -> Watcher:
    watcher = Watcher(lambda frame: got.append(decode_server(frame[4:]).topic))  # type: ignore[union-attr]
    watcher.topics = dict.fromkeys(topics, 0)
    return watcher
