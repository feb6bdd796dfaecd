"""The strategy kinds that a profile may name: one explicit dict (RUNTIME 7)."""

from __future__ import annotations

from typing import Any

from services.strategies.base import Strategy
from services.strategies.funding_arb import KIND, FundingArb

KINDS: dict[str, Strategy[Any, Any]] = {KIND: FundingArb()}
