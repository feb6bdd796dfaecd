"""What the engine would answer the Journal screen: a pair opened, an entry refused, a word by hand."""

from __future__ import annotations

from services.views.journal import JournalRowView, JournalView
from tests.console.fixtures import quiet_strip

SECOND = 10**9
ROWS = (
    (
        300,
        "decisions",
        "size",
        "P-09",
        "9,980 USD a leg, bound by depth",
        {"kelly": "14200", "depth": "9980", "free margin": "21000"},
    ),
    (
        299,
        "decisions",
        "gate",
        "P-09",
        "the pair as one unit: allowed",
        {"usage": "0.23", "leverage": "1.84"},
    ),
    (298, "orders", "sent", "SCa1b2-P-000041", "sell 0.62 BTC-USDT-PERP.alpha at 67180.5: leg 1", {}),
    (
        297,
        "orders",
        "fill",
        "SCa1b2-P-000041",
        "sell 0.62 BTC-USDT-PERP.alpha at 67180.5",
        {"fee": "20.83 USDT"},
    ),
    (120, "refused", "denied", "P-10", "entry of P-10: BUSD exposure 81 % of its limit", {"limit": "25000"}),
    (60, "commands", "command", "ack", "ack depeg warn:USDC", {}),
    (2, "decisions", "strategy", "funding_arb", "hold: best net edge 4.1 bps < 0.5x cost 22 bps", {}),
)


def quiet_journal(kind: str = "all", name: str = "") -> JournalView:
    now = quiet_strip().ts
    rows = [
        JournalRowView(
            seq=number,
            ts=now - ago * SECOND,
            group=group,
            kind=what,
            subject=subject,
            text=text,
            figures=figures,
            about=(subject, "P-09") if subject.startswith("SC") else (subject,),
        )
        for number, (ago, group, what, subject, text, figures) in enumerate(ROWS, 1)
    ]
    found = [row for row in rows if kind in ("all", row.group)]
    return JournalView(
        ts=now,
        kind=kind,
        rows=tuple(reversed(found)),
        heard=len(found),
        name=name,
        chain=tuple(row for row in rows if name in row.about),
    )
