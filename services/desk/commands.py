"""Operator commands: what each does to the desk, and the JSON that answers it (SEMANTICS 10, CONSOLE).

A command is journaled with the virtual time at which it was taken. Every command gets exactly one `Done`;
`flatten` gets its when it is proven flat or the rest is listed.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from services.desk import answers, controls, differences, direct, faults, hand_commands, reconciling
from services.desk.answers import LEFT_OPEN, OK, REFUSED, USAGE, FlattenAnswer, state_answer
from services.desk.core import DeskCore
from services.desk.hand import OPERATOR
from services.desk.submit import Submitter
from services.domain.effects import Done
from services.domain.enums import PairState, TradingState
from services.domain.events import Command
from services.execution.actions import Flattened
from services.execution.flatten import Scope
from services.settings.catalog import canonical_key, set_value
from services.settings.errors import SettingsError

HALT, LEFT = "halt", "flatten left"

_NEEDED = {
    "set": ("key", "value"),
    "unset": ("key",),
    "limit": ("symbol", "key", "value"),
    "fault": ("kind", "venue", "chance"),
    "buy": ("symbol", "size"),
    "sell": ("symbol", "size"),
    "pair open": ("short", "long", "notional"),
    "cancel": ("what",),
}
"""Arguments without which a command means nothing: whoever sent it, it must not end the engine."""


def _by(origin: str) -> str:
    """`console:5840` in words; the journal keeps the number."""
    kind = origin.partition(":")[0]
    return {"console": "by hand in the console", "shell": "by hand from the shell"}.get(kind, f"by {origin}")


class Commands:
    """The table of commands. Parts above are reached through `core` and `submit` alone."""

    def __init__(self, core: DeskCore, submit: Submitter) -> None:
        self.core = core
        self.submit = submit
        self.settings_changed: Callable[[], None] = lambda: None
        self._table: dict[str, Callable[[Command], None]] = {
            "halt": self._halt,
            "resume": self._resume,
            "flatten": self._flatten,
            "pause": self._pause,
            "enable": self._enable,
            "pair close": self._pair_close,
            "ack": self._ack,
            "set": self._set,
            "unset": self._unset,
            "limit": self._limit,
            "reconcile": self._reconcile,
            "reconcile accept": self._accept,
            "fault": self._fault,
            "buy": self._order,
            "sell": self._order,
            "pair open": self._pair_open,
            "cancel": self._cancel,
        }

    def handle(self, command: Command) -> None:
        self.core.decide("command", command.name, " ".join(command.args.values()), dict(command.args))
        handler = self._table.get(command.name)
        if handler is None:
            self._fail(command, "unknown", f"unknown command {command.name!r}", USAGE)
            return
        missing = [name for name in _NEEDED.get(command.name, ()) if name not in command.args]
        if missing:
            self._fail(command, "usage", f"{command.name} needs {', '.join(missing)}", USAGE)
            return
        handler(command)

    # -- answers -----------------------------------------------------------------------------------------

    def _done(self, command: Command, result: Struct | dict[str, object]) -> None:
        self.core.emit(answers.done(command, result))

    def _fail(self, command: Command, code: str, text: str, status: int) -> None:
        self.core.emit(answers.failed(command, code, text, status))

    # -- safety ------------------------------------------------------------------------------------------

    def _halt(self, command: Command) -> None:
        reason = command.args.get("reason", "").strip() or f"halted {_by(command.origin)}"
        cancelled = controls.halt(self.core, self.submit, HALT, reason)
        self._done(command, state_answer(self.core, cancelled))

    def _flatten(self, command: Command) -> None:
        scope = self._scope(command)
        if scope is None:
            return
        whole = scope == Scope()
        reason = f"flatten {command.args.get('what', '') or 'everything'}, {_by(command.origin)}"
        # Halted and latched before anything that may send an order.
        controls.halt_scope(self.core, self.submit, scope, reason)
        differences.take_positions(self.core, self.submit)
        direct.pair_up(self.core, command.origin, scope)
        name, actions = self.core.flattens.start(
            scope, reason, command.origin, self.core.now, self.submit.prices
        )
        self.core.state.flatten_commands.setdefault(name, []).append(command.id)
        self.core.decide("flatten", name, reason, {"everything": str(whole)})
        self.submit.run(actions)

    def _scope(self, command: Command) -> Scope | None:
        """What `flatten WHAT` means: a venue, a pair, an instrument, or a symbol that one venue has."""
        what = command.args.get("what", "").strip()
        core = self.core
        if not what or what == "all":
            return Scope()
        if what in core.settings.venues:
            return Scope(venue=what)
        if core.pairs.get(what) is not None:
            return Scope(pair=what)
        if what in core.instruments:
            return Scope(instrument=what)
        found = [spec.id for spec in core.instruments.values() if spec.symbol == what]
        if len(found) == 1:
            return Scope(instrument=found[0])
        if found:
            text = f"{what} trades on several venues: name one of {', '.join(found)}"
            self._fail(command, "ambiguous", text, USAGE)
            return None
        self._fail(
            command, "unknown", f"flatten {what!r}: no such venue, pair or instrument; see positions", USAGE
        )
        return None

    def flattened(self, end: Flattened) -> None:
        """A flatten has come to its end: answer whoever asked."""
        core = self.core
        kept = tuple(
            f"{venue} {coin} {amount}"
            for venue, book in core.ledger.state.accounts.items()
            for coin, amount in book.balances.items()
            if amount != 0
        )
        positions = tuple(f"{row.subject} {row.size}: {row.why}" for row in end.left if row.size is not None)
        orders = tuple(f"{row.subject}: {row.why}" for row in end.left if row.size is None)
        reads = [book.report_event for book in core.state.venues.values()]
        known = [ts for ts in reads if ts]  # a venue that was never read has no part in what is proven flat
        answer = FlattenAnswer(
            flat=end.flat,
            orders_left=orders,
            positions_left=positions,
            kept=kept,
            fresh_read_ts=min(known) if known and (end.flat or known == reads) else None,
        )
        proof = "; ".join(end.proof)
        core.decide("flattened", end.id, proof if end.flat else "not flat", {"left": str(len(end.left))})
        core.risk_event("flattened", end.id, proof if end.flat else "; ".join((*positions, *orders)))
        self._say_left(end, (*positions, *orders))
        for command in core.state.flatten_commands.pop(end.id, []):
            core.emit(
                Done(
                    command=command,
                    ok=end.flat,
                    result=msgspec.json.encode(answer).decode(),
                    code="" if end.flat else "left",
                    text=f"flat: {proof}" if end.flat else "not flat: " + "; ".join((*positions, *orders)),
                    exit=OK if end.flat else LEFT_OPEN,
                )
            )

    def _say_left(self, end: Flattened, left: tuple[str, ...]) -> None:
        """Also where nobody waits for the answer. It stands until a flatten of as much has proven flat."""
        scope = end.scope
        name = scope.venue or scope.pair or scope.instrument or scope.symbol or "all"
        if not end.flat:
            controls.left_open(self.core, scope)
            self.core.alert(f"{LEFT}:{name}", None, "not flat: " + "; ".join(left))
            return
        controls.proven_flat(self.core, scope)
        for alert in self.core.alerts.open():
            if alert.key == f"{LEFT}:{name}" or (scope.everything and alert.key.startswith(f"{LEFT}:")):
                self.core.resolve(alert.key)

    def _resume(self, command: Command) -> None:
        core = self.core
        reason = command.args.get("reason", "").strip()
        override, rebase = controls.switches(command.args)
        if core.flattens.running():
            self._fail(command, "flattening", "a flatten is still running: wait for its end", REFUSED)
            return
        error = controls.resume(core, reason, override, rebase)
        if error is not None:
            self._fail(command, "refused", error, REFUSED)
            return
        self._done(command, state_answer(core))

    # -- strategies and pairs ----------------------------------------------------------------------------

    def _pause(self, command: Command) -> None:
        slot = self.core.state.strategies.get(command.args.get("name", ""))
        if slot is None:
            self._unknown_strategy(command)
            return
        slot.paused = True
        for pair in self.core.pairs.live():
            if pair.opening and pair.strategy == command.args["name"]:
                self.submit.run(
                    self.core.pairs.stop_resting(pair.id, "paused", self.core.now, self.submit.prices)
                )
        self.core.risk_event("paused", command.args["name"], command.origin)
        self._done(command, {"ok": True, "strategy": command.args["name"], "state": "paused"})

    def _enable(self, command: Command) -> None:
        name, reason = command.args.get("name", ""), command.args.get("reason", "").strip()
        if name not in self.core.state.strategies and name != OPERATOR:
            self._unknown_strategy(command)
            return
        if not reason:
            self._fail(command, "usage", "enable needs a reason: enable NAME REASON", USAGE)
            return
        if name not in self.core.state.strategies:
            self.core.emit(hand_commands.enable(self.core, command, reason))
            return
        controls.enable(self.core, name, reason)
        self._done(command, {"ok": True, "strategy": name, "state": "running"})

    def _unknown_strategy(self, command: Command) -> None:
        names = ", ".join(self.core.state.strategies) or "none"
        self._fail(
            command,
            "unknown",
            f"no strategy {command.args.get('name', '')!r}; this profile has: {names}",
            USAGE,
        )

    def _pair_close(self, command: Command) -> None:
        core = self.core
        name = command.args.get("id", "")
        pair = core.pairs.get(name)
        if pair is None or pair.state is PairState.CLOSED:
            live = ", ".join(pair.id for pair in core.pairs.live()) or "none"
            self._fail(command, "unknown", f"no open pair {name!r}; open: {live}", USAGE)
            return
        if core.causes.overall() is TradingState.HALTED:
            self._fail(command, "halted", "HALTED: use flatten to close positions, or resume first", REFUSED)
            return
        core.decide("close", name, "operator", {"command": command.id, "by": command.origin})
        self.submit.run(
            core.pairs.request_close(name, "operator", core.now, self.submit.prices, origin="operator")
        )
        self._done(command, {"ok": True, "pair": name, "state": pair.state.value})

    # -- by hand -----------------------------------------------------------------------------------------

    def _order(self, command: Command) -> None:
        self.core.emit(hand_commands.order(self.core, self.submit, command))

    def _pair_open(self, command: Command) -> None:
        self.core.emit(hand_commands.pair(self.core, self.submit, command))

    def _cancel(self, command: Command) -> None:
        self.core.emit(hand_commands.cancel(self.core, self.submit, command))

    def _ack(self, command: Command) -> None:
        key = command.args.get("key", "")
        effects = self.core.alerts.ack(key, self.core.now)
        if not effects:
            self._fail(command, "unknown", f"no open alert {key!r}", USAGE)
            return
        self.core.out.extend(effects)
        self._done(command, {"ok": True, "key": key})

    # -- settings ----------------------------------------------------------------------------------------

    def _set(self, command: Command) -> None:
        self._override(command, command.args["key"], command.args["value"])

    def _limit(self, command: Command) -> None:
        key = f"gate.limits.{command.args['symbol']}.{command.args['key']}"
        self._override(command, key, command.args["value"])

    def _override(self, command: Command, key: str, value: str) -> None:
        core = self.core
        try:
            key = canonical_key(core.settings, key)
            controls.check_pinned(core, key, value)
            controls.check_symbol(core, key, value)
            after = set_value(core.settings, key, value)
            controls.check_loosening(core, key, core.settings, after, command.args.get("reason", ""))
        except SettingsError as error:
            self._fail(command, "settings", str(error), USAGE)
            return
        except controls.LooseningRefused as error:
            self._fail(command, "loosening", str(error), REFUSED)
            return
        controls.override(core, key, value, command.origin, command.args.get("reason", ""))
        core.bind(after)
        self.settings_changed()
        self._done(command, {"ok": True, "key": key, "value": value})

    def _unset(self, command: Command) -> None:
        core = self.core
        key = command.args["key"]
        known = controls.is_known(core.settings, key)
        key = canonical_key(core.settings, key) if known else key
        if key not in core.state.overrides:
            self._fail(command, "unknown", controls.not_overridden(core, key), USAGE)
            return
        rest = {name: text for name, text in core.state.overrides.items() if name != key}
        try:
            after = controls.with_overrides(core.base_settings, rest)
            if known:
                controls.check_loosening(core, key, core.settings, after, command.args.get("reason", ""))
        except SettingsError as error:
            self._fail(command, "settings", f"without {key}: {error}", USAGE)
            return
        except controls.LooseningRefused as error:
            self._fail(command, "loosening", str(error), REFUSED)
            return
        controls.override(core, key, None, command.origin, command.args.get("reason", ""))
        core.bind(after)
        self.settings_changed()
        self._done(command, {"ok": True, "key": key})

    def _fault(self, command: Command) -> None:
        args = command.args
        try:
            left = faults.set_fault(self.core, args["kind"], args["venue"], args["chance"])
        except faults.FaultRefused as error:
            self._fail(command, "fault", str(error), USAGE if error.usage else REFUSED)
            return
        self._done(command, {"ok": True, "faults": list(left)})

    def _reconcile(self, command: Command) -> None:
        reconciling.begin(self.core, self.submit, command.id)

    def _accept(self, command: Command) -> None:
        named = command.args.get("ids", "").split()
        found = differences.accept(self.core, self.submit, tuple(named) or None)
        reconciling.finish(self.core, command.id, accepted=found.lines, refused=found.refused)
