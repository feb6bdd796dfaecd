"""What `reconcile` found, for people: what differs from the venues line by line, and whom nobody has read."""

from __future__ import annotations

from console.plain import Row, clock, figure, rows_of, table, word


def waiting(answer: Row) -> list[str]:
    """Ids of the differences that wait for a person."""
    return [word(row.get("id")) for row in rows_of(answer, "differences") if row.get("state") == "waiting"]


def reconcile(answer: Row) -> str:
    """Line by line what differs, and what accepting it does."""
    rows = [
        [
            word(row.get("state")),
            word(row.get("venue")),
            word(row.get("kind")).replace("_", " "),
            word(row.get("subject")),
            figure(row.get("ours")),
            figure(row.get("theirs")),
            figure(row.get("usd"), 2),
            clock(row.get("since")),
        ]
        for row in rows_of(answer, "differences")
    ]
    heads = ("<state", "<venue", "<kind", "<subject", "ours", "theirs", "USD", "<since")
    silent = _unread(answer)
    none = "no difference: our books are the venues'"
    if silent:
        none = f"no answer from {silent}: whether our books are the venues' is not known"
    lines = [table(heads, rows, none)]
    if rows and silent:
        lines.append(f"  no answer from {silent}: nothing here is of a fresh read of it")
    for row in rows_of(answer, "differences"):
        if row.get("state") == "waiting":
            lines.append(f"  accepting {word(row.get('subject'))} {word(row.get('accepting'))}")
    accepted = answer.get("accepted")
    lines += [f"  accepted: {word(text)}" for text in accepted] if isinstance(accepted, list) else []
    return "\n".join([*lines, f"state: {word(answer.get('trading_state'))}"])


def _unread(answer: Row) -> str:
    """The venues of which nothing can be said now."""
    names = answer.get("unread")
    return ", ".join(word(name) for name in names) if isinstance(names, list) else ""
