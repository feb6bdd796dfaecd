"""From the journal back to a desk: the last checkpoint and every input after it (RUNTIME 4).

The desk is a pure function of its journal, so recovery is a replay whose effects nobody carries out. What the
disk does not hold (at most the last second of market data, never an intent) the venues tell: reconciliation
follows before any order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from services.desk.desk import Desk
from services.desk.state import DeskState
from services.domain.effects import Effect, Record, Send
from services.domain.events import Event, StrategyOverrun
from services.domain.instrument import Instrument
from services.domain.records import Row
from services.drive.plugins import load_kinds
from services.execution.ids import restarted
from services.settings.parameters import Settings
from services.store.journal import (
    BLOCK,
    CHECKPOINT,
    COMMAND,
    DECISION,
    GAP,
    SESSION,
    ChainRow,
    JournalWriter,
    SessionStarted,
)
from services.store.migrate import CorruptStore, trouble
from services.store.reader import StoreReader
from services.store.replay import JournalReader, JournalRow, Start, Tell, verify


class Restored(Struct, frozen=True):
    """What the journal says of the desk that ran before."""

    state: DeskState
    events: int
    """Inputs replayed after the checkpoint."""
    stopped_at_gap: int | None
    """Row of a lost block: what follows it is left to the venues."""
    session: SessionStarted
    """As it began: version, settings without keys, what it could trade."""
    unwritten: tuple[Row, ...] = ()
    """Table rows of the last input that may not have reached the disk: to be written before anything else.

    The disk holds a prefix, so an input is there with all effects of those before it, but perhaps without
    some of its own. Writing one twice is harmless.
    """


class Replayed(Struct, frozen=True):
    ok: bool
    events: int
    decisions: int
    first_divergence: str | None
    written_by: tuple[str, ...] = ()
    """Versions of the program that wrote what was replayed: another one than ours may diverge."""


def restore(store: Path) -> Restored | None:
    """The desk as the journal leaves it, its ids moved on for a new life; None = there is no session yet.

    Raises CorruptStore when a row that it needs is damaged or cannot be decoded, the chain does not hold, or
    other orders come out than were sent (another version wrote it, a strategy was changed in place, or one is
    no function of its inputs): what such a desk believes is not what it did.
    """
    reader = JournalReader(store)
    try:
        return _restored(reader, _pairs_named(store))
    except _DecidesOtherwise as error:
        raise CorruptStore(f"store {store}: {error}") from error
    except sqlite3.Error as error:
        raise trouble(store, error) from error
    except (ValueError, msgspec.MsgspecError) as error:
        said = " ".join(str(error).split())
        raise CorruptStore(f"store {store}: its journal cannot be read ({said})") from error
    finally:
        reader.close()


def _restored(reader: JournalReader, pairs_named: int) -> Restored | None:
    start = reader.last_start()
    if start is None:
        return None
    reader.prove(start)
    broken_off = _overruns(reader, start.seq)
    fed = _fed(reader, start, broken_off, None)
    halt = fed.halt
    if halt is not None and halt.failed:
        # The event that ended the engine would end it again: the desk of the moment before it.
        fed = _fed(reader, start, broken_off, fed.events)
    session = start.session
    strange = fed.strange()
    if strange:
        raise _DecidesOtherwise(strange, session.code)
    fed.desk.strategies.export()
    restarted(fed.desk.state.ids, pairs_named)
    # Here and not where a state is read: a checkpoint in the middle of a session has intents that only wait.
    fed.desk.core.orders.doubt_unsent(fed.desk.state.now)
    unwritten = () if halt is not None else fed.unwritten()
    row = None if halt is None else halt.row
    began = structs.replace(session, state=b"")  # which is old
    return Restored(fed.desk.state, fed.events, row, began, unwritten)


def _pairs_named(store: Path) -> int:
    reader = StoreReader(store)
    try:
        return reader.pairs_named()
    finally:
        reader.close()


class _DecidesOtherwise(Exception):
    """Nothing is damaged, and yet this desk is not the one that was."""

    def __init__(self, strange: str, code: str) -> None:
        super().__init__(
            f"its inputs, handled again, give other orders than were sent: {strange}; version {code} "
            "wrote it: this is another one, or a strategy was changed since, or goes by chance or by a clock"
        )


_SEND = b'{"type":"send"'


def _sent(send: Send) -> tuple[object, ...]:
    """What the venue was told, and what for. The words about it may be put otherwise."""
    order = send.order
    where = (order.client_order_id, order.instrument, order.pair, order.purpose)
    return (*where, order.side, order.quantity, order.price)


def _words(sent: tuple[object, ...]) -> str:
    """What it was beside its id, which is often the same in both."""
    name, instrument, pair, purpose, side, quantity, price = sent
    at = "at any price" if price is None else f"at {price}"
    return f"{name} ({side} {quantity} {instrument} {at}, {pair or 'no pair'} {purpose})"


class _Halt(Struct, frozen=True):
    """Why a feed ended before the journal did."""

    row: int
    failed: bool
    """The desk raised there; else a block was lost."""


class _Fed:
    """A desk that took the journal's inputs, as far as it could."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.events = 0
        self.halt: _Halt | None = None
        self.effects: tuple[Effect, ...] = ()
        """Of the last input."""
        self.kept = 0
        """How many of them the journal holds."""
        self.written: list[tuple[object, ...]] = []
        """Orders sent, by the journal."""
        self.made: list[tuple[object, ...]] = []
        """Orders sent, by this desk."""
        self.before_last = 0
        """How many of these before the last input."""

    def take(self, event: Event) -> None:
        self.effects, self.kept = self.desk.handle(event), 0
        self.before_last = len(self.made)
        self.made += [_sent(effect) for effect in self.effects if isinstance(effect, Send)]

    def strange(self) -> str:
        """The first order by which this desk is not the one that was; empty = it is. Only those of the last
        input may be missing on the disk."""
        for made, written in zip(self.made, self.written, strict=False):
            if made != written:
                return f"order {_words(written)} was sent, and this program sends {_words(made)}"
        if len(self.written) > len(self.made):
            return f"order {_words(self.written[len(self.made)])} was sent, and this program does not send it"
        if len(self.written) < self.before_last:
            return f"order {_words(self.made[len(self.written)])} was never sent, and this program sends it"
        return ""

    def unwritten(self) -> tuple[Row, ...]:
        """The last effect that the journal holds counts too: its own row comes after it."""
        return tuple(
            effect.row for effect in self.effects[max(0, self.kept - 1) :] if isinstance(effect, Record)
        )


def _fed(reader: JournalReader, start: Start, broken_off: Mapping[int, str], most: int | None) -> _Fed:
    """A desk from `start` on, after the inputs it could take (`most` of them)."""
    fed = _Fed(_desk_at(start))
    for row in reader.rows(after=start.seq):
        if row.kind == GAP or (row.kind == BLOCK and row.payload is None):
            fed.halt = _Halt(row.seq, False)
            return fed
        fed.kept += row.kind == DECISION
        if row.kind == DECISION and row.payload is not None and row.payload.startswith(_SEND):
            effect = row.effect()
            fed.written += [_sent(effect)] if isinstance(effect, Send) else []
        for event in row.events():
            if most is not None and fed.events >= most:
                return fed
            _announce(fed.desk, broken_off.get(fed.events + 1))
            try:
                fed.take(event)
            except Exception:  # whatever it was, the engine that met it is gone: the venues tell the rest
                fed.halt = _Halt(row.seq, True)
                return fed
            fed.events += 1
    return fed


def replay(store: Path, tell: Tell | None = None) -> Replayed:
    """Feed every input to a desk again and compare every decision with the one written down.

    Digests are compared, so the chain is proved first: a row that was changed since is none to compare with.
    """
    try:
        return _replayed(store, tell)
    except sqlite3.DatabaseError:
        verdict = verify(store)  # names the row on whose page the file is damaged
        if verdict.ok:
            raise
        return Replayed(False, 0, 0, verdict.text)


def _replayed(store: Path, tell: Tell | None) -> Replayed:
    reader, written = JournalReader(store, tell), JournalReader(store)
    try:
        start = reader.first_start()
        if start is None:
            empty = reader.last_start() is None
            why = "the journal is empty" if empty else "all inputs are pruned: nothing is left to replay"
            return Replayed(False, 0, 0, why)
        fault = written.fault_after(start)
        if fault is not None:
            return Replayed(False, 0, 0, f"row {fault.seq} (broken): {fault.text}")
        codes = [row.session().code for row in reader.sessions() if row.seq > start.seq]
        rows = written.rows(after=start.seq - 1)
        try:
            found = _compare(reader, _Comparison(rows), start)
        finally:
            rows.close()
        return structs.replace(found, written_by=tuple(dict.fromkeys((start.session.code, *codes))))
    finally:
        reader.close()
        written.close()


def _compare(reader: JournalReader, check: _Comparison, start: Start) -> Replayed:
    writer = JournalWriter(check.put, seq=start.seq - 1)
    desk = _desk_at(start)
    broken_off = _overruns(reader, start.seq - 1)
    events = decisions = 0
    for row in reader.rows(after=start.seq - 1):
        if row.kind == GAP or (row.kind == BLOCK and row.payload is None):
            return Replayed(False, events, decisions, f"row {row.seq}: a block of inputs was lost here (gap)")
        if row.kind == SESSION:
            writer.seal()
            if check.diverged is None:
                check.skip()
            writer.seq, writer.head = row.seq, row.hash
            desk = _desk_at(Start(row.seq, row.ts, row.hash, row.session(), row.session().state))
        elif row.kind == CHECKPOINT:
            writer.checkpoint(row.ts, desk.export())
        elif row.kind in (BLOCK, COMMAND):
            for event in row.events():
                writer.input(event)
                events += 1
                _announce(desk, broken_off.get(events))
                for effect in _handled(desk, event):
                    writer.decision(effect, max(event.ts, desk.state.now))
                    decisions += 1
        if check.diverged is not None:
            return Replayed(False, events, decisions, check.diverged)
    writer.seal()
    return Replayed(check.diverged is None, events, decisions, check.diverged)


def _handled(desk: Desk, event: Event) -> tuple[Effect, ...]:
    """The effects; none where the desk fails, as it did then: the session ends there."""
    try:
        return desk.handle(event)
    except Exception:  # compared with what was written, like any other outcome
        return ()


class _Comparison:
    """Rows that a replay makes against rows that were written."""

    def __init__(self, rows: Iterator[JournalRow]) -> None:
        self._rows = rows
        self._next = next(rows, None)
        self.diverged: str | None = None

    def skip(self) -> None:
        """Over the row of the next session, which must be what comes now."""
        found, self._next = self._next, next(self._rows, None)
        if found is not None and found.kind != SESSION:
            self.diverged = f"row {found.seq}: a {found.kind} was written, nothing came out"

    def put(self, made: ChainRow) -> None:
        found = self._next
        if self.diverged is not None or found is None or found.kind == SESSION:
            # A killed engine's last rows may be missing: what was written is a prefix.
            return
        self._next = next(self._rows, None)
        if found.digest != made.digest or found.kind != made.kind:
            self.diverged = f"row {found.seq}: a {found.kind} was written, a different {made.kind} came out"


def _desk_at(start: Start) -> Desk:
    session = start.session
    instruments: Mapping[str, Instrument] = {each.id: each for each in session.instruments}
    settings = msgspec.convert(session.settings, type=Settings, strict=False)
    load_kinds(settings)
    state = Desk.restore(start.state) if start.state else None
    return Desk(settings, instruments, state, instance=session.instance)


def _overruns(reader: JournalReader, after: int) -> dict[int, str]:
    """Number of the input in which a strategy was broken off -> the strategy.

    The watchdog's word is the input after it, perhaps in a later row, so it is looked up ahead.
    """
    found: dict[int, str] = {}
    number = 0
    for row in reader.rows(after=after):
        for event in row.events():
            number += 1
            if isinstance(event, StrategyOverrun):
                found[number - 1] = event.strategy
    return found


def _announce(desk: Desk, strategy: str | None) -> None:
    if strategy is not None:
        desk.skip_strategy(strategy)
