"""The link of the screens: newest views, commands with answers, reconnecting, never raising."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from console import link as link_module
from console.link import SocketLink
from services.control.server import ControlServer
from services.domain.effects import Done
from services.protocol.options import RunOptions
from services.settings.layout import StateLayout
from services.views import topics
from tests.control.builders import HELLO, PaperEngine, good


@pytest.fixture(autouse=True)
def paper_orders(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The engine of paper sends views of its own kind."""
    monkeypatch.setitem(topics.TYPES, "orders", "tests.control.builders:PaperView")
    topics.view_type.cache_clear()
    yield
    topics.view_type.cache_clear()


@pytest.fixture
def layout(tmp_path: Path) -> StateLayout:
    return StateLayout(tmp_path)


@pytest.fixture
def engine() -> PaperEngine:
    return PaperEngine()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "RETRY_S", (0.01,))


@pytest.fixture
async def server(layout: StateLayout, engine: PaperEngine) -> AsyncIterator[ControlServer]:
    running = ControlServer(layout.socket, HELLO, engine, engine)
    await running.start()
    yield running
    await running.close()


@pytest.fixture
async def link(layout: StateLayout) -> AsyncIterator[SocketLink]:
    made = SocketLink(layout, RunOptions())
    yield made
    await made.close()


async def test_each_engine_that_is_joined_is_told_once(layout: StateLayout, engine: PaperEngine) -> None:
    """The configuration may be another one then."""
    link, told = SocketLink(layout, RunOptions()), []
    link.on_engine = lambda: told.append(link.hello.instance if link.hello else "")
    for instance in ("one", "one", "two"):
        server = ControlServer(layout.socket, replace(HELLO, instance=instance), engine, engine)
        await server.start()
        link.start()
        await until(link, lambda: link.state == "connected")
        await server.close()
        await until(link, lambda: link.state != "connected")
    await link.close()
    assert told == ["one", "two"]


async def until(link: SocketLink, condition: object) -> None:
    """Waits for a change that makes it so."""
    assert callable(condition)
    changed = asyncio.Event()
    end = link.listen(lambda _topic: changed.set())
    try:
        async with asyncio.timeout(10):
            while not condition():
                changed.clear()
                await changed.wait()
    finally:
        end()


async def test_newest_view_and_a_word_when_it_changes(
    server: ControlServer, engine: PaperEngine, link: SocketLink
) -> None:
    heard: list[str] = []
    link.listen(heard.append)
    link.watch(("orders",), 10)
    assert link.state == "starting"
    assert link.view("orders") is None
    assert link.silence() == 0
    link.start()
    await until(link, lambda: link.view("orders") is not None)
    assert link.state == "connected"
    engine.versions["orders"] = 2
    await until(link, lambda: link.view("orders").version == 2)  # type: ignore[union-attr]
    assert heard.count("orders") == 2
    assert heard[0] == "link"


async def test_commands_get_their_answers(
    server: ControlServer, engine: PaperEngine, link: SocketLink
) -> None:
    def answer(cmd, reply):  # type: ignore[no-untyped-def]
        reply.progress("half way")
        if cmd.name == "halt":
            reply.done(good(cmd.id, '{"trading_state":"HALTED"}'))
        else:
            reply.done(Done(cmd.id, False, code="refused", text="breaker still holds", exit=4))

    engine.on_submit = answer
    link.start()
    await until(link, lambda: link.state == "connected")
    words: list[str] = []
    halted = await link.send("halt", {}, words.append)
    assert (halted.ok, halted.result, words) == (True, {"trading_state": "HALTED"}, ["half way"])
    refused = await link.send("resume", {"reason": "x"})
    assert (refused.ok, refused.text, refused.exit) == (False, "breaker still holds", 4)


async def test_read_only_sends_nothing(
    server: ControlServer, engine: PaperEngine, layout: StateLayout
) -> None:
    link = SocketLink(layout, RunOptions(), read_only=True)
    link.start()
    await until(link, lambda: link.state == "connected")
    answer = await link.send("halt", {})
    assert not answer.ok
    assert "read-only" in answer.text
    assert engine.taken == []
    await link.close()


async def test_command_without_an_engine_says_so(link: SocketLink) -> None:
    answer = await link.send("halt", {})
    assert not answer.ok
    assert answer.text.startswith("halt was not sent: ")
    assert answer.text.endswith("stableconsole flatten --direct"), "what is left to do stands at its end"


async def test_what_is_left_to_do_names_this_profile_and_this_folder(layout: StateLayout) -> None:
    """Without them it was typed at the simulator, while the live account stayed open."""
    link = SocketLink(layout, RunOptions(profile="live", state_dir="/desk one", live=True))
    answer = await link.send("flatten", {})
    named = "--profile live --state-dir '/desk one'"
    assert f"start an engine: stableconsole --live {named}, " in answer.text
    assert answer.text.endswith(f"stableconsole flatten --direct {named}")


async def test_broken_connection_reconnects_and_asks_the_same_engine_under_the_same_id(
    server: ControlServer, engine: PaperEngine, link: SocketLink
) -> None:
    link.watch(("orders",), 10)
    link.start()
    await until(link, lambda: link.view("orders") is not None)
    words: list[str] = []
    asking = asyncio.ensure_future(link.send("flatten", {}, words.append))
    while not engine.replies:
        await asyncio.sleep(0)
    for client in list(server._clients.values()):
        assert client.transport is not None
        client.transport.abort()
    await until(link, lambda: link.state == "reconnecting")
    assert [word.partition(";")[0] for word in words] == ["flatten: no answer, the engine has gone away"]
    await until(link, lambda: link.state == "connected")
    engine.replies[0].done(good("ignored", '{"flat":true}'))
    answer = await asyncio.wait_for(asking, 10)
    assert answer.ok
    assert len(engine.taken) == 1, "carried out once"
    engine.versions["orders"] = 5
    await until(link, lambda: link.view("orders").version == 5)  # type: ignore[union-attr]


async def test_another_engine_is_never_asked_what_the_first_was(
    server: ControlServer, engine: PaperEngine, link: SocketLink
) -> None:
    link.start()
    await until(link, lambda: link.state == "connected")
    asking = asyncio.ensure_future(link.send("resume", {"reason": "x"}))
    while not engine.replies:
        await asyncio.sleep(0)
    server.hello = type(HELLO)(protocol=1, version="1", pid=2, instance="other")
    for client in list(server._clients.values()):
        assert client.transport is not None
        client.transport.abort()
    answer = await asyncio.wait_for(asking, 10)
    assert not answer.ok
    assert "another engine" in answer.text
    assert len(engine.taken) == 1


async def test_engine_that_says_good_bye_is_named_and_the_next_one_is_shown(
    server: ControlServer, engine: PaperEngine, link: SocketLink
) -> None:
    link.watch(("orders",), 10)
    link.start()
    await until(link, lambda: link.state == "connected")
    asking = asyncio.ensure_future(link.send("stop", {}))
    while not engine.replies:
        await asyncio.sleep(0)
    await server.close("stopped by stop")
    answer = await asyncio.wait_for(asking, 10)
    assert not answer.ok
    await until(link, lambda: link.state == "reconnecting")
    assert link.text == "stopped by stop"
    assert link.failure is None
    assert not (await link.send("halt", {})).ok, "there is nobody to halt, and the console says so"
    hello = type(HELLO)(protocol=1, version="1", pid=2, instance="other")
    following = ControlServer(server.path, hello, engine, engine)
    await following.start()
    try:
        await until(link, lambda: link.state == "connected" and link.view("orders") is not None)
        assert link.hello == hello
        assert "stopped" not in link.text
        replies = len(engine.replies)
        asking = asyncio.ensure_future(link.send("halt", {}))
        while len(engine.replies) == replies:
            await asyncio.sleep(0)
        assert engine.taken[-1].name == "halt"
        asking.cancel()
    finally:
        await following.close()


async def test_what_is_no_engine_is_a_failure_told(layout: StateLayout, link: SocketLink) -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\0\0\0\x02{}")
        await writer.drain()
        writer.close()

    other = await asyncio.start_unix_server(talk, str(layout.socket))
    failed = asyncio.Event()
    link.on_failure = failed.set
    link.start()
    await asyncio.wait_for(failed.wait(), 10)
    assert link.failure is not None
    assert "no engine" in link.failure.text
    other.close()
    await other.wait_closed()


async def test_views_of_a_known_topic_are_typed_or_not_shown(
    server: ControlServer, engine: PaperEngine, link: SocketLink
) -> None:
    """The paper engine's strip is no StripView: nothing is shown rather than something misread."""
    link.watch(("strip",), 10)
    link.start()
    await until(link, lambda: "strip" in link._newest._slots)
    assert link.view("strip") is None
    assert "cannot be read" in link.text


async def test_a_reader_that_breaks_ends_the_console_and_not_in_silence(
    server: ControlServer, engine: PaperEngine, link: SocketLink
) -> None:
    def screen(topic: str) -> None:
        if topic == "orders":
            raise LookupError("no such row")

    failed = asyncio.Event()
    link.on_failure = failed.set
    link.listen(screen)
    link.watch(("orders",), 10)
    link.start()
    await asyncio.wait_for(failed.wait(), 10)
    assert link.state == "closed"
    assert link.failure is not None
    assert "the engine runs on" in link.failure.text
    assert not (await asyncio.wait_for(link.send("status", {}), 10)).ok
