"""The one gate: every order of every origin passes one of these functions (SEMANTICS 3)."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import Side
from services.domain.orders import OrderRequest
from services.risk.context import Check, GateAnswer, GateContext


def check_order(ctx: GateContext, order: OrderRequest) -> GateAnswer:
    """Any single order. Reducing ones meet four checks, all others every check."""
    raise NotImplementedError


def check_pair(ctx: GateContext, orders: tuple[OrderRequest, OrderRequest]) -> GateAnswer:
    """Both legs of a pair (whole legs, before slicing) as one unit, worst case, costs and a reversal included."""
    raise NotImplementedError


def check_hedge(ctx: GateContext, order: OrderRequest) -> GateAnswer:
    """A hedge inside the reservation of its pair; what exceeds the reservation meets every check."""
    raise NotImplementedError


def head_rooms(ctx: GateContext, instrument: str, side: Side) -> tuple[tuple[str, Decimal], ...]:
    """USD notional that each check still leaves for one more order; unknown counts as 0."""
    raise NotImplementedError


def pair_head_rooms(ctx: GateContext, short: str, long: str) -> tuple[tuple[str, Decimal], ...]:
    """USD notional per leg that each check still leaves for a pair of the two."""
    raise NotImplementedError


def limit_board(ctx: GateContext) -> tuple[Check, ...]:
    """Every limit as it stands with nothing asked, working orders counted."""
    raise NotImplementedError


def reducible(ctx: GateContext, instrument: str, side: Side) -> Decimal:
    """Base quantity that an order of this side may still take off the position."""
    raise NotImplementedError
