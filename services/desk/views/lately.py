"""The last orders and fills, for screen 3. It hears the rows that go to the store and reads nothing back.

It belongs to the shell: no decision reads it. At a start it is filled once from the store.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

from msgspec import Struct

from services.domain.records import FillRecord, OrderRecord

ORDERS, FILLS = 120, 120
"""Kept, and so the most that a screen shows."""


class Lately:
    def __init__(self) -> None:
        self._orders: OrderedDict[str, OrderRecord] = OrderedDict()
        self._fills: deque[FillRecord] = deque(maxlen=FILLS)

    def hear(self, row: Struct) -> None:
        """A row on its way to the store. Rows of other tables are none of ours."""
        if isinstance(row, OrderRecord):
            self._orders[row.client_order_id] = row
            self._orders.move_to_end(row.client_order_id)
            while len(self._orders) > ORDERS:
                self._orders.popitem(last=False)
        elif isinstance(row, FillRecord):
            self._fills.append(row)

    def fill(self, orders: Iterable[OrderRecord], fills: Iterable[FillRecord]) -> None:
        """From the store, the newest first, as its reader gives them."""
        for row in (*reversed(list(orders)), *reversed(list(fills))):
            self.hear(row)

    def orders(self) -> tuple[OrderRecord, ...]:
        """The newest first."""
        return tuple(reversed(self._orders.values()))

    def fills(self) -> tuple[FillRecord, ...]:
        return tuple(reversed(self._fills))
