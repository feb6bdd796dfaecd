"""The short question has the answer of the whole one, and a hedge or an exit waits for nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.desk import gatekeeping, short
from services.desk.core import DeskCore
from services.domain.enums import Purpose, Side, TradingState
from services.domain.orders import OrderRequest
from services.portfolio.inputs import PositionInput
from services.risk.context import GateAnswer, GateContext, OpenOrder, Stage
from services.risk.gate import check_hedge, check_order, check_reducing, check_reserved
from tests.adversary.plan import base
from tests.adversary.share import one
from tests.risk.builders import D, account, context, market, order, position, world

WORLD = world()


def whole(ctx: GateContext, asked: OrderRequest) -> GateAnswer:
    """The answer to the whole question, without what refuses nothing."""
    found = (check_hedge if asked.purpose is Purpose.HEDGE else check_order)(ctx, asked)
    return replace(found, checks=tuple(check for check in found.checks if check.binding))


def test_in_runs_with_faults_both_questions_have_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every order of runs in which the line, the disk, strangers and the operator do what they can."""
    asked: dict[tuple[Purpose, bool], int] = {}
    real = short.answer

    def both(core: DeskCore, request: OrderRequest) -> GateAnswer | None:
        brief = real(core, request)
        if brief is not None:
            assert brief == whole(gatekeeping.order_context(core, request), request)
            key = (request.purpose, brief.allowed)
            asked[key] = asked.get(key, 0) + 1
        else:
            assert not request.closing
        return brief

    monkeypatch.setattr(short, "answer", both)
    for seed in (62, 87, 233, 353):
        _, wrong = one(seed, base)
        assert wrong == ""
    _, wrong = one(2252, spot=True)
    assert wrong == ""
    assert {purpose for purpose, _ in asked} >= {Purpose.HEDGE, Purpose.UNWIND}, asked
    assert sum(asked.values()) > 50, asked


NAMES = ("BTC-USDT-PERP.alpha", "BTC-USDT-PERP.beta", "USDC-PERP.alpha", "USDC/USD.alpha", "GONE.alpha")
SIZES = st.sampled_from([D(0), D("0.4"), D("-0.4"), D("0.0004"), D(3000), D(-3000), D("NaN")])
LEAVES = st.sampled_from([D("0.1"), D("0.3"), D(500), D(0), D(-1), D("NaN")])
SIDES = st.sampled_from([Side.BUY, Side.SELL])
PAIRS = st.sampled_from([None, "P-01", "P-02"])


@st.composite
def rows(draw: st.DrawFn) -> OpenOrder:
    return OpenOrder(
        client_order_id=draw(st.sampled_from(["c1", "c2", "c3", "P-01/1"])),
        instrument=draw(st.sampled_from(NAMES)),
        side=draw(SIDES),
        leaves=draw(LEAVES),
        price=draw(st.sampled_from([None, D(20000), D("1.0001")])),
        reduce_only=draw(st.booleans()),
        purpose=draw(st.sampled_from(list(Purpose))),
        origin=draw(st.sampled_from(["strategy:funding_arb", "foreign", "operator"])),
        pair=draw(PAIRS),
        stage=draw(st.sampled_from(list(Stage))),
    )


@st.composite
def questions(draw: st.DrawFn) -> tuple[GateContext, OrderRequest]:
    held: dict[str, list[PositionInput]] = {"alpha": [], "beta": []}
    for name in NAMES[:3]:
        size = draw(SIZES)
        if size.is_nan() or size:
            held[WORLD[name].venue].append(position(WORLD[name], size))
    accounts = {venue: account(venue, *found) for venue, found in held.items()}
    if draw(st.integers(0, 9)) == 0:
        del accounts["alpha"]
    name = draw(st.sampled_from(NAMES))
    asked = order(
        name,
        draw(SIDES),
        draw(st.sampled_from([D("0.1"), D("0.1005"), D(400), D(0), D("NaN")])),
        draw(st.sampled_from([None, D(20000), D(20500), D("1.0001"), D("1.00001")]))
        if name != "GONE.alpha"
        else D(1),
        purpose=draw(st.sampled_from([each for each in Purpose if each is not Purpose.TICKET])),
        reduce_only=draw(st.booleans()),
        origin=draw(st.sampled_from(["strategy:funding_arb", "operator", "desk"])),
        pair=draw(PAIRS),
        attempt=draw(st.integers(0, 9)),
    )
    ctx = context(*accounts.values(), working=tuple(draw(st.lists(rows(), max_size=5))))
    markets = {each: market(spec) for each, spec in WORLD.items() if draw(st.integers(0, 9)) < 9}
    alone = {("P-01", "USDC/USD.alpha"): draw(SIZES)} if draw(st.booleans()) else {}
    state = draw(st.sampled_from([None, *TradingState]))
    claimed = {each: draw(SIZES) for each in NAMES[:3] if draw(st.booleans())}
    claimed = {each: size for each, size in claimed.items() if size.is_finite()}
    return replace(ctx, markets=markets, alone=alone, claimed=claimed, trading_state=state), asked


def hedge_cut(ctx: GateContext, asked: OrderRequest) -> GateContext:
    """What `short.hedge_context` leaves of a question about a hedge."""
    name = asked.instrument
    working = tuple(
        row
        for row in ctx.working
        if row.instrument == name and row.stage is Stage.RESERVED and row.pair == asked.pair is not None
    )
    markets = {name: ctx.markets[name]} if name in ctx.markets else {}
    return replace(
        ctx,
        accounts={},
        account_facts={},
        markets=markets,
        working=working,
        alone={},
        claimed={},
        depeg_levels={},
    )


def cut(ctx: GateContext, asked: OrderRequest) -> GateContext:
    """What `short.context` leaves of a question about an order."""
    name = asked.instrument
    spec = ctx.instruments.get(name)
    known = ctx.accounts.get(spec.venue) if spec is not None else None
    accounts = {}
    if spec is not None and known is not None:
        own = [
            PositionInput(spec, held.size, held.entry, None, None, None)
            for held in known.positions
            if held.instrument.id == name
        ]
        bare = account(spec.venue, *own, balances=known.balances, indexes={}, balances_known=False)
        accounts[spec.venue] = replace(bare, weights_total={}, weights_initial={})
    working = tuple(
        row
        for row in ctx.working
        if row.instrument == name and (row.stage is not Stage.RESERVED or row.pair == asked.pair is not None)
    )
    return replace(
        ctx,
        accounts=accounts,
        account_facts={},
        markets={name: ctx.markets[name]} if name in ctx.markets else {},
        working=working,
        alone=ctx.alone if asked.pair == "P-01" else {},
        claimed=ctx.claimed if short.claims_count(asked, working) else {},
        depeg_levels={},
    )


@settings(max_examples=50, deadline=None)
@given(questions())
def test_what_the_short_question_leaves_out_changes_no_answer(
    question: tuple[GateContext, OrderRequest],
) -> None:
    ctx, asked = question
    brief = None
    if asked.closing:
        brief = check_reducing(cut(ctx, asked), asked)
    elif asked.purpose is Purpose.HEDGE:
        brief = check_reserved(hedge_cut(ctx, asked), asked)
        assert (brief is None) == (check_reserved(ctx, asked) is None)
    if brief is not None:
        assert brief == whole(ctx, asked)
