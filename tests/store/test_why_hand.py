"""`why` of orders that no strategy and no exit has sent: by hand, backstops, cuts, found after a death."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.desk import gatekeeping
from services.portfolio.margin import account_margin
from services.settings.parameters import Ladder, Settings
from services.store.why import Unknown, why
from tests.store.test_why import QUICK, Run, orders_of

ETH = "ETH-USDT-PERP.alpha"


def by_hand_and_cut(folder: Path) -> Run:
    """A ticket and its backstop, one canceled, one that the dead-man's switch ends, a cut of the ladder."""
    run = Run(folder, Settings(fresh=QUICK))
    run.until(lambda: run.states() == ["hedged"])
    run.say("buy", symbol=ETH, size="0.5", terms="")
    run.go(4)
    run.say("buy", symbol=ETH, size="0.1", terms="@ 1625 post")
    run.go(1)
    (resting,) = [each for each in run.session.desk.core.orders.open_orders() if not each.request.reduce_only]
    run.say("cancel", what=resting.id)
    run.go(1)
    run.say("sell", symbol=ETH, size="0.4", terms="@ 1655 reduce post")
    run.go(1)
    run.session.exchange.venues["alpha"].dead_man(run.session.queue.now, 10)
    run.go(1)
    core = run.session.desk.core
    usage = account_margin(gatekeeping.accounts(core)["alpha"]).usage
    assert usage is not None
    cut = usage / Decimal("1.3")
    rungs = Ladder(no_new_risk=cut * 5 / 8, reducing=cut * 3 / 4, cut=cut, cut_to=cut * 3 / 4)
    core.bind(replace(core.settings, ladder=rungs))
    run.go(8)
    return run


def test_orders_by_hand_backstops_and_cuts_of_the_ladder_say_what_made_and_ended_them(tmp_path: Path) -> None:
    run = by_hand_and_cut(tmp_path)
    assert run.session.close()
    told = orders_of(run.session.layout.store)
    assert [(order.client_order_id, order.holes) for order in told if order.holes] == []
    tickets = {order.causes[-1].text: order for order in told if order.purpose == "ticket"}
    assert set(tickets) == {
        f"buy {ETH} 0.5", f"buy {ETH} 0.1 @ 1625 post", f"sell {ETH} 0.4 @ 1655 reduce post",
    }  # fmt: skip
    assert all(order.causes[-1].kind == "command" for order in tickets.values())
    rested = tickets[f"buy {ETH} 0.1 @ 1625 post"]
    (asked,) = [step.text for step in rested.answers if step.kind == "cancel"]
    assert asked == f"cancel asked: command cancel {rested.client_order_id}"
    ended = tickets[f"sell {ETH} 0.4 @ 1655 reduce post"].answers[-1]
    assert (ended.kind, ended.text) == ("canceled", "dead-man's switch")
    (backstop, *_) = [order for order in told if order.causes and order.causes[-1].kind == "backstop"]
    assert backstop.causes[-1].text.startswith("backstop at ")
    cuts = [order for order in told if order.pair and order.purpose == "stop"]
    assert {order.side for order in cuts} == {"buy", "sell"}, "both legs"
    for order in cuts:
        assert [step.kind for step in order.causes] == ["cause", "margin ladder"]
        assert {"share", "cut at", "down to"} <= order.causes[-1].figures.keys()
        assert order.fills


def test_an_order_whose_sender_died_says_that_it_was_found(tmp_path: Path) -> None:
    """The disk of before, the exchange of after: what was sent between is nowhere written."""
    folder = tmp_path / "state"
    folder.mkdir()
    run = Run(folder, Settings(fresh=QUICK))
    run.until(lambda: run.states() == ["hedged"])
    session = run.session
    assert session.journal is not None
    assert session.writer is not None
    session.journal.seal()
    assert session.writer.flush(30)
    kept = {each.name: each.read_bytes() for each in folder.glob("store.sqlite*")}
    (pair,) = session.desk.core.pairs.live()
    run.say("pair close", id=pair.id)
    run.go(0.08)
    after = Path(shutil.copytree(folder, tmp_path / "after"))
    session.close()
    for each in after.glob("store.sqlite*"):
        each.unlink()
    for name, content in kept.items():
        (after / name).write_bytes(content)
    again = Run(after, Settings(fresh=QUICK))
    again.go(15)
    assert again.session.close()
    found = [order for order in orders_of(again.session.layout.store) if order.purpose == "exit"]
    assert found
    for order in found:
        (cause,) = order.causes
        assert (cause.kind, cause.text) == ("found", "filled at the venue, never on our disk: ours again")
        assert order.holes == ("gate", "sent"), "what nobody wrote down is said to be missing"
        assert order.fills


def test_an_order_of_a_store_set_aside_is_looked_for_there(tmp_path: Path) -> None:
    run = Run(tmp_path, Settings(fresh=QUICK))
    assert run.session.close()
    store = run.session.layout.store
    store.with_name(f"{store.name}.corrupt-20230301").write_bytes(b"")
    with pytest.raises(Unknown, match=r"it may be in store\.sqlite\.corrupt-20230301, set aside damaged"):
        why(store, "abc12300000000bt0000")
