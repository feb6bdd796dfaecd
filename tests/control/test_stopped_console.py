"""A console that stands (kill -STOP): engine and other consoles go on, nothing piles up, and when it goes on
it shows what is now."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from services.control import server as server_module
from services.control.server import ControlServer
from services.protocol.frames import Cmd, Done, Sub, View
from tests.control.builders import PaperEngine, good, joined, started

ROOT = Path(__file__).resolve().parents[2]
BIG = 200_000

CONSOLE = """
import asyncio, sys
from pathlib import Path
from console.link import SocketLink
from services.protocol.options import RunOptions
from services.settings.layout import StateLayout
from services.views import topics
topics.TYPES["orders"] = "tests.control.builders:PaperView"

async def main():
    link = SocketLink(StateLayout(Path(sys.argv[1])), RunOptions())
    link.watch(("orders",), 10)
    def changed(topic):
        if topic == "orders":
            print(link.view("orders").version, flush=True)
    link.listen(changed)
    link.start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


def unsent(server: ControlServer) -> int:
    """Bytes that wait in the engine for its clients, all together."""
    transports = [client.transport for client in server._clients.values()]
    return sum(each.get_write_buffer_size() for each in transports if each is not None)


async def settled(server: ControlServer, clients: int) -> None:
    async with asyncio.timeout(30):
        while server.clients != clients:
            await asyncio.sleep(0.01)


async def test_what_one_console_does_not_read_waits_as_one_frame_and_holds_up_nobody(tmp_path: Path) -> None:
    engine = PaperEngine()
    engine.padding = "x" * BIG
    engine.on_submit = lambda cmd, reply: reply.done(good(cmd.id))
    server = await started(tmp_path / "s", engine)
    stopped, other = await joined(server.path), await joined(server.path)
    stopped.writer.transport.pause_reading()  # type: ignore[attr-defined]
    for client in (stopped, other):
        client.send(Sub(topics=("desk", "orders")))
    for version in range(1, 7):
        engine.versions = {"desk": version, "orders": version}
        seen: set[str] = set()
        while len(seen) < 2:
            view = await other.until(View)
            assert isinstance(view, View)
            if msgspec.json.decode(view.data)["version"] == version:
                seen.add(view.topic)
        assert unsent(server) < 2 * BIG, "one frame of a slot each, whatever has been missed"
    other.send(Cmd(id="h", name="halt", args={}, origin="test"))
    assert isinstance(await other.until(Done), Done)
    await stopped.close()
    await other.close()
    await server.close()


@pytest.mark.parametrize("dropped", [False, True])
async def test_a_console_that_stood_shows_what_is_now(
    dropped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dropped`: so long that the engine has taken its silence for its end."""
    monkeypatch.setattr(server_module, "PARTING_S", 0.01)
    engine = PaperEngine()
    engine.padding = "x" * BIG
    server = await started(tmp_path / "engine.sock", engine)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CONSOLE, str(tmp_path)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert await child.stdout.readline() == b"1\n"
            child.send_signal(signal.SIGSTOP)
            for version in range(2, 9):
                engine.versions = {"orders": version}
                await asyncio.sleep(0.05)
                assert unsent(server) < 2 * BIG
            if dropped:
                with monkeypatch.context() as impatient:
                    impatient.setattr(server_module, "SILENCE_S", 0.0)
                    await settled(server, 0)
                assert unsent(server) == 0
            child.send_signal(signal.SIGCONT)
            seen = [1]
            while seen[-1] != 8:
                seen.append(int(await child.stdout.readline()))
            assert seen == sorted(seen)
            assert len(seen) < 8, "what it missed is not shown one after the other"
    finally:
        child.kill()
        await child.wait()
        await server.close()
