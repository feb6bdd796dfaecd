"""The stream client against real sockets: cuts, silence, half-open peers, and what is told of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from services.venues.wire.stream import CONNECT_S, CONNECTS, Habits, Renew, Stream

QUICK = Habits(open_s=1, beat_s=0.05, silence_s=0.3, ready_s=0.3, life_s=60)
LONG_S = 5.0


class Listener:
    """Subscribes to one channel and keeps what it heard."""

    def __init__(self) -> None:
        self.frames: list[dict[str, object]] = []
        self.greeted = 0
        self.confirmed = False
        self.beats = 0
        self.quiet: str | None = None

    def greeting(self) -> Sequence[str]:
        self.greeted += 1
        self.confirmed = False
        return [json.dumps({"op": "subscribe", "channel": "ticker"})]

    def heard(self, raw: str | bytes) -> None:
        frame = json.loads(raw)
        self.frames.append(frame)
        if frame.get("type") == "subscribed":
            self.confirmed = True
        if frame.get("type") == "restart":
            raise Renew("the venue restarts")

    def beat(self) -> str | None:
        self.beats += 1
        return json.dumps({"op": "ping"})

    def ready(self) -> bool:
        return self.confirmed

    def silent(self, now: float) -> str | None:
        return self.quiet


class Told:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.changed = asyncio.Event()

    def up(self) -> None:
        self.log.append("up")
        self.changed.set()

    def down(self, reason: str) -> None:
        self.log.append(f"down: {reason}")
        self.changed.set()

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(LONG_S):
            while len(self.log) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.log


Talk = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def stream(talk: Talk, ears: Listener, told: Told, habits: Habits = QUICK) -> AsyncIterator[Stream]:
    async with serve(talk, "127.0.0.1", 0, ping_interval=None, close_timeout=0.1) as server:
        port = server.sockets[0].getsockname()[1]
        client = Stream(
            f"ws://127.0.0.1:{port}/ws", ears, up=told.up, down=told.down, random=lambda: 0.5, habits=habits
        )
        client.start()
        try:
            yield client
        finally:
            await client.close()
            server.close(close_connections=True)


async def confirm(socket: ServerConnection) -> None:
    await socket.recv()
    await socket.send(json.dumps({"type": "subscribed", "channel": "ticker"}))


async def answer_pings(socket: ServerConnection) -> None:
    async for _ in socket:
        await socket.send(json.dumps({"type": "pong"}))


async def test_up_only_when_confirmed_and_again_after_each_cut() -> None:
    """Bug B16: streams, whose cuts are noticed."""
    count = 0

    async def talk(socket: ServerConnection) -> None:
        nonlocal count
        count += 1
        await confirm(socket)
        if count < 3:
            return
        await answer_pings(socket)

    ears, told = Listener(), Told()
    async with stream(talk, ears, told) as client:
        log = await told.until(5)
    assert [word.partition(":")[0] for word in log] == ["up", "down", "up", "down", "up"]
    assert ears.greeted == client.connects == 3


async def test_a_peer_that_says_nothing_more_is_dropped() -> None:
    """A half-open socket looks connected; no frame for a while says that it is not."""
    stop = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        await confirm(socket)
        await stop.wait()

    ears, told = Listener(), Told()
    async with stream(talk, ears, told):
        log = await told.until(2)
        stop.set()
    assert log[1].startswith("down: silent for 0.")
    assert ears.beats >= 2


async def test_pongs_keep_a_quiet_connection() -> None:
    async def talk(socket: ServerConnection) -> None:
        await confirm(socket)
        await answer_pings(socket)

    ears, told = Listener(), Told()
    async with stream(talk, ears, told) as client:
        await told.until(1)
        async with asyncio.timeout(LONG_S):
            while ears.beats < 12:
                await asyncio.sleep(0.02)
        age = client.age()
    assert told.log == ["up"]
    assert age is not None
    assert age < QUICK.silence_s


def test_a_connection_is_asked_before_its_silence_counts_for_death() -> None:
    """It was asked every 15 s and given up after 10: a private stream without orders fell again and again."""
    usual = Habits()
    assert usual.beat_s * 2 <= usual.silence_s
    with pytest.raises(ValueError, match="taken for dead"):
        Stream(
            "ws://127.0.0.1:1/ws",
            Listener(),
            up=lambda: None,
            down=lambda reason: None,
            random=lambda: 0.5,
            habits=Habits(beat_s=15.0, silence_s=10.0),
        )


async def test_an_acknowledgement_that_never_comes_is_no_connection() -> None:
    async def talk(socket: ServerConnection) -> None:
        async for _ in socket:
            await socket.send(json.dumps({"type": "pong"}))

    ears, told = Listener(), Told()
    async with stream(talk, ears, told) as client:
        async with asyncio.timeout(LONG_S):
            while client.connects < 2:
                await asyncio.sleep(0.02)
    assert told.log == []


async def test_a_subscription_that_stays_silent_renews_the_connection() -> None:
    """An acknowledgement proves nothing (binance.md 7)."""

    async def talk(socket: ServerConnection) -> None:
        await confirm(socket)
        await answer_pings(socket)

    ears, told = Listener(), Told()
    async with stream(talk, ears, told):
        await told.until(1)
        ears.quiet = "btcusdt@markPrice"
        log = await told.until(2)
    assert log[1] == "down: btcusdt@markPrice was subscribed and stays silent"


async def test_the_venues_restart_word_and_a_life_that_ends_renew() -> None:
    async def talk(socket: ServerConnection) -> None:
        await confirm(socket)
        await socket.send(json.dumps({"type": "restart"}))
        await answer_pings(socket)

    ears, told = Listener(), Told()
    async with stream(talk, ears, told):
        log = await told.until(2)
    assert log[1] == "down: the venue restarts"

    async def calm(socket: ServerConnection) -> None:
        await confirm(socket)
        await answer_pings(socket)

    ears, told = Listener(), Told()
    brief = Habits(open_s=1, beat_s=0.05, silence_s=0.3, ready_s=0.3, life_s=0.2)
    async with stream(calm, ears, told, brief):
        log = await told.until(2)
    assert log[1] == "down: renewed before the venue ends it"


async def test_nothing_is_said_without_a_connection() -> None:
    client = Stream(
        "ws://127.0.0.1:9/ws", Listener(), up=Told().up, down=Told().down, random=lambda: 0.5, habits=QUICK
    )
    assert client.age() is None
    assert not await client.say("{}")
    await client.close()


async def test_a_fault_of_ours_in_the_ears_renews_the_connection_and_is_told() -> None:
    """Found by the fuzzer: an exception that escapes would end the stream's task without a word, for good."""

    class Faulty(Listener):
        def heard(self, raw: str | bytes) -> None:
            super().heard(raw)
            if self.greeted == 1 and self.frames[-1].get("type") == "odd":
                raise ZeroDivisionError("odd")

    async def talk(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"type": "subscribed"}')
        await socket.send('{"type": "odd"}')
        await socket.wait_closed()

    told = Told()
    async with stream(talk, Faulty(), told):
        assert await told.until(3) == ["up", "down: internal error: ZeroDivisionError", "up"]


async def test_a_connection_that_breaks_at_once_is_not_made_anew_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An address that opens too many is banned, and with it the cancels. A line that is cut again and again
    is never away for long: after 40 connections it once stayed away for the rest of 150 s."""
    monkeypatch.setattr("services.venues.wire.stream.CONNECTS", 2)

    told = Told()
    async with stream(confirm, Listener(), told) as client:
        assert [word.partition(":")[0] for word in await told.until(4)] == ["up", "down", "up", "down"]
        assert client.connects == 2
        assert CONNECT_S - 1 < client._too_soon() <= CONNECT_S
        client._whole_at -= CONNECT_S
        assert client._too_soon() == 0
    # Three streams of one venue, within the five minutes of its rule.
    assert 3 * (CONNECTS + 300 / CONNECT_S) < 300


class Kept:
    """What a restart would know."""

    def __init__(self, left_s: float = 0.0) -> None:
        self.left = left_s
        self.noted: list[float] = []

    def left_s(self) -> float:
        return self.left

    def note(self, seconds: float) -> None:
        self.noted.append(seconds)


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        (429, [("Retry-After", "30")], 30.0),
        (429, [("Retry-After", "30"), ("Retry-After", "40")], 40.0),
        (418, [], 120.0),
        (503, [("Retry-After", "30")], None),
    ],
)
async def test_a_door_that_wants_to_be_left_alone_is_left_alone(
    status: int, headers: list[tuple[str, str]], wait_s: float | None
) -> None:
    """It was knocked at again after a quarter of a second, which makes a ban longer; a word that stood twice
    ended the task, and the stream stayed away for good."""
    knocks = 0

    def refuse(_: ServerConnection, request: object) -> Response:
        nonlocal knocks
        knocks += 1
        said = Headers()
        for name, value in headers:
            said[name] = value
        return Response(status, "no", said)

    kept = Kept()
    async with serve(nobody, "127.0.0.1", 0, process_request=refuse) as server:
        port = server.sockets[0].getsockname()[1]
        client = Stream(
            f"ws://127.0.0.1:{port}/ws", Listener(), up=print, down=print, random=lambda: 0.5, hold=kept
        )
        client.start()
        async with asyncio.timeout(LONG_S):
            while knocks == 0 or client._held_until == 0.0 < (wait_s or 0.0):
                await asyncio.sleep(0.01)
        left = client._held_until - client._clock()
        await client.close()
    assert kept.noted == ([] if wait_s is None else [wait_s])
    assert left <= 0 if wait_s is None else wait_s - 2 < left <= wait_s


async def test_a_start_within_a_ban_opens_nothing() -> None:
    client = Stream(
        "ws://127.0.0.1:9/", Listener(), up=print, down=print, random=lambda: 0.5, hold=Kept(60.0)
    )
    client.start()
    await asyncio.sleep(0.05)
    assert client._whole_at == 0
    assert client._backoff.failures == 0, "nothing was tried"
    await client.close()


async def nobody(socket: ServerConnection) -> None:
    raise AssertionError("nobody is let in")


async def test_a_door_that_sends_us_elsewhere_is_not_followed() -> None:
    """A host on this machine led past the rule that another one needs an explicit setting, log-in and all."""
    knocks: list[str] = []

    def refuse(socket: ServerConnection, request: Request) -> Response:
        knocks.append(request.path)
        port = socket.local_address[1]
        return Response(302, "Found", Headers({"Location": f"ws://localhost:{port}/elsewhere"}))

    async with serve(nobody, "localhost", 0, process_request=refuse) as server:
        port = server.sockets[0].getsockname()[1]
        client = Stream(f"ws://localhost:{port}/ws", Listener(), up=print, down=print, random=lambda: 0.5)
        client.start()
        async with asyncio.timeout(LONG_S):
            while client._backoff.failures == 0:
                await asyncio.sleep(0.01)
        await client.close()
    assert set(knocks) == {"/ws"}


async def test_no_reason_names_the_key_in_an_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    async def address() -> str:
        return "no-address/private/ws?listenKey=a-key-of-ours"

    client = Stream(
        "wss://venue/private/ws", Listener(), up=print, down=print, random=lambda: 0.5, address=address
    )
    client.start()
    async with asyncio.timeout(LONG_S):
        while client._backoff.failures == 0:
            await asyncio.sleep(0.01)
    await client.close()
    assert "InvalidURI: wss://venue/private/ws" in caplog.text
    assert "a-key-of-ours" not in caplog.text
