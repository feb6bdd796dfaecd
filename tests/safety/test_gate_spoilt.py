"""SEMANTICS 3: "replacing any input by None, NaN, negative, stale or missing never allows what was denied".

Every figure of the gate's context, and every fact of the instrument, is spoilt under every case, allowed or
denied. In CI each case meets a third of the spoilings, each spoiling a third of the cases; a soak does all.
"""

from __future__ import annotations

import decimal
import os
from collections.abc import Iterator

import msgspec
import pytest
from msgspec.structs import replace

from services.domain.instrument import Instrument
from services.domain.money import DESK_CONTEXT
from services.portfolio.inputs import AccountInput
from services.risk.context import GateContext
from tests.safety.gate_cases import BTC, NO_INPUTS, WORLD, Case, cases
from tests.safety.spoil import Spoilt, fields_of, spoiled

CASES = cases()
STEP = 1 if os.environ.get("STABLECONSOLE_SOAK") else 3


@pytest.fixture(autouse=True)
def _desk_arithmetic() -> Iterator[None]:
    with decimal.localcontext(DESK_CONTEXT):
        yield


def instrument_spoilt(ctx: GateContext) -> Iterator[Spoilt]:
    """One fact of an instrument asked about, everywhere it is known."""
    for asked in tuple(ctx.instruments)[:2]:
        for one in spoiled(ctx.instruments[asked], path=asked):
            yield one._replace(value=_with_instrument(ctx, one.value))
        without = {name: spec for name, spec in ctx.instruments.items() if name != asked}
        yield Spoilt(asked, "missing", replace(ctx, instruments=without))


def _with_instrument(ctx: GateContext, spec: Instrument) -> GateContext:
    def fixed(account: AccountInput) -> AccountInput:
        positions = tuple(
            msgspec.structs.replace(held, instrument=spec) if held.instrument.id == spec.id else held
            for held in account.positions
        )
        return msgspec.structs.replace(account, positions=positions)

    accounts = {venue: fixed(account) for venue, account in ctx.accounts.items()}
    return replace(ctx, instruments={**ctx.instruments, spec.id: spec}, accounts=accounts)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_case_is_what_it_says(case: Case) -> None:
    answer = case.ask(case.ctx)
    assert answer.allowed is not bool(case.denied_by), answer.refusal
    assert {check.name for check in answer.failed} <= set(case.denied_by), answer.refusal


def test_every_check_denies_some_case_alone() -> None:
    """The walk below would prove little if a check never stood alone between an order and the venue."""
    alone = {case.denied_by[0] for case in CASES if len(case.denied_by) == 1}
    names = {check.name for case in CASES for check in case.ask(case.ctx).checks if check.binding}
    beside = {"venue share", "origin", "account", "order quantity", "minimum notional"}
    assert names - beside == alone


def test_the_walk_reaches_every_input() -> None:
    """A new field of the context, the accounts or the instrument is spoilt without anybody's doing."""
    reached = set()
    for case in CASES:
        reached |= fields_of(case.ctx, skip=NO_INPUTS)
    facts = fields_of(WORLD[BTC])
    assert (len(reached), len(facts)) == (53, 14)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_an_input_spoilt_never_allows_more_and_never_raises(number: int) -> None:
    case = CASES[number]
    before = case.allows(case.ctx)
    tried = 0
    for place, one in enumerate((*spoiled(case.ctx, skip=NO_INPUTS), *instrument_spoilt(case.ctx))):
        if (place + number) % STEP:
            continue
        tried += 1
        assert case.allows(one.value) <= before, (one.path, one.how)
    assert tried >= 90
