"""All cases and all venues of the suite, in one place: a new venue is one more entry here."""

from __future__ import annotations

from tests.conformance import (
    cases_account,
    cases_doubt,
    cases_line,
    cases_market,
    cases_orders,
    cases_stops,
)
from tests.conformance.binance import BINANCE
from tests.conformance.binance_spot import BINANCE_SPOT
from tests.conformance.ccxt import BYBIT, BYBIT_SPOT, OKX, OKX_SPOT
from tests.conformance.ftx import FTX
from tests.conformance.paper import PAPER
from tests.conformance.sim import SIM
from tests.conformance.subject import Entry

CASES = (cases_market, cases_orders, cases_doubt, cases_stops, cases_account, cases_line)
"""Imported for what they register."""

ENTRIES: tuple[Entry, ...] = (SIM, FTX, PAPER, BINANCE, BINANCE_SPOT, OKX, BYBIT, OKX_SPOT, BYBIT_SPOT)
