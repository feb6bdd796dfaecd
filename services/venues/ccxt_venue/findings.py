"""What `doctor` shows of an exchange of the library, beside what it shows of every venue."""

from __future__ import annotations

from services.venues.ccxt_venue.rows import Account
from services.venues.live import Finding, Verdict, key_rights

FOLLOWED = "followed by stream, asked for while it is silent"
ASKED = "asked for once a second: cross_exchange needs two quotes of one half second, and waits often"


def findings(
    venue: str, account: Account | None, reasons: list[str], *, spot: bool, streams: bool
) -> tuple[Finding, ...]:
    """`account`: None = there is no key, or no orders are taken here; `reasons`: why nothing is risked."""
    text = "; ".join(reasons)
    stopped = Verdict.STOP if account is not None else Verdict.WARN
    return (
        *(() if account is None else (key_rights(venue, account.withdraws),)),
        Finding(
            subject=venue,
            check="account",
            verdict=stopped if text else Verdict.OK,
            text=text or ("coins only" if spot else "one position a market, cross margin"),
            remedy="put it right at the venue's own page" if account is not None and text else "",
        ),
        *(
            ()
            if account is None
            else (Finding(subject=venue, check="margin mode", verdict=Verdict.OK, text=account.margin),)
        ),
        Finding(subject=venue, check="books", verdict=Verdict.OK, text=FOLLOWED if streams else ASKED),
    )
