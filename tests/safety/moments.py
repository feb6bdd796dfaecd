"""A desk a moment before a venue's market is stated in full, or its account read: flat, and with a pair."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import msgspec

from services.desk.desk import Desk
from services.domain.events import AccountReport, Command, Event, MarketFrame
from services.domain.instrument import Instrument
from services.settings.parameters import Settings
from tests.desk.builders import MINUTE, SECOND, Rig


@dataclass(frozen=True)
class Moment:
    blob: bytes
    instruments: dict[str, Instrument]
    event: Event
    names: tuple[str, ...]
    """The legs that are held, if any, else two that could be, and a stablecoin's perp: their rows are spoilt,
    and orders on them are asked about. Indexes are spoilt all."""

    def desk(self, settings: Settings | None = None) -> Desk:
        desk = Desk(
            settings if settings is not None else Settings(), self.instruments, Desk.restore(self.blob)
        )
        desk.state.next_risk = 0  # the desk looks at its own safety in the very turn of the event
        return desk


@cache
def moments() -> dict[str, Moment]:
    """(flat or hedged) x (market frame or account report) of alpha."""
    found: dict[str, Moment] = {}
    rig = Rig()
    rig.start()
    _tell(rig, "pause", name="funding_arb")
    rig.run(2 * MINUTE)
    _catch(rig, "flat", found)
    _tell(rig, "enable", name="funding_arb", reason="the test wants a pair")
    rig.run_until_hedged()
    _catch(rig, "hedged", found)
    return found


def _tell(rig: Rig, command: str, **args: str) -> None:
    now = rig.queue.now
    rig.machine.feed(Command(id=f"{command} {now}", name=command, args=args, origin="test", ts=now))


def _catch(rig: Rig, state: str, found: dict[str, Moment]) -> None:
    """Let the world run until a full frame and an account report of alpha were about to be handled."""
    desk, wanted = rig.desk, {"market", "account"}
    legs = [leg.instrument for pair in desk.core.pairs.live() for leg in pair.legs]
    names = (*(legs or ("BTC-USDT-PERP.alpha", "BTC-USDT-PERP.beta")), "USDC-PERP.alpha")

    def decide(event: Event) -> object:
        kind = ""
        if isinstance(event, MarketFrame) and event.venue == "alpha" and event.rates:
            kind, event = "market", _rows(event, names)
        elif isinstance(event, AccountReport) and event.venue == "alpha":
            kind = "account"
        if kind in wanted:
            wanted.discard(kind)
            for rates in desk.state.picture.rates.values():
                del rates.settled[:-100]  # enough for the sample rule, and quick to restore
            found[f"{state}, {kind}"] = Moment(desk.export(), dict(desk.core.instruments), event, names)
        return desk.handle(event)

    rig.ear.decide = decide  # type: ignore[method-assign, assignment]
    rig.run(40 * SECOND)
    assert not wanted
    del rig.ear.decide


def _rows(frame: MarketFrame, names: tuple[str, ...]) -> MarketFrame:
    return msgspec.structs.replace(
        frame,
        quotes=tuple(row for row in frame.quotes if row.instrument in names),
        marks=tuple(row for row in frame.marks if row.instrument in names),
        rates=tuple(row for row in frame.rates if row.instrument in names),
    )
