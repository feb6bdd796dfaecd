"""Opportunities of `funding_arb`, for every summary: how many, what refused them, and the best refused.

An opportunity is a pair with spread >= `min_spread`, once per settlement (SEMANTICS 5.12).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol, Self, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from services.market.board import BLACKOUT, OVERDUE, PAIR_OPEN, SMALL_SPREAD, TIMING, Evaluation
from services.strategies.base import OpenPair

_NO_OPPORTUNITY = frozenset((SMALL_SPREAD, BLACKOUT, OVERDUE))


class Seen(Struct, frozen=True, kw_only=True):
    """The opportunity of one pair at one coming settlement, with its latest economic verdict."""

    settles_ts: int
    short: str
    long: str
    spread: Decimal
    net_edge: Decimal | None
    costs: Decimal | None
    rule: str
    """The first refusal; empty = entered."""


class OpportunitySummary(Struct, frozen=True, kw_only=True):
    """For every report: how many opportunities, what refused them, and the best that was refused."""

    seen: int
    refused: dict[str, int]
    best_refused: Seen | None


class Counted(Protocol):
    """Of the strategy's state, what counts them."""

    opportunities: int
    refused: dict[str, int]
    best_refused: Seen | None
    pending: dict[str, Seen]

    def copied(self) -> Self: ...


CountedT = TypeVar("CountedT", bound=Counted)


def summary(state: Counted) -> OpportunitySummary:
    """The counts including the settlements still to come."""
    total = state.copied()
    for key in list(total.pending):
        _settle(total, key)
    return OpportunitySummary(
        seen=total.opportunities, refused=total.refused, best_refused=total.best_refused
    )


def count(judged: Iterable[Evaluation], entries: list[OpenPair], state: Counted, now: int) -> None:
    """One judgement of all pairs. The settlement is the next one of the leg with the larger expected receipt.
    Its verdict is the latest that says more than "not now"; inside a blackout nothing is counted, for the
    legs' new rates arrive one by one.
    """
    for key in [key for key, seen in state.pending.items() if seen.settles_ts <= now]:
        _settle(state, key)
    entered = {(entry.short, entry.long) for entry in entries}
    for row in judged:
        if row.spread is None or row.settles_ts is None or row.settles_ts <= now or row.stale:
            continue
        if not _NO_OPPORTUNITY.isdisjoint(row.refusals):
            continue
        key = f"{row.key}@{row.settles_ts}"
        before = state.pending.get(key)
        if before is None:
            state.opportunities += 1
        done = (row.short, row.long) in entered
        rule = "" if done else row.refusals[0] if row.refusals else "not proposed"
        if before is not None and not done and (before.rule == "" or (rule in TIMING)):
            continue
        state.pending[key] = Seen(
            settles_ts=row.settles_ts,
            short=row.short,
            long=row.long,
            spread=row.spread,
            net_edge=row.net_edge,
            costs=row.costs,
            rule=rule,
        )


def refused(state: CountedT, short: str, long: str, rule: str) -> CountedT:
    """What was proposed came to nothing: it was refused by the desk's rule, not entered."""
    state = state.copied()
    for key, seen in state.pending.items():
        if (seen.short, seen.long) == (short, long) and not seen.rule:
            state.pending[key] = replace(seen, rule=rule)
    return state


def _settle(state: Counted, key: str) -> None:
    """The settlement has come: its opportunity was entered, or refused by the rule told last."""
    seen = state.pending.pop(key)
    if not seen.rule:
        return
    state.refused[seen.rule] = state.refused.get(seen.rule, 0) + 1
    if seen.net_edge is None or seen.rule == PAIR_OPEN:
        return
    best = state.best_refused
    if best is None or best.net_edge is None or seen.net_edge > best.net_edge:
        state.best_refused = seen
