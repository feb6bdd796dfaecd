"""A desk whose books differ from its venues: what the reconcile dialog and its tests show."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import Severity
from services.views.desk import DeskView, DifferenceView
from tests.console.fixtures import QUIET_TS, alert, quiet_alerts, quiet_desk

S = 1_000_000_000


def difference(
    subject: str, venue: str, ours: str, theirs: str, usd: str | None, **more: str
) -> DifferenceView:
    kind = more.get("kind", "position")
    beyond = Decimal(theirs) - Decimal(ours)
    return DifferenceView(
        id=f"{venue}:{kind}:{subject}:{beyond:+f}",
        kind=kind,
        venue=venue,
        subject=subject,
        ours=Decimal(ours),
        theirs=Decimal(theirs),
        usd=None if usd is None else Decimal(usd),
        state=more.get("state", "waiting"),
        since=QUIET_TS - 95 * S,
        text=f"{kind} {subject} at {venue}: ours {ours}, the venue's {theirs}",
        accepting=more.get("accepting", ""),
        acceptable=not more.get("accepting", "").startswith("the desk knows"),
    )


LEG = difference(
    "BTC-USDT-PERP.alpha", "alpha", "-0.620", "-0.420", "13429.5",
    accepting="moves our book by +0.200; a leg of P-01 is then missing: its other leg is cut, then closed",
)  # fmt: skip
COIN = difference(
    "USDT", "beta", "14982.11450000", "14482.11450000", "499.87", kind="balance",
    accepting="moves our book by -500 USDT; it counts as profit or loss, not as a transfer",
)  # fmt: skip
STRANGE = difference(
    "DOGE-PERP.alpha", "alpha", "0", "5000", None,
    accepting="the desk knows no facts of this instrument and keeps no book of it: close it at the venue",
)  # fmt: skip
SMALL = difference("USD", "alpha", "12500.00", "12499.12", "0.88", kind="balance", state="adopted")

RECONCILE = alert(
    "reconcile:account:alpha", Severity.ALARM, f"1 difference on alpha: {LEG.text}", "", "OPEN", 95
)


def differing_desk(*lines: DifferenceView) -> DeskView:
    return quiet_desk(differences=lines or (LEG, COIN, STRANGE, SMALL), alerts=(RECONCILE, *quiet_alerts()))
