"""Our own books of every venue account: balances and positions from fills, payments and transfers.

Booking is idempotent: a fill by (venue, instrument, trade id), a payment and a transfer by the venue's id,
so whatever is delivered twice or read again is harmless. Average cost, in the venue's order of the fills
(`position_book`); a flip closes one episode and opens the next. Spot fills move the base and the quote
balance; perp fills move the settle balance by realised profit and fee. Funding is booked only from the
venue's own rows.

The venue is the truth: `read` takes a fresh account read's weights, leverage settings and time, `adopt_*`
take over what reconciliation accepted.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from decimal import Decimal

from msgspec import Struct, field

from services.domain.enums import Side
from services.domain.events import AccountReport, FundingSettled, OrderFilled, TransferBooked
from services.domain.instrument import Instrument
from services.domain.money import ZERO, round_coin
from services.portfolio import position_book
from services.portfolio.position_book import PositionBook

KEPT_IDS = 4_000
"""Ids remembered per account and kind; what is older than the oldest of them counts as seen."""


class SeenIds(Struct):
    """Ids already booked, with their venue time."""

    ids: dict[str, int] = field(default_factory=dict)
    forgotten_ts: int = -1
    """Anything at or before this has been forgotten, and counts as seen."""


class AccountBook(Struct):
    """One venue account."""

    venue: str
    balances: dict[str, Decimal] = field(default_factory=dict)
    weights_total: dict[str, Decimal | None] = field(default_factory=dict)
    weights_initial: dict[str, Decimal | None] = field(default_factory=dict)
    leverage: dict[str, Decimal | None] = field(default_factory=dict)
    """By instrument: the venue's setting read back."""
    positions: dict[str, PositionBook] = field(default_factory=dict)
    balance_ts: int | None = None
    """Venue time of the last fresh read; None = never read."""
    last_fill_ts: int = 0
    last_payment_ts: int = 0
    trades: SeenIds = field(default_factory=SeenIds)
    payments: SeenIds = field(default_factory=SeenIds)
    transfers: SeenIds = field(default_factory=SeenIds)


class LedgerState(Struct):
    accounts: dict[str, AccountBook] = field(default_factory=dict)


class FillBooked(Struct, frozen=True, kw_only=True):
    """What a fill did to our books."""

    duplicate: bool
    realised: Decimal = ZERO
    """Price profit of the part that was closed, settle coin, rounded once; of a fill told late also by how
    much it changes what later ones realised."""
    realised_usd: Decimal | None = ZERO
    """None = the settle coin's index was unknown."""
    fee: Decimal = ZERO
    """Paid > 0, in the fill's fee coin."""
    fee_usd: Decimal | None = ZERO
    """None = the fee coin's index was unknown."""
    size_before: Decimal = ZERO
    size_after: Decimal = ZERO
    entry_before: Decimal = ZERO
    entry_after: Decimal = ZERO
    closed: Decimal = ZERO
    """Quantity closed, >= 0."""
    opened: Decimal = ZERO
    """Quantity opened, >= 0."""
    episode: int = 0
    """The instrument's episode that the fill ended in, or opened."""

    @property
    def flat(self) -> bool:
        return self.size_after == ZERO

    @property
    def flipped(self) -> bool:
        return self.closed > ZERO and self.opened > ZERO


class Ledger:
    """All accounts. Deterministic: the same events give the same books, in the same order."""

    def __init__(self, venues: Iterable[str] = (), state: LedgerState | None = None) -> None:
        self.state = state if state is not None else LedgerState()
        for venue in venues:
            self.account(venue)

    def account(self, venue: str) -> AccountBook:
        """The venue's book, opened empty when first asked for."""
        book_ = self.state.accounts.get(venue)
        if book_ is None:
            book_ = self.state.accounts[venue] = AccountBook(venue)
        return book_

    def position(self, instrument: Instrument) -> PositionBook | None:
        """The open position, None when flat."""
        held = self.account(instrument.venue).positions.get(instrument.id)
        return held if held is not None and held.size != ZERO else None

    def size(self, instrument: Instrument) -> Decimal:
        """Signed position; 0 when flat."""
        held = self.account(instrument.venue).positions.get(instrument.id)
        return ZERO if held is None else held.size

    def apply_fill(
        self,
        fill: OrderFilled,
        instrument: Instrument,
        settle_usd: Decimal | None,
        quote_usd: Decimal | None = None,
        fee_coin_usd: Decimal | None = None,
    ) -> FillBooked:
        """Book a fill once. `quote_usd` is needed only where quote and settle coin differ; `fee_coin_usd`
        where the fee is paid in another than the settle coin: BNB, or the coin that was bought."""
        account = self.account(fill.venue)
        if not _first_time(account.trades, f"{fill.instrument}|{fill.trade_id}", fill.ts_event, fill.ts):
            return FillBooked(duplicate=True)
        account.last_fill_ts = max(account.last_fill_ts, fill.ts_event)
        change = fill.quantity if fill.side is Side.BUY else -fill.quantity
        _move(account, fill.fee_coin, -fill.fee)
        fee_index = settle_usd if fill.fee_coin == instrument.settle else fee_coin_usd
        fee_usd = None if fee_index is None else fill.fee * fee_index
        if fill.fee == ZERO:
            fee_usd = ZERO
        if not instrument.is_perp:
            _move(account, instrument.underlying, change)
            _move(account, instrument.quote, -round_coin(change * fill.price))
            return FillBooked(duplicate=False, fee=fill.fee, fee_usd=fee_usd)
        held = account.positions.get(fill.instrument)
        if held is None:
            held = account.positions[fill.instrument] = PositionBook(fill.instrument)
        before, entry_before = held.size, held.entry
        in_settle = fill.fee if fill.fee_coin == instrument.settle else ZERO
        moved = position_book.take(
            held,
            instrument,
            fill.trade_id,
            fill.ts_event,
            change,
            fill.price,
            in_settle,
            quote_usd,
            settle_usd,
        )
        realised = moved.realised
        _move(account, instrument.settle, realised)
        return FillBooked(
            duplicate=False,
            realised=realised,
            realised_usd=None if settle_usd is None and realised else realised * (settle_usd or ZERO),
            fee=fill.fee,
            fee_usd=fee_usd,
            size_before=before,
            size_after=held.size,
            entry_before=entry_before,
            entry_after=held.entry,
            closed=moved.step.closed,
            opened=moved.step.opened,
            episode=held.episode,
        )

    def apply_funding(self, payment: FundingSettled, coin_usd: Decimal | None = None) -> bool:
        """Book one row of the venue's settlement ledger; False = booked before."""
        account = self.account(payment.venue)
        if not _first_time(account.payments, payment.payment_id, payment.ts_event, payment.ts):
            return False
        account.last_payment_ts = max(account.last_payment_ts, payment.ts_event)
        _move(account, payment.coin, payment.amount)
        held = account.positions.get(payment.instrument)
        if held is not None and held.size != ZERO:
            held.funding += payment.amount
            held.payments += 1
            if coin_usd is None:
                held.funding_unpriced = True
            else:
                held.funding_usd += payment.amount * coin_usd
        return True

    def apply_transfer(self, transfer: TransferBooked) -> bool:
        """Book a deposit or withdrawal; False = booked before."""
        account = self.account(transfer.venue)
        if not _first_time(account.transfers, transfer.transfer_id, transfer.ts_event, transfer.ts):
            return False
        _move(account, transfer.coin, transfer.amount)
        return True

    def knows_trade(self, venue: str, instrument: str, trade_id: str) -> bool:
        return f"{instrument}|{trade_id}" in self.account(venue).trades.ids

    def note_trade(self, fill: OrderFilled) -> bool:
        """Take a trade as seen without booking anything; False = seen before."""
        trades = self.account(fill.venue).trades
        return _first_time(trades, f"{fill.instrument}|{fill.trade_id}", fill.ts_event, fill.ts)

    def begin(self, report: AccountReport, known: Container[str]) -> None:
        """The opening read is where the books begin: whatever was booked before it is inside its figures or
        gone. What it lists is seen, and never booked. `known`: instruments that a book is kept of."""
        account = self.account(report.venue)
        account.balances = {row.coin: row.total for row in report.balances}
        for held in account.positions.values():
            position_book.adopt(held, ZERO, ZERO, report.ts_event)
        for row in report.positions:
            if row.instrument in known:
                self.adopt_position(report.venue, row.instrument, row.size, row.entry_price, report.ts_event)
        for fill in report.fills:
            _first_time(account.trades, f"{fill.instrument}|{fill.trade_id}", fill.ts_event, report.ts)
        for payment in report.payments:
            _first_time(account.payments, payment.payment_id, payment.ts_event, report.ts)
        for transfer in report.transfers:
            _first_time(account.transfers, transfer.transfer_id, transfer.ts_event, report.ts)

    def apply_again(
        self,
        fill: OrderFilled,
        instrument: Instrument,
        settle_usd: Decimal | None,
        quote_usd: Decimal | None,
    ) -> None:
        """On top of the opening read: a fill that was booked before it and is not in its figures."""
        self.account(fill.venue).trades.ids.pop(f"{fill.instrument}|{fill.trade_id}", None)
        self.apply_fill(fill, instrument, settle_usd, quote_usd)

    def read(self, report: AccountReport) -> None:
        """Take weights, leverage settings and the time from a fresh read; amounts are reconciliation's."""
        account = self.account(report.venue)
        account.balance_ts = max(account.balance_ts or 0, min(report.ts_event, report.ts))
        account.weights_total = {row.coin: row.weight_total for row in report.balances}
        account.weights_initial = {row.coin: row.weight_initial for row in report.balances}
        account.leverage = {row.instrument: row.leverage for row in report.positions}

    def adopt_balance(self, venue: str, coin: str, total: Decimal) -> None:
        """Reconciliation accepted the venue's amount."""
        self.account(venue).balances[coin] = total

    def adopt_position(self, venue: str, instrument: str, size: Decimal, entry: Decimal, ts: int) -> None:
        """Reconciliation accepted the venue's position; no fill is invented, nothing is realised."""
        account = self.account(venue)
        held = account.positions.get(instrument)
        if held is None:
            held = account.positions[instrument] = PositionBook(instrument)
        position_book.adopt(held, size, entry, ts)


def _move(account: AccountBook, coin: str, amount: Decimal) -> None:
    account.balances[coin] = account.balances.get(coin, ZERO) + amount


def _first_time(seen: SeenIds, key: str, ts: int, now: int) -> bool:
    """Note an id. `ts`: the venue's time of it, `now`: ours of hearing it.

    The oldest by the venue's time are forgotten first: one stamped far ahead stays remembered by its name. No
    time ahead of ours becomes the mark below which everything counts as seen, for every later fill would.
    """
    if key in seen.ids or ts <= seen.forgotten_ts:
        return False
    seen.ids[key] = ts
    if len(seen.ids) > KEPT_IDS:
        for old in sorted(seen.ids, key=seen.ids.__getitem__)[: KEPT_IDS // 4]:
            seen.forgotten_ts = max(seen.forgotten_ts, min(seen.ids.pop(old), now))
    return True
