"""A session on disk with its machine, for tests of the driver: the engine without loop and sockets."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from services.drive.machine import VirtualMachine
from services.drive.session import Session
from services.drive.standing import SessionNote
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.venues.sim.world import make_world
from tests import books


def layout_of(folder: Path) -> StateLayout:
    return StateLayout(folder)


def engine(
    folder: Path, settings: Settings, *, scenario: str = "funding-harvest", seed: int = 7
) -> tuple[Session, VirtualMachine]:
    """Open (or recover) what lies in the folder, up to its first events."""
    session = Session(layout_of(folder), make_world(scenario, seed), settings, "test")
    session.open(SessionNote(pid="1", speed="max", state_dir=str(folder)))
    machine = VirtualMachine(
        session.desk,
        dict(session.exchange.venues),
        session.exchange,
        session.queue,
        session.keeper,
        on_handled=session.handled,
    )
    session.first_events()
    return session, machine


def positions_of(session: Session) -> dict[str, Decimal]:
    """By the exchange's own books."""
    return {
        row.instrument: row.size
        for venue in session.exchange.venues
        for row in session.exchange.books(venue).positions
        if row.size
    }


def client_ids(session: Session) -> list[str]:
    """Of every order the exchange has taken, in its own order."""
    return [
        order.client_order_id
        for venue in session.exchange.venues.values()
        for order in venue.state.orders.values()
    ]


def books_agree(session: Session) -> None:
    """Our ledger against the exchange's books: positions and balances to the last digit."""
    for venue in session.exchange.venues:
        account = session.desk.core.ledger.account(venue)
        assert books.unlike(venue, account, session.exchange.books(venue)) == []
