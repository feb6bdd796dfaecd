"""Commands under way and their answers: exactly one answer each, kept for whoever repeats the id."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable

import msgspec
from msgspec import Raw, Struct, field

from services.domain import effects
from services.protocol.errors import ProtocolError
from services.protocol.exits import Exit
from services.protocol.frames import Cmd, Done, ErrorBody, Progress, encode

log = logging.getLogger("stableconsole.control")

KEPT_ANSWERS = 1_000
"""Answers remembered; older ones are forgotten, running commands never."""

Send = Callable[[bytes], None]


class Running(Struct):
    """One command and all who wait for it. It is the `Reply` handed to the engine."""

    command: Cmd
    listeners: list[Send]
    finish: Callable[[Running], None]
    answer: bytes | None = None
    progresses: list[bytes] = field(default_factory=list)

    def progress(self, text: str) -> None:
        if self.answer is not None:
            log.error("progress after the answer of command %s (%s)", self.command.id, self.command.name)
            return
        frame = encode(Progress(id=self.command.id, text=text))
        self.progresses.append(frame)
        self._tell(frame)

    def done(self, answer: effects.Done) -> None:
        if self.answer is not None:
            log.error("second answer to command %s (%s) dropped", self.command.id, self.command.name)
            return
        self.answer = done_frame(self.command.id, answer)
        self._tell(self.answer)
        self.listeners.clear()
        self.progresses.clear()
        self.finish(self)

    def _tell(self, frame: bytes) -> None:
        for send in self.listeners:
            send(frame)


class Answers:
    """The book of commands by id."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Running] = OrderedDict()

    def take(self, command: Cmd, send: Send) -> Running | None:
        """A new command to hand on, or None when this id is known: its asker then gets the kept answer."""
        known = self._by_id.get(command.id)
        if known is None:
            running = Running(command, [send], self._forget_old)
            self._by_id[command.id] = running
            return running
        if (known.command.name, known.command.args) != (command.name, command.args):
            send(failure(command.id, "id_reused", f"command id {command.id} belongs to {known.command.name}"))
        elif known.answer is not None:
            send(known.answer)
        else:
            for frame in known.progresses:
                send(frame)
            known.listeners.append(send)
        return None

    def forget_client(self, send: Send) -> None:
        """A client is gone; what it asked for goes on."""
        for running in self._by_id.values():
            if send in running.listeners:
                running.listeners.remove(send)

    def close(self, text: str) -> None:
        """Every command still open gets its one answer: the engine is going."""
        for running in list(self._by_id.values()):
            if running.answer is None:
                running.done(effects.Done(running.command.id, False, code="stopping", text=text, exit=1))

    def _forget_old(self, _finished: Running) -> None:
        excess = len(self._by_id) - KEPT_ANSWERS
        if excess > 0:
            old = [key for key, running in self._by_id.items() if running.answer is not None][:excess]
            for key in old:
                del self._by_id[key]


def done_frame(command_id: str, answer: effects.Done) -> bytes:
    """The engine's answer as the frame that is kept. A result that is no JSON or too long is told as such."""
    error = None
    if not answer.ok:
        exit_status = answer.exit if answer.exit != Exit.DONE else Exit.FAILED
        error = ErrorBody(code=answer.code or "failed", text=answer.text, exit=exit_status)
    try:
        msgspec.json.decode(answer.result)
        return encode(Done(id=command_id, ok=answer.ok, result=Raw(answer.result.encode()), error=error))
    except (msgspec.DecodeError, ProtocolError, RecursionError) as problem:
        log.error("answer of command %s cannot be told: %s", command_id, problem)
        text = f"{answer.text or 'the answer'} (its figures cannot be told: {problem})"
        return failure(command_id, error.code if error else "bad_result", text, error.exit if error else 1)


def failure(command_id: str, code: str, text: str, exit_status: int = Exit.FAILED) -> bytes:
    """A refusal of the server's own making."""
    return encode(Done(id=command_id, ok=False, error=ErrorBody(code=code, text=text, exit=exit_status)))
