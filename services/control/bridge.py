"""Between the control server and the runner: commands in with their answers back, views out.

Reading commands are answered from the present state and are not journaled; all others become events of the
desk. `stop` ends the run and is answered when the desk has come to rest.
"""

from __future__ import annotations

import decimal
import itertools
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw, Struct

from services.control.ports import Reply
from services.desk.answers import still_open
from services.desk.desk import Desk
from services.desk.tickets import TicketError
from services.desk.views import Meta, ViewCache, orders, pairs, positions, status
from services.desk.views.figures import milliseconds
from services.desk.views.hedge import unseen
from services.desk.views.lately import Lately
from services.desk.views.markets import Depth
from services.desk.views.pair_ticket import preview_pair
from services.desk.views.resume import preview_resume
from services.desk.views.ticket import preview
from services.desk.views.topics import BUILDERS, READY, Books, no_depth
from services.domain.effects import Done, Progress
from services.domain.money import DESK_CONTEXT
from services.drive.runner import Runner, Wish
from services.market.tape import Tape
from services.protocol.errors import UsageError
from services.protocol.exits import Exit
from services.protocol.frames import Cmd, to_json
from services.protocol.grammar import check
from services.settings.catalog import catalog
from services.views.desk import DeskView, FundingRowView
from services.views.status import SCHEMA


class Bridge:
    """The engine's `CommandSink` and `ViewSource`."""

    def __init__(
        self,
        desk: Desk,
        runner: Runner,
        meta: Callable[[], Meta],
        cache: ViewCache,
        more: Mapping[str, Callable[[str], Struct | None]] | None = None,
        tape: Tape | None = None,
        lately: Lately | None = None,
        depth: Depth = no_depth,
    ) -> None:
        """`cache`: what is dear to compute is kept for its step of the desk's time. `more`: builders of views
        that rest on more than the desk's books, by kind of topic; they take the topic's argument.
        `tape` has heard the market's frames, `lately` the store's rows, `depth` knows the venues' books.
        """
        self._tape = tape or Tape()
        self._lately = lately or Lately()
        self._depth = depth
        self._more = dict(more or {})
        self._desk = desk
        self._cache = cache
        self._runner = runner
        self._meta = meta
        self._numbers = itertools.count(1)
        self._replies: dict[str, Reply] = {}
        self._stops: list[Reply] = []
        self._board: tuple[tuple[FundingRowView, ...], Raw] = ((), Raw(b"[]"))

    # -- commands ----------------------------------------------------------------------------------------

    def submit(self, command: Cmd, reply: Reply) -> None:
        """Take a command at once; its answer comes through `reply`."""
        try:
            spec = check(command.name, command.args)
        except UsageError as error:
            reply.done(_failed("usage", error.text, Exit.USAGE))
            return
        if spec.reads:
            try:
                reply.done(Done(command="", ok=True, result=self._read(command.name, command.args)))
            except TicketError as error:
                reply.done(_failed("usage", str(error), Exit.USAGE))
            return
        if command.name == "stop":
            self._stops.append(reply)
            self._runner.request_stop("stop")
            return
        number = f"{next(self._numbers)}"
        self._replies[number] = reply
        self._runner.submit(
            Wish(id=number, name=command.name, args=command.args, origin=command.origin or "socket")
        )

    def answer(self, word: Progress | Done) -> None:
        """What the desk says to a command goes back to whoever asked."""
        if isinstance(word, Progress):
            reply = self._replies.get(word.command)
            if reply is not None:
                reply.progress(word.text)
            return
        reply = self._replies.pop(word.command, None)
        if reply is not None:
            reply.done(word)

    def ended(self, left: tuple[str, ...], kept: tuple[str, ...] = (), unwritten: str = "") -> None:
        """The run is over: answer those who asked it to stop, and whoever still waits. `unwritten`: what
        waits for the disk; the engine tries a little longer, but nobody hears of it then."""
        with decimal.localcontext(DESK_CONTEXT):
            view = status(self._desk.core, self._desk.strategies, self._meta())
        stopping = self._desk.core.state.stopping
        result = {
            "ok": not left,
            "trading_state": view.trading_state,
            "causes": msgspec.to_builtins(view.causes, str_keys=True),
            "cancelled": 0 if stopping is None else stopping.cancelled,
            "pending": len(still_open(self._desk.core)),
            "left": list(left),
            "kept": list(kept),
            "unwritten": unwritten or None,
            "positions": [f"{each.instrument} {each.size.normalize():+f}" for each in view.positions],
        }
        text = msgspec.json.encode(result).decode()
        for reply in self._stops:
            if left:
                reply.done(
                    Done(
                        command="",
                        ok=False,
                        result=text,
                        code="left",
                        text="stopped, and left open: " + "; ".join(left),
                        exit=Exit.FAILED,
                    )
                )
            else:
                reply.done(Done(command="", ok=True, result=text))
        for reply in self._replies.values():
            reply.done(_failed("stopped", "the engine stopped before this was done", Exit.FAILED))
        self._replies.clear()
        self._stops.clear()

    def _read(self, name: str, args: dict[str, str]) -> str:
        core = self._desk.core
        view: object
        if name == "status":
            view = status(core, self._desk.strategies, self._meta())
        elif name == "preview":
            view = preview(core, self._desk.submit, args)
        elif name == "preview pair":
            view = preview_pair(core, self._desk.submit, args)
        elif name == "preview resume":
            view = preview_resume(core, args)
        elif name == "settings":
            view = {
                "schema": SCHEMA,
                "profile": core.settings.profile,
                "parameters": {entry.key: entry.value for entry in catalog(core.settings)},
            }
        elif name == "positions":
            view = {"schema": SCHEMA, "positions": positions(core), "unseen_ms": milliseconds(unseen(core))}
        elif name == "orders":
            view = {"schema": SCHEMA, "orders": orders(core)}
        elif name == "alerts":
            view = {"schema": SCHEMA, "alerts": core.alerts.views()}
        elif name in self._more:
            view = self._more[name]("")
        else:
            view = {"schema": SCHEMA, "pairs": pairs(core)}
        return to_json(view).decode()

    # -- views -------------------------------------------------------------------------------------------

    def now(self) -> int:
        return self._desk.state.now

    def version(self, topic: str) -> int:
        return self._runner.machine.events

    def build(self, topic: str) -> Struct | None:
        """The view of a topic as it stands; None = this engine has no such topic."""
        kind, _, argument = topic.partition(":")
        if kind in self._more:
            return self._more[kind](argument)
        builder = BUILDERS.get(kind)
        if builder is None:
            return None
        self._cache.begin(self._runner.machine.events, kind)
        view = builder(self._books(), argument)
        return self._with_board_encoded(view) if isinstance(view, DeskView) else view

    def ready(self, topic: str) -> bool:
        kind = topic.partition(":")[0]
        step = None if kind in self._more else READY.get(kind)
        if step is None:
            return True
        self._cache.at(self._runner.machine.events)
        return step(self._books())

    def _books(self) -> Books:
        desk = self._desk
        return Books(
            desk.core, desk.strategies, self._meta(), self._cache, self._tape, self._lately, self._depth
        )

    def _with_board_encoded(self, view: DeskView) -> Struct:
        """The funding board is most of the Desk's bytes and stands for many frames: it is encoded once."""
        rows, done = self._board
        if rows is not view.funding:
            done = Raw(to_json(view.funding))
            self._board = (view.funding, done)
        return msgspec.structs.replace(view, funding=done)


def _failed(code: str, text: str, status_: Exit) -> Done:
    return Done(command="", ok=False, code=code, text=text, exit=status_)
