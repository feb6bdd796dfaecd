"""The second life, and what must hold of it: run in a fork of its own, it tells what is wrong in words.

SEMANTICS 7: hedged or flat within 60 simulated seconds, nothing in doubt, no order doubled, no fill lost or
counted twice, our ledger equal to the exchange's books, |naked| within its bound, the trading state never
better than before.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.domain.enums import PairState, TradingState
from services.domain.money import ONE, ZERO
from services.domain.orders import parse_client_order_id
from services.drive import recover
from services.settings.layout import StateLayout
from services.store.reader import StoreReader
from services.store.replay import verify
from services.venues.sim.log import CHECKPOINT_FILE, LOG_FILE
from tests import books
from tests.kill.doors import LATE, Marks, wire_of
from tests.kill.plays import Life, S

REST_S = 60
"""Hedged or flat by then."""
READ_S = 66
"""By then the venues have been read once more, and whatever was lost is found."""


def judge(order: dict[str, Any]) -> dict[str, Any]:
    """`order`: folder, seed; of the life before `state` and `latched` as they lay on disk; `target`, the most
    one leg may ever hold; `bound`, USD naked; `seen`, digests that need no second look."""
    digest = _digest(Path(order["folder"]), order["state"], order["latched"])
    if digest in order["seen"]:
        return {"same": True, "digest": digest, "wrong": [], "naked": "0", "rest_s": None}
    # The comparing replay costs as much as the rest: CI plays every other remains again, the soak all.
    replayed = bool(os.environ.get("STABLECONSOLE_SOAK")) or int(digest[0], 16) % 2 == 0
    return {"same": False, "digest": digest, **_Judge(order).verdict(replayed=replayed)}


def _digest(folder: Path, *known: object) -> str:
    """Of all that a restart reads, and of what is demanded of it."""
    layout = StateLayout(folder)
    found = hashlib.sha256(repr(known).encode())
    for path in (layout.latch, layout.exchange / LOG_FILE, layout.exchange / CHECKPOINT_FILE):
        found.update(path.read_bytes() if path.exists() else b"none")
    if layout.store.exists():
        store = sqlite3.connect(layout.store)
        listed = store.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        tables = [name for (name,) in listed]
        for name in tables:
            count = store.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()
            found.update(repr((name, count)).encode())
        if "journal" in tables:
            head = store.execute("SELECT hash FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
            found.update(repr(head).encode())
        store.close()
    return found.hexdigest()


class _Judge:
    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.folder = Path(order["folder"])
        self.wrong: list[str] = []
        wire = wire_of(self.folder)
        self.before = wire.read_text().split() if wire.exists() else []
        self.life = Life(self.folder, Marks(None, lambda word: None), LATE, order["seed"])
        self.core = self.life.session.desk.core
        self.worst = ZERO
        self.rest_ns: int | None = None

    def demand(self, holds: bool, text: str) -> None:
        if not holds:
            self.wrong.append(text)

    def verdict(self, *, replayed: bool) -> dict[str, Any]:
        life, began = self.life, self.life.now
        taken = {each.client_order_id for each in self._orders()}
        self._run(began + S // 2)
        self._state_kept()
        for wait in (5, 12, 25):
            self._run(began + wait * S)
            for pair in life.stopped_by_policy():
                life.command("pair close", id=pair)  # the person for whom the policy `cancel` waits
        self._run(began + REST_S * S)
        self._at_rest()
        self._run(began + READ_S * S)
        self._books()
        self._orders_single(taken)
        life.close()
        self._store(replayed)
        return {
            "wrong": self.wrong,
            "rest_s": None if self.rest_ns is None else (self.rest_ns - began) / S,
            "naked": str(self.worst),
        }

    def _run(self, end: int) -> None:
        life = self.life
        while True:
            life.machine.settle_commits()
            due = life.session.queue.next_due()
            if due is None or due > end:
                return
            life.step()
            naked = self._naked()
            self.worst = max(self.worst, naked)
            if not naked and self._resting():
                self.rest_ns = self.rest_ns if self.rest_ns is not None else life.now
            else:
                self.rest_ns = None

    def _naked(self) -> Decimal:
        """USD by the exchange's books."""
        return self.life.alone() * (ONE if self.life.spot else Decimal(24_000))

    def _takes_off(self, order: Any) -> bool:
        """No venue has a reduce-only flag for spot: there the client id says what an order was for."""
        parts = parse_client_order_id(order.client_order_id) if self.life.spot else None
        return bool(order.reduce_only) or (parts is not None and parts.purpose.closing)

    def _resting(self) -> bool:
        """Of a life that is not naked."""
        quiet = not self.core.orders.open_orders() and not self.core.flattens.running()
        return quiet and all(state is PairState.HEDGED for state in self.life.states())

    def _state_kept(self) -> None:
        core = self.core
        state = core.causes.overall()
        known = TradingState(self.order["state"])
        self.demand(state.rank >= known.rank, f"state was {known}, is {state}")
        latched = {(cause.name, cause.scope) for cause in core.causes.causes() if cause.latched}
        for name, scope in self.order["latched"]:
            self.demand((name, scope) in latched, f"cause {name} ({scope}) is gone")

    def _at_rest(self) -> None:
        core = self.core
        self.demand(not self._naked(), f"naked after {REST_S} s: {self.life.sizes()}")
        self.demand(
            all(state is PairState.HEDGED for state in self.life.states()),
            f"pairs after {REST_S} s: {[(p.id, p.state.value, p.text) for p in core.pairs.live()]}",
        )
        left = [f"{each.id} {each.state.value}" for each in core.orders.open_orders()]
        self.demand(not left, f"orders open after {REST_S} s: {left}")
        self.demand(not core.flattens.running(), "a flatten still runs")
        bound = Decimal(self.order["bound"])
        self.demand(self.worst <= bound, f"naked {self.worst} USD, bound {bound}")

    def _books(self) -> None:
        """Ledger and exchange to the last digit, trade by trade."""
        exchange = self.life.session.exchange
        bad = [(c.name, c.scope, c.text) for c in self.core.causes.causes() if c.name == "reconcile"]
        self.demand(not bad, f"differences: {bad}")
        for venue in exchange.venues:
            report, account = exchange.books(venue), self.core.ledger.account(venue)
            self.wrong += books.unlike(venue, account, report)
            trades = {f"{fill.instrument}|{fill.trade_id}" for fill in report.fills}
            self.demand(set(account.trades.ids) == trades, f"{venue}: trades {account.trades.ids} {trades}")
            paid = {payment.payment_id for payment in report.payments}
            self.demand(set(account.payments.ids) == paid, f"{venue}: payments differ")

    def _orders(self) -> list[Any]:
        return [
            o for venue in self.life.session.exchange.venues.values() for o in venue.state.orders.values()
        ]

    def _orders_single(self, taken: set[str]) -> None:
        wire = wire_of(self.folder)
        self.after = wire.read_text().split() if wire.exists() else []
        twice = [name for name, times in Counter(self.after).items() if times > 1]
        self.demand(not twice, f"sent twice: {twice}")
        second = self.after[len(self.before) :]
        self.demand(not set(second) & (set(self.before) | taken), "an id of the first life was drawn again")
        orders = self._orders()
        ids = Counter(each.client_order_id for each in orders)
        self.demand(all(times == 1 for times in ids.values()), f"taken twice: {ids}")
        entered: dict[str, Decimal] = {}
        for each in orders:
            if not self._takes_off(each):
                lot = self.core.instruments[each.instrument].size_increment
                entered[each.instrument] = entered.get(each.instrument, ZERO) + each.filled * lot
        most = Decimal(self.order["target"])
        self.demand(all(sum_ <= most for sum_ in entered.values()), f"entered {entered}, target {most}")
        if self.order["state"] == TradingState.HALTED.value:
            new = [each for each in orders if each.client_order_id not in taken]
            later = [each for each in new if not self._takes_off(each)]
            self.demand(not later, f"halted, and yet {[each.client_order_id for each in later]}")

    def _store(self, replayed: bool) -> None:
        """Chain, replay, and the tables that people read."""
        path = self.life.layout.store
        checked = verify(path)
        self.demand(checked.ok, f"chain: {checked.text}")
        if replayed:
            played = recover.replay(path)
            self.demand(played.ok, f"replay: {played.first_divergence}")
        reader = StoreReader(path)
        exchange = self.life.session.exchange
        try:
            kept = Counter((row.instrument, row.trade_id, row.size) for row in reader.fills(limit=10_000))
            booked = Counter(
                (fill.instrument, fill.trade_id, fill.quantity)
                for venue in exchange.venues
                for fill in exchange.books(venue).fills
            )
            self.demand(kept == booked, f"trades kept {kept - booked}, not kept {booked - kept}")
            paid = {row.payment_id for row in reader.funding(limit=10_000)}
            payments = {p.payment_id for venue in exchange.venues for p in exchange.books(venue).payments}
            self.demand(paid == payments, f"funding rows {paid}, payments {payments}")
            rows = {row.client_order_id: row for row in reader.orders(limit=10_000)}
            for each in self._orders():
                if not each.client_order_id.startswith(self.core.state.ids.instance):
                    continue  # of a direct flatten, which keeps no store
                row = rows.get(each.client_order_id)
                lot = self.core.instruments[each.instrument].size_increment
                # A protective order that was cancelled unfilled before it was on disk leaves nothing behind.
                seen = row is not None or not (each.filled or each.live)
                self.demand(seen, f"no row of order {each.client_order_id}")
                if row is not None:
                    filled, ended = each.filled * lot, row.state.value in ("filled", "canceled", "expired")
                    text = f"order {each.client_order_id}: row {row.filled} {row.state}, there {filled}"
                    self.demand(row.filled == filled and ended, text)
            pairs = {row.id: row for row in reader.pairs(limit=1_000)}
            for pair in self.core.pairs.live():
                self.demand(
                    pair.id in pairs and pairs[pair.id].state is pair.state, f"row of {pair.id}: {pairs}"
                )
            episodes = Counter(row.id for row in reader.episodes())
            self.demand(all(times == 1 for times in episodes.values()), f"episodes {episodes}")
        finally:
            reader.close()
