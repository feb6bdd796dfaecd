"""Records what is asked of stops, backstops and pairs instead of doing it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.desk.desk import Desk
from services.domain.effects import Decision
from services.execution.actions import Actions
from services.execution.backstops import Want
from services.execution.pair_state import Pair
from services.execution.stops import Stop

D = Decimal
PERP, ETH, FAR = "BTC-USDT-PERP.alpha", "ETH-USDT-PERP.alpha", "BTC-USDT-PERP.beta"
SPOT = "BTC/USD.alpha"
MS = 1_000_000


class Guard:
    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.core, self.prices = desk.core, desk.submit.prices
        self.asked: list[tuple[Any, ...]] = []
        self.ran: list[tuple[Any, ...]] = []
        self.marks: dict[str, Decimal] = {}
        self.ledger: dict[str, Decimal] = {}
        core, patch = desk.core, monkeypatch.setattr
        pairs, stops, backstops = type(core.pairs), type(core.stops), type(core.backstops)

        def note(name: str, *, answer: Any = None) -> Any:
            def call(_self: object, *args: Any, **_named: Any) -> Any:
                self.asked.append((name, *args[:3]))
                return (name, *args[:3]) if answer is None else answer

            return call

        patch(stops, "on_position", note("position"))
        patch(stops, "on_mark", note("mark"))
        patch(stops, "stand_down", note("stand down"))
        patch(stops, "on_naked", note("naked"))
        patch(stops, "hedged", note("hedged"))
        patch(stops, "naked_crossed", note("crossed", answer=True))
        patch(backstops, "sync", self._sync)
        patch(backstops, "adopt", note("adopt"))
        patch(backstops, "triggered", note("triggered"))
        patch(pairs, "on_timer", note("timer"))
        patch(pairs, "leg_changed", note("leg"))
        patch(pairs, "request_close", note("close"))
        picture = type(core.picture)
        patch(picture, "fresh_mark", lambda _self, name, _now: self.marks.get(name))
        self.patch = patch

    def _sync(self, wants: dict[str, Want], _now: int, paused: list[str]) -> Actions:
        self.asked.append(("sync", dict(wants), list(paused)))
        return ("sync",)  # type: ignore[return-value]

    def run(self, actions: Any) -> None:
        self.ran.append(actions)

    @property
    def pair(self) -> Pair:
        return self.core.pairs.live()[0]

    def alone(self, instrument: str, size: str, entry: str | None = "100") -> None:
        self.core.state.unpaired[instrument] = D(size)
        if entry is not None:
            self.core.state.unpaired_entry[instrument] = D(entry)

    def open(self, key: str) -> bool:
        return self.core.alerts.is_open(key)

    def decided(self, kind: str) -> list[str]:
        return [each.subject for each in self.core.out if isinstance(each, Decision) and each.kind == kind]


def uncover(guard: Guard, short: str, long: str, *, ago_ms: float = 60_000) -> Pair:
    pair = guard.pair
    pair.short.size, pair.long.size = D(short), D(long)
    pair.naked.since = guard.core.now - int(ago_ms * MS)
    return pair


def stop(instrument: str) -> Stop:
    return Stop(instrument, 1, D(1), D(100), D(90), D(100))
