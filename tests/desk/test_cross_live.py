"""`cross_exchange` on a whole desk and the simulated exchange: it trades a dislocation, out of inventory."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from screens.draw import cross
from screens.draw.context import Context
from services.desk.core import MINUTE
from services.desk.looks import REBALANCE
from services.desk.views import desk_view, status
from services.domain.effects import Decision, Effect
from services.domain.enums import PairState
from services.domain.events import Event
from services.settings.cross import Cross
from services.settings.parameters import Settings, StrategySettings
from services.venues.sim.scenarios import SCENARIOS, apart
from services.views.desk import DeskView
from tests.desk.builders import META, Rig

D = Decimal
SETTINGS = Settings(
    strategies={"cross": StrategySettings(kind="cross_exchange", cross=Cross(exit_level=D(4)))}
)
"""A level that the venues' own noise reaches soon."""


def short_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenario's own wave, after two minutes and for three."""
    offsets = {"BTC.beta": apart((2, 60.0), last_min=3)}
    monkeypatch.setitem(SCENARIOS, "dislocation", replace(SCENARIOS["dislocation"], offsets=offsets))


def drawing(shown: DeskView, width: int) -> str:
    found = cross.rows(shown, width, Context(now=0))
    assert all(line.width <= width for row in found for line in row.lines)
    return "\n".join("".join(span.text for span in line.spans) for row in found for line in row.lines)


def listen(rig: Rig) -> list[Decision]:
    heard: list[Decision] = []
    inner = rig.desk.handle

    def handle(event: Event) -> tuple[Effect, ...]:
        out = inner(event)
        heard.extend(each for each in out if isinstance(each, Decision))
        return out

    rig.desk.handle = handle  # type: ignore[method-assign]
    return heard


def test_a_dislocation_is_sold_dear_bought_cheap_and_closed_when_prices_met(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short_scenario(monkeypatch)
    rig = Rig("dislocation", 7, SETTINGS)
    heard = listen(rig)
    rig.start()
    rig.run(2 * MINUTE)
    said = status(rig.desk.core, rig.desk.strategies, META)
    assert said.cross is not None
    assert {row.verdict for row in said.cross.rows} == {"—"}
    assert {row.reason for row in said.cross.rows if row.kind == "perp"} == {"edge < threshold"}
    assert said.cross.transfers == ()
    assert {(row.coin, row.venue, row.low) for row in said.cross.inventory} == {
        (coin, venue, False) for coin in ("USD", "USDT", "USDC") for venue in ("alpha", "beta")
    }
    assert "edge < threshold" in said.strategies[0].reason
    rig.run(2 * MINUTE)
    pairs = rig.desk.core.pairs.live()
    assert pairs
    assert {pair.state for pair in pairs} == {PairState.HEDGED}
    for pair in pairs:
        assert pair.short.instrument.endswith(".beta"), "beta is the dear venue"
        assert pair.long.instrument.endswith(".alpha")
        assert pair.short.size == pair.long.size > 0
        entry = pair.short.entry_price, pair.long.entry_price
        assert None not in entry
        assert (entry[0] or D(0)) > (entry[1] or D(0))
    shown = desk_view(rig.desk.core, rig.desk.strategies, META)
    assert shown.cross is not None
    held = {row.pair: (row.sell, row.buy) for row in shown.cross.rows if row.verdict == "HOLD"}
    assert held == {pair.id: (pair.short.instrument, pair.long.instrument) for pair in pairs}
    assert {row.verdict for row in shown.cross.rows if row.kind == "spot" and row.net_edge > 5} == {"SHOWN"}
    drawn = drawing(shown, 160)
    assert "sell BTC-USDT beta" in drawn
    assert "HOLD" in drawn
    for _ in range(8):
        rig.run(MINUTE)
        if not rig.desk.core.pairs.live():
            break
    assert rig.desk.core.pairs.live() == ()
    closed = [each for each in heard if each.kind == "episode"]
    assert len(closed) == len(pairs)
    assert {each.text for each in closed} == {"prices met"}
    assert all(D(each.figures["net"]) > 0 for each in closed), "the edge was net of every fee"
    assert all(
        position.size == 0
        for account in rig.desk.core.ledger.state.accounts.values()
        for position in account.positions.values()
    )
    gate = [each for each in heard if each.kind == "gate" and each.text.startswith("the pair as one unit")]
    assert len(gate) == len(pairs), "one gate for every order"


def test_what_runs_low_is_an_alert_with_the_transfer_to_make_and_nobody_makes_it() -> None:
    """Bug F6: inventory only; the console names coin, amount, from and to."""
    short = {"alpha": {"USDT": D(3_000)}, "beta": {"USDT": D(27_000)}}
    rig = Rig("calm", 7, SETTINGS, short)
    heard: list[Effect] = []
    inner = rig.desk.handle

    def handle(event: Event) -> tuple[Effect, ...]:
        out = inner(event)
        heard.extend(out)
        return out

    rig.desk.handle = handle  # type: ignore[method-assign]
    rig.start()
    rig.run(MINUTE)
    core = rig.desk.core
    (alert,) = [each for each in core.alerts.open() if each.key.startswith(REBALANCE)]
    assert alert.key == f"{REBALANCE}:USDT alpha"
    assert alert.text == "USDT on alpha is down to 20 % of its target"
    assert alert.do == "transfer 12000 USDT from beta to alpha yourself"
    said = status(core, rig.desk.strategies, META)
    assert said.cross is not None
    (move,) = said.cross.transfers
    assert (move.coin, move.amount, move.source, move.to) == ("USDT", D(12_000), "beta", "alpha")
    shown = desk_view(core, rig.desk.strategies, META)
    assert "move by hand: 12000 USDT beta" in drawing(shown, 120)
    low = [row for row in said.cross.rows if row.buy == "BTC-USDT-PERP.alpha" and row.kind == "perp"]
    assert low
    assert {row.verdict for row in low} == {"BLOCK"}
    assert {type(each).__name__ for each in heard} & {"Send", "SaveIntent"} == set()
    assert core.ledger.account("alpha").balances["USDT"] == D(3_000)
