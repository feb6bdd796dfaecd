"""One WebSocket that stays up: greets, beats, notices silence, comes back, and says so each time.

What a frame means is the venue's business (`Ears`). This file knows about the connection alone:

- Life is judged by *frames*, not by the socket: half-open connections and streams that were acknowledged and
  then stay silent for ever both look connected (binance.md 0.1).
- After every (re)connect the greeting is sent again, and `up` is told only when the ears say that all they
  subscribed has answered. What was missed meanwhile REST fills: nothing here replays.
- A connection is renewed before the venue ends it by itself.
- Where the venue says 429 or 418, nothing is opened before the time that it names, a restart between or not.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from services.runtime.backoff import Backoff
from services.runtime.clock import boot_s
from services.venues.wire.errors import WireError, retry_after

log = logging.getLogger("stableconsole.wire")

MOST_FRAME = 8 * 1024 * 1024
"""Bytes; a full book of 5 000 levels has one."""


CONNECTS = 10
CONNECT_S = 5.0
"""So many connections may follow each other at once, then one in so long: one that comes up and breaks at
once comes back every quarter second, and an address that opens 300 in five minutes is banned, cancels and all
(binance.md 7). A venue has three streams. Spent evenly, for a line that breaks again and again must not be
away for minutes."""


WAITS = {418: 120.0, 429: 10.0}
"""Seconds to stay away after such an answer that names no time."""


class Hold(Protocol):
    def left_s(self) -> float: ...

    def note(self, seconds: float) -> None: ...


class Ears(Protocol):
    """A venue's side of one connection."""

    def greeting(self) -> Sequence[str]:
        """Frames to send right after each connect: log-in and subscriptions. State of the old connection
        is forgotten here."""

    def heard(self, raw: str | bytes) -> None:
        """One frame. Raises `Renew` when the connection is no good any more."""

    def beat(self) -> str | None:
        """The heartbeat frame; None = the protocol's own pings will do."""

    def ready(self) -> bool:
        """Everything that was subscribed has been confirmed."""

    def silent(self, now: float) -> str | None:
        """A subscription without any data for longer than it may be, by name; None = all speak."""


class _Here(connect):
    """A connection to the address that was named: who sends us elsewhere is not followed, for the log-in, or
    the key in the address, would go along."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class Renew(Exception):
    """The connection must be made anew; the text says why."""

    def __init__(self, text: str, wait_s: float = 0.0) -> None:
        """`wait_s`: how long the venue wants to be left alone."""
        super().__init__(text)
        self.wait_s = wait_s


class Habits(Struct, frozen=True, kw_only=True):
    """Seconds."""

    open_s: float = 10.0
    beat_s: float = 2.0
    """Well before `silence_s`: a private stream says nothing for hours, and its answer alone proves its life.
    A quote that has not changed is as fresh as the last answer."""
    silence_s: float = 10.0
    """No frame at all for this long: the connection is dead, whatever the socket says."""
    ready_s: float = 10.0
    """Subscriptions not confirmed by then: renew."""
    life_s: float = 23 * 3600.0


class Stream:
    """Runs until `close`. `up` and `down` are called from the loop, in turns."""

    def __init__(
        self,
        url: str,
        ears: Ears,
        *,
        up: Callable[[], None],
        down: Callable[[str], None],
        random: Callable[[], float],
        habits: Habits | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = boot_s,
        address: Callable[[], Awaitable[str]] | None = None,
        hold: Hold | None = None,
    ) -> None:
        """`address` finds the URL of each connection, where it holds a key of its own; `url` names it in
        the log. It may raise WireError. `hold` keeps over restarts how long the host is to be left alone."""
        self.url = url
        self._hold = hold
        self._held_until = 0.0
        self._address = address
        self.connects = 0
        self._ears = ears
        self._up = up
        self._down = down
        self._habits = habits if habits is not None else Habits()
        if self._habits.beat_s * 2 > self._habits.silence_s:
            raise ValueError("a connection that is asked so seldom is taken for dead before it can answer")
        self._tls = tls
        self._clock = clock
        self._backoff = Backoff(first=0.25, most=30.0, random=random)
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_up = False
        self._last = 0.0
        self._whole_at = 0.0
        """When `CONNECTS` connections may follow each other again."""

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End it; no `down` is told for a wished end."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def say(self, text: str) -> bool:
        """Send a frame now. False = there is no connection, or it just broke."""
        if self._socket is None:
            return False
        try:
            await self._socket.send(text)
        except WebSocketException:
            return False
        return True

    def renew(self) -> None:
        """Break the connection off; a new one is made as after any cut."""
        if self._socket is not None:
            self._socket.transport.abort()

    def age(self) -> float | None:
        """Seconds since the last frame; None = not connected."""
        return None if self._socket is None else self._clock() - self._last

    async def _run(self) -> None:
        held = 0.0 if self._hold is None else self._hold.left_s()
        await asyncio.sleep(held)
        while True:
            reason = await self._live_once()
            if self._is_up:
                self._is_up = False
                self._backoff.reset()
                self._down(reason)
            wait = max(self._backoff.next(), self._too_soon(), self._held_until - self._clock())
            log.info("%s: %s; again in %.1f s", self.url, reason, wait)
            await asyncio.sleep(wait)

    def _too_soon(self) -> float:
        """Seconds until one connection more may be opened."""
        return max(0.0, self._whole_at - self._clock() - (CONNECTS - 1) * CONNECT_S)

    async def _live_once(self) -> str:
        """One connection from its opening to its end; the reason of the end."""
        address = self.url
        try:
            if self._address is not None:
                address = await self._address()
            async with _Here(
                address,
                ssl=self._tls,
                open_timeout=self._habits.open_s,
                close_timeout=1.0,
                ping_interval=None,
                compression=None,
                max_size=MOST_FRAME,
                proxy=None,
            ) as socket:
                self.connects += 1
                self._whole_at = max(self._whole_at, self._clock()) + CONNECT_S
                self._socket = socket
                return await self._converse(socket)
        except Renew as why:
            self._left_alone(why.wait_s)
            return str(why)
        except InvalidStatus as error:
            status, headers = error.response.status_code, error.response.headers
            if status in WAITS:
                # By `get` one that stands twice would raise.
                found = retry_after(
                    {name: ", ".join(headers.get_all(name)) for name in ("retry-after", "date")}
                )
                self._left_alone(WAITS[status] if found is None else found)
            return f"refused with status {status}"
        except WireError as error:
            return error.text
        except (WebSocketException, OSError, TimeoutError) as error:
            # The address may hold a key, and some of these errors name it.
            text = str(error).replace(address, self.url)
            return f"{type(error).__name__}: {text}" if text else type(error).__name__
        except Exception as error:  # a fault of ours in the ears: a dead task would stay dead without a word
            log.exception("%s: what was heard could not be handled", self.url)
            return f"internal error: {type(error).__name__}"
        finally:
            if self._socket is not None:
                # Closing it may have ended early: before Python 3.11.4 a time-out in a task that is being
                # cancelled is told as its cancelling, and the library leaves the transport open.
                self._socket.transport.abort()
            self._socket = None

    def _left_alone(self, seconds: float) -> None:
        if seconds > 0:
            self._held_until = max(self._held_until, self._clock() + seconds)
            if self._hold is not None:
                self._hold.note(seconds)

    async def _converse(self, socket: ClientConnection) -> str:
        self._last = self._clock()
        for frame in self._ears.greeting():
            await socket.send(frame)
        self._tell_up()
        watcher = asyncio.get_running_loop().create_task(self._watch(socket))
        try:
            async for raw in socket:
                self._last = self._clock()
                self._ears.heard(raw)
                self._tell_up()
            end = f"closed by the venue ({socket.close_code})"
        except WebSocketException as error:
            end = f"{type(error).__name__}: {error}"
        finally:
            watcher.cancel()
            found = (await asyncio.gather(watcher, return_exceptions=True))[0]
        # Where we ended it ourselves, the socket's own word says only that it was ended.
        return found if isinstance(found, str) else end

    def _tell_up(self) -> None:
        if not self._is_up and self._ears.ready():
            self._is_up = True
            self._up()

    async def _watch(self, socket: ClientConnection) -> str:
        """Beats, and closes what is dead; returns why."""
        habits = self._habits
        born = beaten = self._clock()
        step = min(habits.beat_s, habits.silence_s, habits.ready_s) / 4
        while True:
            await asyncio.sleep(step)
            now = self._clock()
            reason = self._unhealthy(now, born)
            if reason is not None:
                # Not `close()`: a half-open peer would make us wait for its answer.
                socket.transport.abort()
                return reason
            if now - beaten >= habits.beat_s:
                beaten = now
                frame = self._ears.beat()
                if frame is None:
                    answer = asyncio.ensure_future(await socket.ping())
                    answer.add_done_callback(self._ponged)
                else:
                    await socket.send(frame)

    def _ponged(self, answer: asyncio.Future[float]) -> None:
        """The protocol's own pong is a sign of life too: a private stream may be quiet for hours."""
        if not answer.cancelled() and answer.exception() is None:
            self._last = self._clock()

    def _unhealthy(self, now: float, born: float) -> str | None:
        habits = self._habits
        if now - self._last >= habits.silence_s:
            return f"silent for {now - self._last:.1f} s"
        if not self._is_up and now - born >= habits.ready_s:
            return "subscriptions were not confirmed"
        if now - born >= habits.life_s:
            return "renewed before the venue ends it"
        quiet = self._ears.silent(now)
        return None if quiet is None else f"{quiet} was subscribed and stays silent"
