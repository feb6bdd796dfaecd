"""Our books against the venue's own figures (SEMANTICS 11): what differs is an alert, however little it is.

A difference above the allowance is the reconciliation's own cause; here stands what would else pass in
silence: small figures that were adopted, and a payment that is not what our position had to bring at the
venue's own rate. Both go by themselves when the next figure of their kind agrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from services.desk.core import MINUTE, DeskCore
from services.desk.state import Instant
from services.domain.events import FundingSettled
from services.domain.instrument import venue_of
from services.domain.money import ZERO
from services.execution.reconcile import Difference
from services.portfolio.funding import funding_cash_flow

DIFFER = "figures differ"
KEPT = 256
"""Instants whose payment has not come: a late one is looked at too."""
CENT = Decimal("0.01")
TOLERANCE = Decimal("0.01")
"""Of what was due: a mark is a few seconds old where the venue does not say its price."""


def read(core: DeskCore, venue: str, adopted: Sequence[Difference], *, agrees: bool) -> None:
    """A read was compared. `agrees`: nothing differed and nothing was left undecided."""
    if adopted:
        more = f" and {len(adopted) - 1} more" if len(adopted) > 1 else ""
        lines = "; ".join(line.text for line in adopted)
        core.alert(f"{DIFFER}:{venue}", None, f"adopted: {adopted[0].text}{more}", detail=lines)
    elif agrees:
        core.resolve(f"{DIFFER}:{venue}")
        for name, account in core.ledger.account(venue).positions.items():
            # No payment will come any more that could agree.
            if account.size == ZERO:
                core.resolve(f"{DIFFER}:{name}")


def at_instant(core: DeskCore, instrument: str, instant: int, size: Decimal, mark: Decimal | None) -> None:
    """A settlement instant has come: what we hold then, whose it is, and at which mark."""
    instants = core.state.instants
    shares = {
        pair.id: leg.size * leg.side.sign
        for pair in core.pairs.live()
        for leg in pair.legs
        if leg.instrument == instrument and leg.size > ZERO
    }
    key = f"{instrument}|{instant}"
    instants[key] = Instant(size, mark, shares)
    core.episodes.owe(key, (*shares, instrument))
    while len(instants) > KEPT:
        del instants[next(iter(instants))]


def paid(core: DeskCore, payment: FundingSettled, coin_usd: Decimal | None) -> Instant | None:
    """A payment was booked: was it what our own position had to bring at the venue's rate and price? What we
    know to have held at its instant."""
    held = core.state.instants.pop(f"{payment.instrument}|{payment.ts_event}", None)
    price = payment.price if payment.price > ZERO else held.mark if held is not None else None
    if held is None or price is None or payment.rate == ZERO or _traded_near(core, payment):
        # Nobody can say what was due: not known, or the venue may have counted a fill that we had not yet.
        return held
    due = funding_cash_flow(held.size, price, payment.rate)
    off = abs(payment.amount - due)
    key = f"{DIFFER}:{payment.instrument}"
    worth = off if coin_usd is None else off * coin_usd
    if off.is_finite() and (worth <= CENT or off <= TOLERANCE * abs(due)):
        core.resolve(key)
        return held
    theirs = f"; the venue counts {payment.size:f}" if payment.size else ""
    core.alert(
        key,
        None,
        f"{payment.instrument}: funding {payment.amount:f} {payment.coin}, due was {due:f}",
        detail=f"at rate {payment.rate:f} on {held.size:f} held{theirs}",
        do="compare the position of that instant with the venue's history; reconcile",
    )
    return held


def _traded_near(core: DeskCore, payment: FundingSettled) -> bool:
    near = core.orders.recent_fills(venue_of(payment.instrument), payment.ts_event - MINUTE)
    return any(
        fill.instrument == payment.instrument and fill.ts_event <= payment.ts_event + MINUTE for fill in near
    )
