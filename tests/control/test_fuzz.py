"""Whatever bytes come in, the server answers or closes, and the next client is served."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.protocol.frames import Cmd, Done, Hello, Ping, Sub, encode
from services.protocol.version import PROTOCOL
from tests.control.builders import PaperEngine, good, joined, started

HELLO_BYTES = encode(Hello(protocol=PROTOCOL, version="1"))
pieces = st.one_of(
    st.binary(max_size=100),
    st.just(HELLO_BYTES),
    st.builds(
        lambda body: len(body).to_bytes(4, "big") + body,
        st.sampled_from(
            [b"{}", b"null", b"[]", b'{"type":"sub","topics":[1]}', b'{"type":"cmd","id":"1"}', b"\xff"]
        ),
    ),
    st.builds(
        lambda name: encode(Cmd(id=name, name=name)), st.text(st.characters(codec="utf-8"), max_size=8)
    ),
    st.builds(lambda hz: encode(Sub(topics=("strip", "nonsense"), hz=hz)), st.floats(-1e9, 1e9)),
    st.just(encode(Ping())),
    st.just(HELLO_BYTES[:-3]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams=st.lists(st.lists(pieces, max_size=6), min_size=1, max_size=3))
def test_no_bytes_end_the_server(tmp_path: Path, streams: list[list[bytes]]) -> None:
    async def run() -> None:
        engine = PaperEngine()
        engine.on_submit = lambda cmd, reply: reply.done(good(cmd.id))
        server = await started(tmp_path / "s", engine)
        for stream in streams:
            reader, writer = await asyncio.open_unix_connection(str(server.path))
            for piece in stream:
                writer.write(piece)
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 5)
            writer.close()
        client = await joined(server.path)
        client.send(Cmd(id="last", name="halt"))
        done = await client.until(Done)
        assert isinstance(done, Done)
        assert done.ok
        await client.close()
        await server.close()

    asyncio.run(run())
