"""The strategy kinds that a profile may name: one explicit dict (RUNTIME 7)."""

from __future__ import annotations

from typing import Any

from services.strategies import cross_exchange, funding_arb
from services.strategies.base import Strategy

KINDS: dict[str, Strategy[Any, Any]] = {
    funding_arb.KIND: funding_arb.FundingArb(),
    cross_exchange.KIND: cross_exchange.CrossExchange(),
}
