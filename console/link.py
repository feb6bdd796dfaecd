"""The console's only door to an engine: an asyncio client that keeps the newest views and reconnects.

It implements the `Link` that the screens know. A command whose connection breaks is asked again under the
same id, so that the same engine answers what it did; another engine is never asked, because nobody knows what
the first one had done.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from msgspec import Struct

from console.answered import answer_of, refused
from console.newest import Newest
from console.remedies import not_sent, unanswered, unheard
from console.spawn import Starting, after_failure
from screens.link import LINK, Answer, LinkState
from services.protocol.errors import ProductError, ProtocolError
from services.protocol.exits import Exit
from services.protocol.frames import (
    PING_S,
    Cmd,
    Done,
    Fault,
    Frame,
    FrameBuffer,
    Hello,
    Ping,
    Progress,
    ServerFrame,
    Sub,
    View,
    decode_server,
    encode,
    protocol_problem,
    release_problem,
)
from services.protocol.options import RunOptions
from services.protocol.version import PROTOCOL, VERSION
from services.settings.layout import StateLayout

log = logging.getLogger("stableconsole")

RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Waits before the tries to reconnect; then always the last."""


class _Waiting(Struct):
    command: Cmd
    answer: asyncio.Future[Answer]
    progress: Callable[[str], None] | None
    engine: tuple[int, str] | None = None
    """Pid and instance of the engine it was sent to."""


class SocketLink:
    """See `screens.link.Link` for what each member means."""

    def __init__(
        self,
        layout: StateLayout,
        options: RunOptions,
        *,
        starting: Starting | None = None,
        read_only: bool = False,
    ) -> None:
        self.failure: ProductError | None = None
        """Why there is no engine to show: the console then ends with its one line and status."""
        self.on_failure: Callable[[], None] | None = None
        self.on_engine: Callable[[], None] | None = None
        """Another engine answers than before: it has read the configuration anew."""
        self._layout = layout
        self._options = options
        self._starting = starting
        self._read_only = read_only
        self._state: LinkState = "starting"
        self._text = "engine starting"
        self._warning = ""
        self._parting = ""
        """What the last engine said when it went; empty = it did not, or another one answers."""
        self._heard: float | None = None
        self._newest = Newest(time.monotonic)
        self._listeners: list[Callable[[str], None]] = []
        self._topics: tuple[str, ...] = ()
        self._hz = 10.0
        self._waiting: dict[str, _Waiting] = {}
        self._count = 0
        self._writer: asyncio.StreamWriter | None = None
        self._hello: Hello | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def read_only(self) -> bool:
        return self._read_only

    @property
    def state(self) -> LinkState:
        return self._state

    @property
    def text(self) -> str:
        return self._text

    @property
    def hello(self) -> Hello | None:
        """Who the engine said it is; None before the first connection."""
        return self._hello

    @property
    def warning(self) -> str:
        return self._warning

    def silence(self) -> float:
        return 0.0 if self._heard is None else time.monotonic() - self._heard

    def age(self, topic: str) -> float:
        return self._newest.age(topic)

    def standing(self) -> float:
        return self._newest.standing()

    def view(self, topic: str) -> object | None:
        try:
            return self._newest.view(topic)
        except ValueError as error:
            # Show nothing rather than something misread.
            self._become(self._state, f"view {topic} of engine {self._version()} cannot be read: {error}")
            return None

    def listen(self, changed: Callable[[str], None]) -> Callable[[], None]:
        self._listeners.append(changed)

        def end() -> None:
            if changed in self._listeners:
                self._listeners.remove(changed)

        return end

    def watch(self, topics: tuple[str, ...], hz: float) -> None:
        self._topics, self._hz = topics, hz
        self._newest.ask(topics)
        self._say(Sub(topics=topics, hz=hz))

    def send(
        self, name: str, args: Mapping[str, str], progress: Callable[[str], None] | None = None
    ) -> Coroutine[Any, Any, Answer]:
        """The command is written at once, in the call: a halt waits for no task and no painting."""
        if self._read_only:
            return refused("this console is read-only: it sends nothing", Exit.REFUSED)
        if self._state != "connected":
            return refused(not_sent(name, self._text, self._options), Exit.NO_ENGINE)
        self._count += 1
        command = Cmd(
            id=f"{os.getpid():x}-{time.time_ns():x}-{self._count}",
            name=name,
            args=dict(args),
            origin=f"console:{os.getpid()}",
        )
        waiting = _Waiting(command, asyncio.get_running_loop().create_future(), progress, self._engine())
        self._waiting[command.id] = waiting
        self._say(command)
        return self._answered(waiting)

    async def _answered(self, waiting: _Waiting) -> Answer:
        try:
            return await waiting.answer
        finally:
            self._waiting.pop(waiting.command.id, None)

    def unheard(self, name: str) -> str:
        return unheard(name, self._options, gone=self._state != "connected")

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        self._become("closed", "detached")
        self._give_up("the console was closed")
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._drop()

    async def _run(self) -> None:
        if self._starting and not await self._started(self._starting):
            return
        attempt = 0
        while self._state != "closed":
            try:
                reader, self._writer = await asyncio.open_unix_connection(str(self._layout.socket))
            except OSError:
                attempt += 1
                if self._heard is not None:
                    self._become("reconnecting", self._parting or f"reconnecting, try {attempt}")
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S)) - 1])
                continue
            try:
                await self._talk(reader)
                attempt = 0
            except ProtocolError as error:
                self._fail(ProductError(f"what answers on {self._layout.socket} is no engine: {error.text}"))
            except OSError:
                attempt += 1
            except Exception as error:
                # A screen without a reader would stand still, and no key of it would be answered.
                log.exception("the link to the engine broke")
                self._fail(ProductError(f"the console broke ({error!r}); the engine runs on: attach again"))
            finally:
                self._drop()
            if self._state == "connected":
                self._become("reconnecting", "the engine has gone away, reconnecting")
                for waiting in self._waiting.values():  # asked again if it comes back; until then …
                    if waiting.progress:
                        waiting.progress(unanswered(waiting.command.name, self._options))

    async def _started(self, starting: Starting) -> bool:
        """Waits for the spawned engine's word. False = it failed, and we with it."""
        loop = asyncio.get_running_loop()
        news = asyncio.Event()
        loop.add_reader(starting.pipe, news.set)
        try:
            while (word := starting.poll()) is None:
                news.clear()
                await news.wait()
        finally:
            # The pipe is closed once the word is read; its number must not stay registered.
            loop.remove_reader(starting.pipe)
        if word.ok:
            return True
        failure = await asyncio.to_thread(after_failure, word, self._options, self._layout)
        if failure:
            self._fail(failure)
        return failure is None

    async def _talk(self, reader: asyncio.StreamReader) -> None:
        self._say(Hello(protocol=PROTOCOL, version=VERSION, pid=os.getpid()))
        pinger = asyncio.get_running_loop().create_task(self._ping())
        buffer = FrameBuffer()
        try:
            while data := await reader.read(65_536):
                self._heard = time.monotonic()
                for body in buffer.feed(data):
                    self._take(decode_server(body))
        finally:
            pinger.cancel()

    async def _ping(self) -> None:
        while True:
            self._say(Ping(sent=time.monotonic_ns()))
            await asyncio.sleep(PING_S)

    def _take(self, frame: ServerFrame) -> None:
        if isinstance(frame, View):
            self._newest.put(frame.topic, bytes(frame.data), frame.ts)
            self._tell(frame.topic)
        elif isinstance(frame, Progress):
            waiting = self._waiting.get(frame.id)
            if waiting and waiting.progress:
                waiting.progress(frame.text)
        elif isinstance(frame, Done):
            waiting = self._waiting.get(frame.id)
            if waiting and not waiting.answer.done():
                waiting.answer.set_result(answer_of(frame))
        elif isinstance(frame, Hello):
            self._joined(frame)
        elif isinstance(frame, Fault):
            self._fault(frame)

    def _joined(self, hello: Hello) -> None:
        before, self._hello = self._engine(), hello
        if before != self._engine() and self.on_engine:
            self.on_engine()
        self._parting = ""
        problem = protocol_problem(PROTOCOL, hello.protocol, we_are="console")
        self._warning = problem or release_problem(VERSION, hello.version)
        self._become("connected", problem or f"engine PID {hello.pid}")
        self._newest.ask_anew()
        if self._topics:
            self._say(Sub(topics=self._topics, hz=self._hz))
        for waiting in self._waiting.values():
            if waiting.engine == self._engine():
                self._say(waiting.command)
            elif not waiting.answer.done():
                text = f"{waiting.command.name}: another engine answers now; look at its state first"
                waiting.answer.set_result(Answer(ok=False, text=text, exit=Exit.FAILED))

    def _fault(self, fault: Fault) -> None:
        if fault.code == "stopping":
            # The next engine of this folder is shown like one that was away: a halt needs no new console.
            self._parting = fault.text
            self._become("reconnecting", fault.text)
            self._give_up(fault.text)
        elif fault.code == "user":
            self._fail(ProductError(fault.text))
        else:
            self._become(self._state, fault.text)

    def _fail(self, failure: ProductError) -> None:
        self.failure = failure
        self._become("closed", failure.text)
        self._give_up(failure.text)
        if self.on_failure:
            self.on_failure()

    def _give_up(self, text: str) -> None:
        for waiting in self._waiting.values():
            if not waiting.answer.done():
                answer = Answer(ok=False, text=f"{waiting.command.name}: no answer: {text}", exit=Exit.FAILED)
                waiting.answer.set_result(answer)

    def _say(self, frame: Frame) -> None:
        """Writing to a connection that is just breaking is no trouble: the reader notices."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(frame))

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _become(self, state: LinkState, text: str) -> None:
        if (state, text) != (self._state, self._text):
            self._state, self._text = state, text
            self._tell(LINK)

    def _tell(self, topic: str) -> None:
        for listener in list(self._listeners):
            listener(topic)

    def _engine(self) -> tuple[int, str] | None:
        return (self._hello.pid, self._hello.instance) if self._hello else None

    def _version(self) -> str:
        return self._hello.version if self._hello else "?"
