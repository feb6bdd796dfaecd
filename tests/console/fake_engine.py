"""A stand-in for the engine's process: lock, socket, ready pipe and a handful of canned answers.

What it does is said by FAKE_ENGINE: `ok`, `error`, `crash`, `held`, `deaf` (lock but no socket).
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sys
from pathlib import Path

from services.control.ports import Reply
from services.control.server import ControlServer
from services.domain.effects import Done
from services.protocol.exits import Exit
from services.protocol.flags import build, quick_parse
from services.protocol.frames import Cmd, Hello
from services.protocol.ready import Ready, tell_ready
from services.protocol.version import PROTOCOL, VERSION
from tests.control.builders import PaperEngine


def main() -> int:
    parsed = quick_parse(sys.argv[1:], ())
    assert parsed is not None
    options = build(parsed[0])
    how = os.environ.get("FAKE_ENGINE", "ok")
    assert options.state_dir is not None
    root = Path(options.state_dir)
    if how == "crash":
        return 9
    if how == "error":
        tell_ready(options.ready_fd, Ready(ok=False, text="config.toml line 3: unknown key", exit=Exit.USAGE))
        return 2
    lock = os.open(root / "engine.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        tell_ready(
            options.ready_fd, Ready(ok=False, text="another engine holds this profile", exit=Exit.HELD)
        )
        return 6
    os.write(lock, json.dumps({"pid": os.getpid()}).encode() + b"\n")
    asyncio.run(
        serve(root, options.world_flags() or {"scenario": "funding-harvest", "seed": "1"}, options.ready_fd)
    )
    return 0


async def serve(root: Path, world: dict[str, str], ready_fd: int | None) -> None:
    engine = PaperEngine()
    stopped = asyncio.Event()

    def answer(cmd: Cmd, reply: Reply) -> None:
        reply.done(Done(cmd.id, True, result='{"ok":true}'))
        if cmd.name == "stop":
            asyncio.get_running_loop().call_soon(stopped.set)

    engine.on_submit = answer
    hello = Hello(protocol=PROTOCOL, version=VERSION, pid=os.getpid(), profile="sim", mode="sim", world=world)
    server = ControlServer(root / "engine.sock", hello, engine, engine)
    if os.environ.get("FAKE_ENGINE") == "deaf":
        tell_ready(ready_fd, Ready(ok=True, pid=os.getpid()))
        await asyncio.sleep(60)
    await server.start()
    tell_ready(ready_fd, Ready(ok=True, pid=os.getpid()))
    await asyncio.wait_for(stopped.wait(), 60)
    await server.close()


if __name__ == "__main__":
    sys.exit(main())
