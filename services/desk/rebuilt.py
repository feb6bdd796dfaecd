"""A desk whose store was lost begins with what the venues say, and says what they cannot tell (SEMANTICS 14).

Positions are the venues' own; which pair they belonged to is not known any more. So nothing is closed and
nothing opened: what is ours and hedges each other is a pair again (`rebuilt_pairs`), and only what is ours
and hedged by nothing gets a stop. New risk waits for a person.
"""

from __future__ import annotations

from decimal import Decimal

from services.desk import protection, rebuilt_pairs
from services.desk.core import DeskCore
from services.desk.prices import DeskPrices
from services.desk.state import Rebuild
from services.desk.submit import Submitter
from services.domain.effects import Cancel
from services.domain.enums import Severity, TradingState
from services.domain.events import AccountReport, WorkingRow
from services.domain.money import ZERO
from services.domain.records import FundingRecord, TransferRecord
from services.domain.store_events import StoreRebuilt
from services.risk.causes import ALL

CAUSE = "store corrupt"
LOST = "lost: pairs, episodes, trade history, the loss breakers' bases, limits set by command"

_INSTANCE = 6
"""Characters of a client order id that name the store it was drawn from."""


def on_rebuilt(core: DeskCore, event: StoreRebuilt) -> None:
    """Before any venue is read: reducing only, latched, until a person has looked."""
    core.state.former = list(event.former)
    core.state.rebuild = Rebuild(event.found, event.aside)
    _tell(core, f"{_what(event.found, event.aside)}; the venues are being read")
    core.decide("store rebuilt", CAUSE, event.found, {"aside": event.aside})


def on_corrupt(core: DeskCore, text: str) -> None:
    """The writer met damage while the engine runs: the next start rebuilds."""
    _tell(core, text)


def ours_before(core: DeskCore, client_order_id: str) -> bool:
    """An order of a store that this folder had before: ours, though the desk does not know it any more."""
    return bool(client_order_id) and client_order_id[:_INSTANCE] in core.state.former


def on_report(core: DeskCore, submit: Submitter, report: AccountReport) -> None:
    """After the books have taken a read: orders of former stores, and the account of a rebuilt desk."""
    book = core.state.venues.get(report.venue)
    if not core.state.former or book is None:
        return
    sizes = {row.instrument: row.size for row in report.positions}
    for row in report.orders:
        if _would_increase(core, row) or (
            # A stop of before rests as long as it protects something, or it would stop what comes after it.
            ours_before(core, row.client_order_id) and sizes.get(row.instrument, ZERO) * row.side.sign >= ZERO
        ):
            # Nobody watches its fills any more. Asked at every read, until the venue does not list it.
            core.emit(
                Cancel(
                    venue=report.venue,
                    instrument=row.instrument,
                    client_order_id=row.client_order_id,
                    venue_order_id=row.venue_order_id,
                )
            )
    rebuild = core.state.rebuild
    if rebuild is None:
        return
    if report.venue not in rebuild.read:
        _take(core, rebuild, report)
    known = (*rebuild.read, *DeskPrices(core).barren())  # without a key there is no account to wait for
    if all(venue in known for venue in core.settings.venues):
        _finish(core, submit, rebuild)


def cancel_former(core: DeskCore) -> int:
    """A halt: every order of former stores that could increase a position, by the last reads."""
    count = 0
    for venue, book in core.state.venues.items():
        for row in book.foreign_orders:
            if _would_increase(core, row):
                count += 1
                core.emit(
                    Cancel(
                        venue=venue,
                        instrument=row.instrument,
                        client_order_id=row.client_order_id,
                        venue_order_id=row.venue_order_id,
                    )
                )
    return count


def _would_increase(core: DeskCore, row: WorkingRow) -> bool:
    return ours_before(core, row.client_order_id) and not row.reduce_only


def _take(core: DeskCore, rebuild: Rebuild, report: AccountReport) -> None:
    """One venue's first read: what is ours of its positions, and the rows that its own lists give back."""
    rebuild.read.append(report.venue)
    sizes = {row.instrument: row.size for row in report.positions if row.size}
    rebuild.positions.extend(f"{name} {size}" for name, size in sizes.items())
    rebuild.orders += sum(1 for row in report.orders if ours_before(core, row.client_order_id))
    rebuild.fills += len(report.fills)
    filled: dict[str, Decimal] = {}
    for fill in report.fills:
        if ours_before(core, fill.client_order_id):
            filled[fill.instrument] = filled.get(fill.instrument, ZERO) + fill.quantity * fill.side.sign
    for name, ours in filled.items():
        spec = core.instruments.get(name)
        if spec is not None and not spec.is_perp:
            rebuild.spot[name] = ours
        held = sizes.get(name, ZERO)
        if held * ours > ZERO:
            rebuild.own[name] = min(abs(held), abs(ours)).copy_sign(held)
    for row in report.payments:
        core.record(
            FundingRecord(
                ts=row.ts_event,
                venue=row.venue,
                payment_id=row.payment_id,
                instrument=row.instrument,
                size=row.size,
                price=row.price,
                rate=row.rate,
                amount=row.amount,
                coin=row.coin,
                usd=None,
                pair=None,
                expected=None,
            )
        )
    for move in report.transfers:
        core.record(
            TransferRecord(
                ts=move.ts_event,
                venue=move.venue,
                transfer_id=move.transfer_id,
                coin=move.coin,
                amount=move.amount,
            )
        )


def _finish(core: DeskCore, submit: Submitter, rebuild: Rebuild) -> None:
    """Every venue has been read: stops for what nothing hedges, and the report."""
    core.state.rebuild = None
    bare: list[str] = []
    alone = _unhedged(core, rebuild.own)
    for name, size in alone:
        spec = core.instruments[name]
        if spec.round_size(abs(size)) < max(spec.min_size, spec.size_increment):
            continue
        bare.append(f"{name} {size}")
        held = core.ledger.position(spec)
        core.state.unpaired[name] = size
        if held is not None:
            core.state.unpaired_entry[name] = held.entry
        protection.settle_unpaired(core, submit, name, changed=True)
    hedged = dict(rebuild.own)
    for name, size in alone:
        hedged[name] -= size
    pairs = rebuilt_pairs.make(core, hedged)
    again = ", ".join(f"{pair.id} {pair.short.instrument} / {pair.long.instrument}" for pair in pairs)
    stands = ", ".join(rebuild.positions) or "no position"
    text = (
        f"{_what(rebuild.found, rebuild.aside)}; rebuilt from the venues: {stands}; "
        f"{rebuild.orders} resting orders of before, {rebuild.fills} fills known by id; "
        f"hedged by nothing: {', '.join(bare) or 'nothing'}; "
        f"pairs made again: {again or 'none'}; {_spot_alone(core, rebuild.spot)}{LOST}"
    )
    _tell(core, text)
    core.decide("store rebuilt", "venues", text)
    core.risk_event("store rebuilt", "venues", text)


def _unhedged(core: DeskCore, own: dict[str, Decimal]) -> list[tuple[str, Decimal]]:
    """What is ours beyond what stands against it in the same underlying; the largest position first."""
    groups: dict[str, list[tuple[str, Decimal]]] = {}
    for name, size in own.items():
        spec = core.instruments.get(name)
        if spec is not None and spec.is_perp:
            groups.setdefault(spec.hedge_group, []).append((name, size))
    found: list[tuple[str, Decimal]] = []
    for rows in groups.values():
        left = sum((size for _, size in rows), ZERO)
        for name, size in sorted(rows, key=lambda row: (-abs(row[1]), row[0])):
            if size * left > ZERO:
                part = min(abs(size), abs(left)).copy_sign(left)
                left -= part
                found.append((name, part))
    return found


def _spot_alone(core: DeskCore, traded: dict[str, Decimal]) -> str:
    """A spot pair sells on one venue what it buys on another: what our fills of a coin do not sum to zero by,
    one leg did alone when the store was lost. An inventory is anybody's, and the venues' lists do not reach
    back for ever: nothing is taken back on such a sum. It is named, and a person decides."""
    sums: dict[str, Decimal] = {}
    for name, size in traded.items():
        coin = core.instruments[name].underlying
        sums[coin] = sums.get(coin, ZERO) + size
    rows = [
        f"{'bought' if left > ZERO else 'sold'} {abs(left):f} {coin} more than "
        f"{'sold' if left > ZERO else 'bought'} ({', '.join(_of(core, traded, coin))})"
        for coin, left in sums.items()
        if left != ZERO
    ]
    return f"spot that one leg did alone, to be evened out by you: {'; '.join(rows)}; " if rows else ""


def _of(core: DeskCore, traded: dict[str, Decimal], coin: str) -> list[str]:
    return [f"{name} {size:+f}" for name, size in traded.items() if core.instruments[name].underlying == coin]


def _what(found: str, aside: str) -> str:
    return f"{found}; the old file lies at {aside}" if aside else f"{found}; there is no old file"


def _tell(core: DeskCore, text: str) -> None:
    new = core.raise_cause(CAUSE, ALL, TradingState.REDUCING, text, severity=Severity.ALARM, latched=True)
    if not new:
        core.alert(CAUSE, Severity.ALARM, text)
