"""One door to the venues: gate, latch of the intent, rate, in this order, for every order of every origin."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec

from services.domain.effects import Decision, Effect, SaveIntent, Send
from services.domain.enums import PairState, Side
from services.domain.events import OrderFilled
from services.domain.records import FillRecord
from services.portfolio.exposure import coin_exposure
from services.portfolio.margin import account_margin
from services.risk.throttle import OrderThrottle
from services.settings.parameters import Gate
from tests.desk.world import DeskWorld, quick, refuse, swallow
from tests.risk.builders import NOW, SECOND, D, account, position, world
from tests.safety.moments import moments

ROOT = Path(__file__).resolve().parents[2]
SENDERS = {"services/desk/submit.py"}
"""The only file that makes the effect by which an order leaves."""
CARRIERS = {"services/drive/machine.py", "services/drive/live.py", "services/drive/direct.py"}
"""Files that may hand an order to a venue's port, and the venues' own."""
SLEEPERS = {
    "services/drive/lock.py": "before there is an engine",
    "services/drive/direct.py": "the kill path, with no loop at all",
}


def calls(word: str) -> Iterator[tuple[str, ast.Call]]:
    """(file, call) of every call in `services`, in files that hold the word at all."""
    for path in sorted((ROOT / "services").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if word not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call):
                yield str(path.relative_to(ROOT)), node


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def test_bug_o9_no_other_module_can_send_an_order() -> None:
    """The effect is made in one place, and carried to a venue's port in one room."""
    makers = {name for name, node in calls("Send(") if called(node) in ("Send", "effects.Send")}
    carriers = {
        name
        for name, node in calls(".submit(")
        if called(node).endswith(".submit")
        and "venues" in called(node)
        and not name.startswith("services/venues/")
    }
    assert makers == SENDERS
    assert carriers
    assert carriers <= CARRIERS


def a_day() -> list[Effect]:
    """A pair opened, hedged, and flattened by the operator, with all that the desk emitted."""
    world_ = DeskWorld(settings=quick()).until(lambda w: PairState.HEDGED in w.pair_states())
    done = world_.command("flatten", reason="enough")
    world_.until(lambda w: done in w.done)
    return world_.keeper.effects


def test_bug_o3_o9_every_order_has_passed_the_gate_and_its_intent_is_written_before_it_leaves() -> None:
    effects = a_day()
    allowed: set[str] = set()
    intents: set[str] = set()
    ordinary = protective = 0
    for place, effect in enumerate(effects):
        if isinstance(effect, Decision) and effect.kind == "gate" and effect.text.endswith("allowed"):
            allowed.add(effect.subject)
        elif isinstance(effect, SaveIntent):
            intents |= {order.client_order_id for order in effect.orders}
        elif isinstance(effect, Send):
            name = effect.order.client_order_id
            assert name in allowed, "sent without the gate's word"
            if effect.order.purpose.protective:
                protective += 1
                follows = effects[place + 1]
                assert isinstance(follows, SaveIntent), "its intent leaves in the same turn"
                assert follows.orders[0].client_order_id == name
            else:
                ordinary += 1
                assert name in intents, "its intent is durable before it leaves"
    assert ordinary >= 4
    assert protective >= 2


def test_bug_n4_an_order_counts_when_it_leaves_and_failures_count() -> None:
    """Neither the venue's no nor its silence gives the token back."""
    for hook in (refuse, swallow):
        scene = DeskWorld(settings=quick(), on_submit=hook)
        scene.until(lambda w: bool(w.sends()))
        sends = len(scene.sends())
        usage = scene.desk.core.throttle.usage("strategy:funding_arb", "", "", scene.now)
        assert usage.last_second == sends == len(scene.sent)
        scene.run(5)
        minute = scene.desk.core.throttle.usage("strategy:funding_arb", "", "", scene.now).last_minute
        assert minute == len(scene.sends())


def test_bug_n1_n5_one_counter_for_all_origins_and_each_sees_the_one_before() -> None:
    throttle = OrderThrottle(Gate())
    for count in range(1, 6):
        throttle.sent(NOW)
        for origin in ("strategy:a", "strategy:b", "operator"):
            assert throttle.usage(origin, "X", "buy", NOW).last_second == count


def test_bug_n3_n9_the_counter_has_no_clock_of_its_own_and_counts_orders_not_wishes() -> None:
    """Times are the events' own, so no step of the wall clock empties it."""
    throttle = OrderThrottle(Gate())
    throttle.sent(NOW, 3)
    assert throttle.usage("a", "X", "buy", NOW - SECOND).last_second == 3
    assert throttle.usage("a", "X", "buy", NOW + SECOND).last_second == 0
    assert throttle.usage("a", "X", "buy", NOW).last_second == 3


def test_bug_n2_nothing_sleeps_in_the_engines_loop() -> None:
    found = {name for name, node in calls("sleep(") if called(node) in ("time.sleep", "sleep")}
    assert found == SLEEPERS.keys()


def test_bug_m1_a_fill_is_kept_under_the_venues_own_time() -> None:
    """Not when it was inserted, nor when it reached us: ns since the epoch, UTC, by the venue."""
    moment = moments()["hedged, account"]
    desk = moment.desk()
    (pair,) = desk.core.pairs.live()
    happened = desk.state.now - 3 * SECOND + 1
    fill = OrderFilled(
        venue="alpha",
        instrument=pair.long.instrument,
        client_order_id="",
        venue_order_id="v",
        trade_id="late",
        side=Side.BUY,
        quantity=D("0.1"),
        price=D(20_000),
        fee=D(1),
        fee_coin="USDC",
        ts_event=happened,
        ts=desk.state.now + SECOND,
    )
    rows = [effect.row for effect in desk.handle(fill) if hasattr(effect, "row")]
    (row,) = [row for row in rows if isinstance(row, FillRecord)]
    assert row.ts == happened
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(row), type=FillRecord).ts == happened


def test_bug_d2_exposure_is_at_the_mark_whatever_was_paid() -> None:
    spec = world()["BTC-USDT-PERP.alpha"]
    for entry in ("15000", "20000", "26000"):
        held = account("alpha", position(spec, "0.5", D(entry)))
        assert account_margin(held).notional == D(10_000)
        assert account_margin(held).symbol_notional == {"BTC-USDT-PERP": D(10_000)}
        made = coin_exposure(held, "USDT").by_positions
        gain = D("0.5") * (D(20_000) - D(entry))
        assert made == gain - D(10_000)
