"""The control server over real Unix sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

import services.control.server as server_module
from services.control.server import ControlServer
from services.domain.effects import Done as DoneEffect
from services.protocol.errors import ProductError
from services.protocol.frames import (
    Cmd,
    Done,
    Fault,
    FrameBuffer,
    Hello,
    Ping,
    Pong,
    Progress,
    Sub,
    View,
    decode_server,
    encode,
)
from services.protocol.version import PROTOCOL
from tests.control.builders import HELLO, Client, PaperEngine, good, joined, started


@pytest.fixture
def engine() -> PaperEngine:
    return PaperEngine()


@pytest.fixture
async def server(tmp_path: Path, engine: PaperEngine) -> AsyncIterator[ControlServer]:
    running = await started(tmp_path / "s", engine)
    yield running
    await running.close()


async def settled(condition: object) -> None:
    """Lets the loop run until a condition holds."""
    assert callable(condition)
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("did not happen")


async def test_hello_names_the_engine(server: ControlServer) -> None:
    client = Client(*await asyncio.open_unix_connection(str(server.path)))
    assert await client.next() == HELLO
    await client.close()


async def test_socket_belongs_to_its_user_alone(server: ControlServer) -> None:
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600


async def test_another_user_is_refused(server: ControlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "peer_uid", lambda _sock: os.geteuid() + 1)
    client = Client(*await asyncio.open_unix_connection(str(server.path)))
    fault = await client.next()
    assert isinstance(fault, Fault)
    assert fault.code == "user"
    with pytest.raises(EOFError):
        await client.next()
    await client.close()


async def test_command_gets_progress_and_exactly_one_done(server: ControlServer, engine: PaperEngine) -> None:
    client = await joined(server.path)
    client.send(Cmd(id="a", name="flatten", args={"what": "alpha"}, origin="shell:1"))
    await settled(lambda: engine.replies)
    reply = engine.replies[0]
    reply.progress("closing 2 positions")
    reply.done(good("a", '{"flat":true}'))
    reply.done(good("a", '{"flat":false}'))
    reply.progress("too late")
    assert await client.next() == Progress(id="a", text="closing 2 positions")
    done = await client.next()
    assert isinstance(done, Done)
    assert done.ok
    assert msgspec.json.decode(done.result) == {"flat": True}
    client.send(Ping(sent=7))
    assert await client.next() == Pong(sent=7)
    assert engine.taken == [Cmd(id="a", name="flatten", args={"what": "alpha"}, origin="shell:1")]
    await client.close()


async def test_repeated_id_returns_the_stored_answer(server: ControlServer, engine: PaperEngine) -> None:
    engine.on_submit = lambda cmd, reply: reply.done(good(cmd.id, '{"n":1}'))
    first, second = await joined(server.path), await joined(server.path)
    command = Cmd(id="same", name="halt")
    first.send(command)
    answer = await first.next()
    second.send(command)
    assert await second.next() == answer
    assert len(engine.taken) == 1
    await first.close()
    await second.close()


async def test_repeated_id_of_a_running_command_waits_for_its_answer(
    server: ControlServer, engine: PaperEngine
) -> None:
    first, second = await joined(server.path), await joined(server.path)
    first.send(Cmd(id="x", name="flatten"))
    await settled(lambda: engine.replies)
    engine.replies[0].progress("half way")
    second.send(Cmd(id="x", name="flatten"))
    assert await second.next() == Progress(id="x", text="half way")
    engine.replies[0].done(good("x"))
    assert isinstance(await first.until(Done), Done)
    assert isinstance(await second.until(Done), Done)
    assert len(engine.taken) == 1
    await first.close()
    await second.close()


async def test_reused_id_never_passes_for_another_command(server: ControlServer, engine: PaperEngine) -> None:
    engine.on_submit = lambda cmd, reply: reply.done(good(cmd.id))
    client = await joined(server.path)
    client.send(Cmd(id="x", name="status"))
    await client.next()
    client.send(Cmd(id="x", name="halt"))
    done = await client.next()
    assert isinstance(done, Done)
    assert not done.ok
    assert done.error is not None
    assert done.error.code == "id_reused"
    await client.close()


async def test_vanishing_client_stops_no_command(server: ControlServer, engine: PaperEngine) -> None:
    client = await joined(server.path)
    client.send(Cmd(id="f", name="flatten"))
    await settled(lambda: engine.replies)
    client.writer.transport.abort()
    await settled(lambda: server.clients == 0)
    engine.replies[0].progress("going on")
    engine.replies[0].done(good("f", '{"flat":true}'))
    again = await joined(server.path)
    again.send(Cmd(id="f", name="flatten"))
    done = await again.next()
    assert isinstance(done, Done)
    assert done.ok
    assert len(engine.taken) == 1
    await again.close()


async def test_unknown_and_incomplete_commands_are_usage_errors(
    server: ControlServer, engine: PaperEngine
) -> None:
    client = await joined(server.path)
    for number, (name, args) in enumerate(
        [("frob", {}), ("resume", {}), ("halt", {"x": "y"}), ("resume", {"reason": "r", "rebase": "all"})]
    ):
        client.send(Cmd(id=str(number), name=name, args=args))
        done = await client.next()
        assert isinstance(done, Done)
        assert done.error is not None
        assert done.error.exit == 2
        assert "\n" not in done.error.text
    assert engine.taken == []
    await client.close()


async def test_a_failing_engine_answers_and_the_socket_lives(
    server: ControlServer, engine: PaperEngine
) -> None:
    def fails(_cmd: object, _reply: object) -> None:
        raise RuntimeError("desk is broken")

    engine.on_submit = fails
    client = await joined(server.path)
    client.send(Cmd(id="1", name="halt"))
    done = await client.next()
    assert isinstance(done, Done)
    assert done.error is not None
    assert done.error.code == "internal"
    client.send(Ping())
    assert isinstance(await client.next(), Pong)
    await client.close()


async def test_result_that_is_no_json_is_a_failure_told(server: ControlServer, engine: PaperEngine) -> None:
    engine.on_submit = lambda cmd, reply: reply.done(DoneEffect(cmd.id, True, result="{broken"))
    client = await joined(server.path)
    client.send(Cmd(id="1", name="status"))
    done = await client.next()
    assert isinstance(done, Done)
    assert not done.ok
    await client.close()


async def test_other_protocol_is_told_whom_to_upgrade_and_may_still_halt(
    server: ControlServer, engine: PaperEngine
) -> None:
    engine.on_submit = lambda cmd, reply: reply.done(good(cmd.id))
    client = await joined(server.path, protocol=2)
    fault = await client.next()
    assert isinstance(fault, Fault)
    assert "upgrade the engine" in fault.text
    client.send(Cmd(id="1", name="enable", args={"name": "f", "reason": "r"}))
    refused = await client.next()
    assert isinstance(refused, Done)
    assert not refused.ok
    for name in ("halt", "flatten", "status", "stop"):
        client.send(Cmd(id=name, name=name))
        done = await client.next()
        assert isinstance(done, Done)
        assert done.ok
    client.send(Sub(topics=("strip",)))
    assert isinstance(await client.next(), Fault)
    await client.close()


async def test_first_frame_must_be_hello(server: ControlServer, engine: PaperEngine) -> None:
    client = Client(*await asyncio.open_unix_connection(str(server.path)))
    client.send(Cmd(id="1", name="halt"))
    await client.until(Hello)
    fault = await client.next()
    assert isinstance(fault, Fault)
    assert fault.code == "no_hello"
    assert engine.taken == []
    await client.close()


async def test_silent_client_is_dropped(
    tmp_path: Path, engine: PaperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SILENCE_S", 0.0)
    server = await started(tmp_path / "s", engine)
    client = await joined(server.path)
    fault = await client.until(Fault)
    assert isinstance(fault, Fault)
    assert fault.code == "silent"
    await settled(lambda: server.clients == 0)
    await server.close()
    await client.close()


async def test_close_answers_what_is_open_and_unlinks(tmp_path: Path, engine: PaperEngine) -> None:
    server = await started(tmp_path / "s", engine)
    client = await joined(server.path)
    client.send(Cmd(id="1", name="flatten"))
    await settled(lambda: engine.replies)
    await server.close("the engine has stopped")
    done = await client.until(Done)
    assert isinstance(done, Done)
    assert done.error is not None
    assert done.error.code == "stopping"
    assert isinstance(await client.until(Fault), Fault)
    assert not server.path.exists()
    await client.close()


async def test_a_client_that_writes_while_the_engine_leaves_still_hears_its_last_words(
    tmp_path: Path, engine: PaperEngine
) -> None:
    """A console that had just asked for other views lost the answer to its `stop` and waited for ever."""
    server = await started(tmp_path / "s", engine)
    raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    raw.connect(str(server.path))
    raw.setblocking(False)
    raw.send(encode(Hello(protocol=PROTOCOL, version="1", pid=1)))
    raw.send(encode(Cmd(id="1", name="stop")))
    await settled(lambda: engine.replies)
    closing = asyncio.create_task(server.close("the engine has stopped"))
    for _ in range(5):
        await asyncio.sleep(0)
    raw.send(encode(Ping(sent=1)))  # before anything was read
    buffer = FrameBuffer()
    found = []
    while data := await asyncio.get_running_loop().sock_recv(raw, 65_536):
        found += [decode_server(body) for body in buffer.feed(data)]
    raw.close()
    await closing
    kinds = [type(frame) for frame in found]
    assert Done in kinds
    assert kinds[-1] is Fault


async def test_stale_socket_is_replaced(tmp_path: Path, engine: PaperEngine) -> None:
    (tmp_path / "s").touch()
    server = await started(tmp_path / "s", engine)
    client = await joined(server.path)
    await client.close()
    await server.close()


async def test_too_long_socket_path_names_the_remedy(tmp_path: Path, engine: PaperEngine) -> None:
    with pytest.raises(ProductError, match="--state-dir") as caught:
        await started(tmp_path / ("x" * 120), engine)
    assert caught.value.exit == 2


async def test_folder_that_is_missing_is_one_line(tmp_path: Path, engine: PaperEngine) -> None:
    with pytest.raises(ProductError, match="cannot open the control socket"):
        await started(tmp_path / "nowhere" / "s", engine)


async def test_commands_come_before_views(server: ControlServer, engine: PaperEngine) -> None:
    """A command that is there when a round begins is taken before its last view is built."""
    client = await joined(server.path)
    order: list[str] = []
    engine.on_submit = lambda cmd, _reply: order.append(cmd.name)
    engine.built = order
    client.send(Sub(topics=("strip", "desk", "orders")))
    client.send(Cmd(id="1", name="halt"))
    await client.until(View)
    assert order[0] == "halt"
    await client.close()


async def test_several_clients_each_get_their_own_answer(server: ControlServer, engine: PaperEngine) -> None:
    engine.on_submit = lambda cmd, reply: reply.done(good(cmd.id, f'"{cmd.origin}"'))
    clients = [await joined(server.path) for _ in range(8)]
    for number, client in enumerate(clients):
        client.send(Cmd(id=f"c{number}", name="status", origin=f"shell:{number}"))
    for number, client in enumerate(clients):
        done = await client.next()
        assert isinstance(done, Done)
        assert done.id == f"c{number}"
        assert msgspec.json.decode(done.result) == f"shell:{number}"
        await client.close()
