"""`cross_exchange` on a whole desk and the simulated exchange: it trades a dislocation, out of inventory."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from screens.draw import cross, funding
from screens.draw.context import Context
from services.desk import blackout, looks
from services.desk.core import MINUTE, SECOND
from services.desk.desk import Desk
from services.desk.views import desk_view, status
from services.domain.effects import Decision, Effect
from services.domain.enums import PairState, Purpose
from services.domain.events import Event
from services.market.crossing import Discrepancy
from services.settings.cross import Cross
from services.settings.parameters import Settings, StrategySettings
from services.strategies import cross_exchange
from services.strategies.base import OpenPair
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
        (coin, venue, False) for coin in ("USD", "USDT", "USDC", "BUSD") for venue in ("alpha", "beta")
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
    assert not shown.ranks, "nobody ranks spreads here: the pane does not wait for any"
    pane = funding.draw(shown, 160, Context(now=0))
    assert "".join(span.text for span in pane.rows[0].lines[0].spans) == funding.UNRANKED
    assert pane.summary == ()
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
    (alert,) = [each for each in core.alerts.open() if each.key.startswith(looks.REBALANCE)]
    assert alert.key == f"{looks.REBALANCE}:USDT alpha"
    assert alert.text == "USDT on alpha is down to 20 % of its target"
    assert alert.do == "transfer 12,000 USDT from beta to alpha yourself"
    said = status(core, rig.desk.strategies, META)
    assert said.cross is not None
    (move,) = said.cross.transfers
    assert (move.coin, move.amount, move.source, move.to) == ("USDT", D(12_000), "beta", "alpha")
    shown = desk_view(core, rig.desk.strategies, META)
    assert "move by hand: 12,000 USDT beta" in drawing(shown, 120)
    assert "USDT alpha 3,000 low beta 27,000" in drawing(shown, 160), "the inventory, and what of it is low"
    assert len(cross.rows(shown, 160, Context(now=0))) == cross.count(shown)
    low = [row for row in said.cross.rows if row.buy == "BTC-USDT-PERP.alpha" and row.kind == "perp"]
    assert low
    assert {row.verdict for row in low} == {"BLOCK"}
    assert {type(each).__name__ for each in heard} & {"Send", "SaveIntent"} == set()
    assert core.ledger.account("alpha").balances["USDT"] == D(3_000)


def test_two_strategies_never_stand_on_two_sides_of_one_instrument() -> None:
    """The second is refused: by its own verdict, and by the pair machine whatever it proposes."""
    rig = Rig("calm", 7, SETTINGS)
    rig.start()
    rig.run(3 * MINUTE)
    core, strategies = rig.desk.core, rig.desk.strategies
    params = SETTINGS.strategies["cross"]

    def rows() -> dict[str, Discrepancy]:
        found = cross_exchange.rows(
            strategies.view("cross", params), params.cross, cross_exchange.CrossState()
        )
        return {row.key: row for row in found}

    key = "BTC-USDT-PERP.alpha|BTC-USDT-PERP.beta"
    before = rows()[key]
    held, _, why = core.pairs.plan(
        strategy="another",
        kind="hedge",
        short=before.buy,
        long=before.sell,
        short_quantity=D("0.1"),
        long_quantity=D("0.1"),
        capital=D(50_000),
        origin="strategy:another",
        reason="",
        now=core.now,
    )
    assert held is not None, why
    after = rows()
    assert f"leg held on the other side: {held.id}" in after[key].refusals
    others = [text for row in after.values() if row.underlying == "ETH" for text in row.refusals]
    assert not any(text.startswith("leg held") for text in others)
    slot = core.state.strategies["cross"]
    strategies.admission.open("cross", slot, proposal(before.sell, before.buy))
    assert slot.last_reason.startswith(f"pair {held.id} holds BTC-USDT-PERP.")
    assert slot.last_reason.endswith("on the other side")
    assert [pair.id for pair in core.pairs.live()] == [held.id]


def proposal(short: str, long: str, most: str = "0.05") -> OpenPair:
    return OpenPair(
        short=short,
        long=long,
        group="BTC",
        kind="hedge",
        strength=D("0.5"),
        stop_distance=D("0.006"),
        spread=D(40),
        gross=D(40),
        costs=D(22),
        net_edge=D(18),
        break_even_h=None,
        reason="40 bps apart",
        most=D(most),
    )


def test_no_more_is_opened_than_the_edge_was_reckoned_for() -> None:
    rig = Rig("calm", 7, SETTINGS)
    rig.start()
    rig.run(3 * MINUTE)
    core = rig.desk.core
    rig.desk.strategies.admission.open(
        "cross", core.state.strategies["cross"], proposal("BTC-USDT-PERP.beta", "BTC-USDT-PERP.alpha")
    )
    assert core.pairs.live(), core.state.strategies["cross"].last_reason
    (pair,) = core.pairs.live()
    assert D("0.04") < pair.short.target <= D("0.05")


def test_no_entry_slice_near_a_settlement_of_either_leg() -> None:
    rig = Rig("calm", 7, SETTINGS)
    rig.start()
    rig.run(3 * MINUTE)
    core = rig.desk.core
    rig.desk.strategies.admission.open(
        "cross", core.state.strategies["cross"], proposal("BTC-USDT-PERP.beta", "BTC-USDT-PERP.alpha")
    )
    (pair,) = core.pairs.live()
    asked = core.pairs.admission(pair.id, rig.desk.submit.prices)
    rate = core.picture.rate("BTC-USDT-PERP.beta")
    assert asked is not None
    assert rate is not None
    assert rate.next_ts is not None
    for before_s, passes in ((121, True), (120, False), (1, False)):
        core.state.now = rate.next_ts - before_s * SECOND
        assert (blackout.entry_check(core, asked[0]) is None) is passes, before_s
        assert blackout.entry_check(core, replace(asked[0], purpose=Purpose.HEDGE)) is None


def test_a_silent_venue_freezes_the_pair_and_calls_and_closes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short_scenario(monkeypatch)
    rig = Rig("dislocation", 7, SETTINGS)
    rig.start()
    rig.run(3 * MINUTE)
    core = rig.desk.core
    pairs = [pair.id for pair in core.pairs.live()]
    assert pairs
    rig.ear.deaf = ["beta"]
    rig.run(75 * SECOND)
    assert {pair.state for pair in core.pairs.live()} == {PairState.FROZEN}
    assert [pair.id for pair in core.pairs.live()] == pairs
    assert {f"frozen:{pair}" for pair in pairs} <= {alert.key for alert in core.alerts.open()}
    said = status(core, rig.desk.strategies, META).cross
    assert said is not None
    assert {row.verdict for row in said.rows if row.pair is None} <= {"STALE"}
    rig.ear.deaf = []
    rig.run(10 * SECOND)
    assert PairState.FROZEN not in {pair.state for pair in core.pairs.live()}


def test_its_state_survives_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    short_scenario(monkeypatch)
    rig = Rig("dislocation", 7, SETTINGS)
    rig.start()
    rig.run(150 * SECOND)
    before = rig.desk.strategies.states["cross"]
    assert before.edges.seen > 0
    state = Desk.restore(rig.desk.export())
    again = Desk(SETTINGS, {each.id: each for each in rig.world.instruments}, state)
    assert again.strategies.states["cross"] == before


def test_a_coin_has_its_target_only_where_a_perp_is_settled_in_it() -> None:
    rig = Rig("calm", 7, SETTINGS)
    rig.start()
    rig.run(30 * SECOND)
    core = rig.desk.core
    for name in ("BTC-USDC-PERP.beta", "ETH-USDC-PERP.beta"):
        del core.instruments[name]
    stocks = {(row.coin, row.venue): row.target for row in looks.inventory(core, Cross(spot=False))}
    assert ("USDC", "beta") not in stocks
    assert stocks["USDC", "alpha"] == D(15_000)
    assert stocks["USDT", "beta"] == D(15_000)
    assert ("BUSD", "beta") not in stocks
    spot = {(row.coin, row.venue): row.target for row in looks.inventory(core, Cross())}
    assert (spot["USDC", "beta"], spot["BUSD", "beta"]) == (D(15_000), D(7_500)), "what spot is traded in"
    assert ("BTC", "alpha") not in spot, "nobody holds any"
