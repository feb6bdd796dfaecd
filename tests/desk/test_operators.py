"""Operators at random: whatever they type and when, a halted desk never grows, and flatten ends flat."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from services.domain.enums import TradingState
from tests.desk.test_faults import Trouble
from tests.desk.world import DeskWorld, quick


def act(world: DeskWorld, draw: Random) -> tuple[str, str]:
    """One command; its name and id."""
    pair = world.pair()
    choices: list[tuple[str, dict[str, str]]] = [
        ("halt", {}),
        ("resume", {"reason": "x"}),
        ("resume", {"reason": "x"}),
        ("resume", {"reason": "x", "override": "reconcile"}),
        ("pause", {"name": "funding_arb"}),
        ("enable", {"name": "funding_arb", "reason": "x"}),
        ("flatten", {}),
        ("flatten", {"what": draw.choice(("alpha", "beta", "BTC-USDT-PERP.alpha"))}),
        ("reconcile", {}),
        ("reconcile accept", {}),
        ("set", {"key": "gate.max_order_notional", "value": str(draw.randrange(1, 30_000)), "reason": "x"}),
        ("set", {"key": "pair.slice_notional", "value": str(draw.randrange(200, 9_000)), "reason": "x"}),
        ("unset", {"key": "gate.max_order_notional", "reason": "x"}),
        ("ack", {"key": draw.choice([note.key for note in world.told] or ["none"])}),
        ("limit", {"symbol": "BTC-USDT-PERP", "key": "max_position", "value": "40000", "reason": "x"}),
    ]
    if pair is not None:
        choices += [("pair close", {"id": pair.id}), ("flatten", {"what": pair.id})]
    name, args = draw.choice(choices)
    return name, world.command(name, **args)


@pytest.mark.parametrize("seed", range(12))
def test_no_sequence_of_commands_lets_a_halted_desk_grow(seed: int) -> None:
    draw = Random(1_000 + seed)
    trouble = Trouble(seed)
    trouble.harm = draw.choice((0.0, 0.1))
    world = DeskWorld(settings=quick(), on_submit=trouble.submit)
    world.wire.hook = trouble.answer
    asked: list[str] = []
    named: Counter[str] = Counter()
    world.until(lambda w: bool(w.sent), 300).run(draw.uniform(0, 4))
    assert world.positions() or trouble.harm
    for _ in range(14):
        name, identity = act(world, draw)
        named[name] += 1
        asked.append(identity)
        halted = world.desk.core.causes.overall() is TradingState.HALTED
        sent = len(world.sent)
        world.run(draw.choice((0.05, 0.3, 2, 15)))
        if halted:
            assert [each for each in world.sent[sent:] if each.increasing] == [], name
    trouble.on = False
    asked.append(world.command("flatten"))
    world.run(140)
    assert sum(named.values()) == 14
    assert [identity for identity in asked if identity not in world.done] == [], "a command got no answer"
    assert world.done[asked[-1]].ok, world.done[asked[-1]].text
    assert world.positions() == {}
    assert world.desk.core.flattens.running() == ()
    world.run(65)
    world.books_agree()
    ids = [each.order.client_order_id for each in world.sent]
    assert len(ids) == len(set(ids))
