"""The one way to an exchange object: a list of what may be called, one budget, one taxonomy of errors.

The object itself can withdraw and transfer (fact sheet, pitfall 20); nothing outside this file holds it.
Every request is counted before it leaves, in the library's own units of cost, with a share that only
cancels, closes and the dead-man's switch may use.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any

from services.runtime.clock import boot_ns
from services.venues.ccxt_venue import errors
from services.venues.ccxt_venue.exact import LANE, Fence, ForbiddenHost, open_exchange
from services.venues.ccxt_venue.sockets import Sockets
from services.venues.wire.budget import Budget, Lane, Window
from services.venues.wire.errors import ErrorKind, WireError, retry_after
from services.venues.wire.unsent import Unsent

UNIFIED = frozenset(
    {
        "fetch_time",
        "load_markets",
        "fetch_order_book",
        "fetch_funding_rate",
        "fetch_funding_rates",
        "fetch_funding_intervals",
        "fetch_funding_rate_history",
        "fetch_mark_prices",
        "fetch_tickers",
        "fetch_ticker",
        "fetch_market_leverage_tiers",
        "fetch_trading_fee",
        "fetch_balance",
        "fetch_positions",
        "fetch_currencies",
        "fetch_open_orders",
        "fetch_order",
        "fetch_closed_orders",
        "fetch_canceled_and_closed_orders",
    }
)
WRITES = frozenset({"create_order", "cancel_order", "cancel_orders", "cancel_all_orders_after"})
RAW = frozenset(
    {
        "publicGetMarketIndexTickers",  # okx: indexes of coins and perpetuals
        "privateGetAccountConfig",  # okx: position mode, account level, rights of the key
        "privateGetTradeFills",  # okx: our trades of three days, with the venue's own digits
        "privateGetTradeFillsHistory",  # okx: the same, three months back
        "privateGetTradeOrdersAlgoPending",  # okx: conditional orders that wait
        "privateGetTradeOrderAlgo",  # okx: one of them by client id
        "privateGetTradeOrdersAlgoHistory",  # okx: which orders they became
        "privateGetAccountBills",  # okx: what moved the balances
        "privateGetAccountBillsArchive",  # okx: the same, three months back
        "privateGetV5UserQueryApi",  # bybit: rights of the key
        "privateGetV5AccountInfo",  # bybit: kind of account, margin mode
        "privateGetV5ExecutionList",  # bybit: our trades, liquidations and deleveragings among them
        "privateGetV5AccountTransactionLog",  # bybit: what moved the balances
    }
)
"""Single questions of one exchange, of which the library has no equal in unified words."""
PUBLIC = frozenset(
    {
        "fetch_time",
        "load_markets",
        "fetch_order_book",
        "fetch_funding_rate",
        "fetch_funding_rates",
        "fetch_funding_rate_history",
        "fetch_mark_prices",
        "fetch_tickers",
        "fetch_ticker",
        "fetch_market_leverage_tiers",
        "publicGetMarketIndexTickers",
    }
)
"""Asked without a key: counted by address. Elsewhere one bucket holds all, and two on one address
would double the load."""
ALLOWED = UNIFIED | WRITES | RAW

PATIENCE_S = 3.0
DATA_PATIENCE_S = 20.0
"""How long an order may wait for the budget before it is denied here."""
PRESENT = 0.4
"""Share of the budget that lists of weeks ago leave alone: at a start all is asked at once, and a book that
waited behind them for a whole window was a venue that had gone down."""
UNIT = 1_000
"""Cost is counted in thousandths: the library's costs are fractions."""
SPAN_S = 5.0
PAUSE_S = 1.0
"""After a throttling without a word on how long."""
WINDOW = "cost-5s"
TABLES = ("markets", "markets_by_id", "symbols", "ids")
"""Where the library keeps a list of markets."""
GONE = "gone"
"""Marks a market that the list has just not named."""
APART = {"okx": 4}
"""Exchanges that limit each kind of question by itself, and how much more than one of them alone all together
may be: one bucket for all, as the library has it, has no room for the account beside the market."""
CALL: ContextVar[str] = ContextVar("ccxt call", default="")
ORDER: ContextVar[str] = ContextVar("ccxt order", default="")
"""The client id of the new order that this task sends."""


def _windows(exchange: str, limit: int) -> list[Window]:
    times = APART.get(exchange, 1)
    if times == 1:
        return [Window(name=WINDOW, span_s=SPAN_S, limit=limit, by_address=True)]
    return [Window(name=WINDOW, span_s=SPAN_S, limit=limit * times)] + [
        Window(name=name, span_s=SPAN_S, limit=limit, by_address=name in PUBLIC) for name in sorted(ALLOWED)
    ]


class Door:
    def __init__(
        self,
        exchange: str,
        config: Mapping[str, Any],
        *,
        sandbox: str = "",
        local: str = "",
        now_ms: Callable[[], int],
        paused: Callable[[float], None] = lambda seconds: None,
        timeout_s: float = 5.0,
        budget: Budget | None = None,
    ) -> None:
        """`now_ms`: the venue's clock; `paused` hears how long the venue wants to be left alone.

        Raises ValueError with one line. Nothing connects.
        """
        fence = Fence(self._throttle, now_ms, self._answered, local)
        options = {**config.get("options", {})}
        given = {**config, "options": options, "timeout": int(timeout_s * 1_000)}
        self._exchange = open_exchange(exchange, fence, given, sandbox)
        self._paused = paused
        span_ms = SPAN_S * 1_000
        limit = int(span_ms / max(float(self._exchange.rateLimit), 1.0) * UNIT)
        self.budget = budget if budget is not None else Budget(_windows(exchange, limit), present=PRESENT)
        self.has: Mapping[str, object] = self._exchange.has
        self.unsent = Unsent()

    def can(self, flag: str) -> bool:
        """True and nothing else: `emulated` is no yes (fact sheet 3)."""
        return self.has.get(flag) is True

    @property
    def waits_for_the_mark(self) -> bool:
        """Its stop orders can look at the mark; the last trade, which one order can move, is no trigger."""
        found: Any = self._exchange.features
        for key in ("swap", "linear", "createOrder"):
            found = found.get(key) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping) or found.get("stopLossPrice") is not True:
            return False
        kinds = found.get("triggerPriceType")
        return isinstance(kinds, Mapping) and kinds.get("mark") is True

    @property
    def markets(self) -> Mapping[str, Mapping[str, Any]]:
        """By the library's symbol; empty before `load_markets`."""
        return self._exchange.markets or {}

    def symbol(self, market: str, kind: str = "swap") -> str:
        """The library's name of a market as the venue writes it; one that is not listed keeps its own.

        `kind`: `swap` or `spot`: some venues write both alike.
        """
        rows = (self._exchange.markets_by_id or {}).get(market) or ()
        return next((str(row["symbol"]) for row in rows if row.get(kind) is True), market)

    async def reload(self, keep: Iterable[str]) -> None:
        """Read the list of markets anew. What has left it and is in `keep` stays, as closed: an order or a
        position in it must not lose its name, nor its contract size; and all of it stays when nothing is on
        the new one. Raises WireError."""
        before = {symbol: self.markets[symbol] for symbol in keep if symbol in self.markets}
        tables = {name: getattr(self._exchange, name) for name in TABLES}
        await self.ask("load_markets", True)
        if not self.markets:
            for name, table in tables.items():
                setattr(self._exchange, name, table)
            raise WireError(ErrorKind.UNAVAILABLE, "a list of markets with nothing on it")
        for symbol, row in before.items():
            if symbol not in self.markets:
                gone = {**row, "active": False, GONE: True}
                self._exchange.markets[symbol] = gone
                self._exchange.markets_by_id.setdefault(row["id"], []).append(gone)

    @property
    def tick_sizes(self) -> bool:
        """Whether `precision` holds steps; else it counts places."""
        return int(self._exchange.precisionMode) == 4

    def sent_amount(self, symbol: str, contracts: object) -> str:
        """The text that the library would send. Raises WireError."""
        return self._rounded("amount_to_precision", symbol, contracts)

    def sent_price(self, symbol: str, price: object) -> str:
        return self._rounded("price_to_precision", symbol, price)

    def _rounded(self, name: str, symbol: str, value: object) -> str:
        try:
            return str(getattr(self._exchange, name)(symbol, value))
        except Exception as error:
            raise WireError(ErrorKind.DENIED, errors.told(error)) from None

    async def ask(
        self, name: str, *args: object, lane: Lane = Lane.DATA, order: str = "", **more: object
    ) -> Any:
        """One call by name; `order`: the client id of a new one. Raises WireError, and nothing else whatever
        the library does."""
        if name not in ALLOWED:
            raise ValueError(f"{name} is not to be called")
        write = name in WRITES
        token, call, sends = LANE.set(lane), CALL.set(name), ORDER.set(order)
        try:
            return await getattr(self._exchange, name)(*args, **more)
        except WireError:
            raise
        except Exception as error:
            raise self._judged(error, write=write) from None
        finally:
            LANE.reset(token)
            CALL.reset(call)
            ORDER.reset(sends)

    def _judged(self, error: Exception, *, write: bool) -> WireError:
        if isinstance(error, ForbiddenHost):
            return WireError(ErrorKind.DENIED, errors.told(error))
        found = errors.wire_error(error, write=write)
        if found.kind is ErrorKind.THROTTLED:
            # Told in the body alone.
            self._pause(PAUSE_S)
        return found

    def spent(self) -> dict[str, tuple[int, int]]:
        """Of all together, for the health screen."""
        used = self.budget.used(boot_ns())
        return {name: row for name, row in used.items() if name == WINDOW}

    @property
    def streams(self) -> bool:
        """Books can be followed: the library has a stream, and we have read what it makes of it."""
        return isinstance(self._exchange, Sockets) and self.can("watchOrderBook")

    async def next_book(self, symbol: str) -> Mapping[str, Any]:
        """Waits for the next word on a book, for ever if there is none. It is the library's own and goes on
        changing; see `stands`. Raises WireError: the connection has ended, or the book is worthless."""
        try:
            found: Mapping[str, Any] = await self._exchange.watch_order_book(symbol)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # The library cancels who waits on a connection that it closes.
            raise WireError(ErrorKind.UNAVAILABLE, "the stream was closed") from None
        except Exception as error:
            raise self._judged(error, write=False) from None
        return found

    def stands(self, symbol: str, book: Mapping[str, Any]) -> bool:
        """Whether this book is still the one that is kept: of one with a hole nothing is to be believed."""
        return self._exchange.orderbooks.get(symbol) is book

    @property
    def heard_at(self) -> float | None:
        """When the stream said anything at all, by `boot_s`; None = not on this connection."""
        return getattr(self._exchange, "heard_at", None)

    @property
    def stream_connects(self) -> int:
        return int(getattr(self._exchange, "connects", 0))

    def cut_streams(self, why: str) -> None:
        """Connections are made anew by whoever asks for the next book."""
        self._exchange.cut(why)

    async def close(self) -> None:
        await self._exchange.close()

    async def _throttle(self, cost: float) -> None:
        """Called by the library right before it signs and sends."""
        lane, weight = LANE.get(), max(1, math.ceil(cost * UNIT))
        weights = {WINDOW: weight, CALL.get(): weight}
        began = boot_ns()
        patience = DATA_PATIENCE_S if lane in (Lane.DATA, Lane.PAST) else PATIENCE_S
        while True:
            now = boot_ns()
            wait = self.budget.wait(now, lane, weights)
            if wait == 0 and now - began <= patience * 1e9:
                # A connection may yet have to be opened: a cancel that comes now is said again behind it.
                self.unsent.leave(ORDER.get())
                self.budget.take(now, weights)
                return
            # Also what comes free only after the machine has slept: what was meant then is not sent now.
            if wait is None or now + wait - began > patience * 1e9:
                raise WireError(ErrorKind.DENIED, f"our own request budget has no room for {cost:g}")
            await asyncio.sleep(min(wait / 1e9, 0.25))

    def _answered(self, status: int, headers: dict[str, str]) -> None:
        """The status decides before any dialect reads the body: nothing of the request was executed."""
        if status not in (418, 429):
            return
        stated = retry_after({name.lower(): value for name, value in headers.items()})
        seconds = PAUSE_S if stated is None else stated
        self._pause(seconds)
        raise WireError(
            ErrorKind.THROTTLED, f"asked to wait {seconds:g} s", status=status, retry_after_s=seconds
        )

    def _pause(self, seconds: float) -> None:
        self.budget.pause(boot_ns() + int(seconds * 1e9))
        self._paused(seconds)
