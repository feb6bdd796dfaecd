"""`flatten --direct` over sockets while one of two venues cannot be reached, and when it comes back."""

from __future__ import annotations

import asyncio
import socket
import time
from decimal import Decimal
from pathlib import Path

import pytest

from services.desk.direct import DIRECT
from services.domain.effects import Done
from services.domain.enums import Purpose, Side, TimeInForce
from services.domain.orders import OrderRequest
from services.protocol.redact import Redactor
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.workers import live_direct
from services.workers.live_engine import NobodyReached
from services.workers.simserver.house import House
from services.workers.simserver.worlds import served_world
from tests.simserver.served import KEY, bound, serving

BTC = "BTC-USDT-PERP"
SIZE = Decimal("0.1")


def hold(house: House, venue: str, side: Side) -> None:
    """A position that was made before, by whomever."""
    floor = house.seat(KEY.key, "").venue(venue).floor
    name = f"{BTC}.{venue}"
    price = floor.listed[name].round_price(side, floor.mark(name) * (1 + Decimal("0.01") * side.sign))
    order = OrderRequest(
        client_order_id="", instrument=name, side=side, quantity=SIZE, price=price,
        tif=TimeInForce.IOC, purpose=Purpose.TICKET, origin="foreign",
    )  # fmt: skip
    floor.place(house.now, order)


async def forward(sock: socket.socket, port: int) -> asyncio.Server:
    """Loopback traffic of a socket to another port: the venue that can be reached again."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)

    return await asyncio.start_server(serve, sock=sock)


async def test_the_leg_stays_until_the_other_venue_can_be_reached_and_then_both_go(tmp_path: Path) -> None:
    world = served_world("calm", 1, step_s=0.5, synthetic=0, start=time.time_ns())
    async with serving(world) as (house, server):
        gate = bound(0)
        ports = {"alpha": server.ports["alpha"], "beta": gate.getsockname()[1]}
        wires = {
            name: VenueWire(
                kind="ftx",
                rest=f"http://127.0.0.1:{port}",
                stream=f"ws://127.0.0.1:{port}/ws/",
                key=KEY.key,
                symbols=(BTC, "USDT/USD"),
                extensions=True,
            )
            for name, port in ports.items()
        }
        hold(house, "alpha", Side.BUY)
        hold(house, "beta", Side.SELL)
        books = {name: house.seat(KEY.key, "").venue(name).state.account for name in ports}
        assert [books[name].size(f"{BTC}.{name}") for name in ports] == [SIZE, -SIZE]
        said: dict[str, list[Decimal]] = {}
        heard = asyncio.Event()

        def held() -> list[Decimal]:
            return [books[name].size(f"{BTC}.{name}") for name in ports]

        def say(text: str) -> None:
            said[text] = held()
            heard.set()

        chosen = Settings(venues=("alpha", "beta"), wires=wires, strategies={})
        secrets = {f"STABLECONSOLE_SECRET_{name.upper()}": KEY.secret for name in ports}
        run = asyncio.create_task(
            live_direct.flatten(StateLayout(tmp_path), chosen, secrets, Redactor(), "", say)
        )
        await heard.wait()
        assert next(iter(said)).startswith("beta cannot be reached and is NOT flattened; what it may hedge")
        async with await forward(gate, server.ports["beta"]), asyncio.timeout(25):
            done = await run
        assert said["beta can be reached now: begun anew with it"] == [SIZE, -SIZE]
        assert held() == [0, 0]
        assert (done.command, done.ok) == (DIRECT, True), done.text


async def test_while_no_venue_can_be_reached_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that is away for a moment must not end the kill path; one that stays away is no `flat`."""
    tries: list[str] = []

    class Away(live_direct.LiveEngine):
        async def start_reachable(self) -> dict[str, str]:
            tries.append("try")
            if len(tries) < 4:
                raise NobodyReached("alpha: refused" if len(tries) < 3 else "alpha: no route")
            return {}

    async def flat(*_: object) -> Done:
        return Done(command=DIRECT, ok=True)

    monkeypatch.setattr(live_direct, "LiveEngine", Away)
    monkeypatch.setattr(live_direct, "RETRY_S", 0.001)
    monkeypatch.setattr(live_direct, "_flatten", flat)
    said: list[str] = []
    chosen = Settings(venues=("alpha",), wires={}, strategies={})
    done = await live_direct.flatten(StateLayout(tmp_path), chosen, {}, Redactor(), "", said.append)
    assert (done.ok, len(tries)) == (True, 4)
    assert [text.partition(": ")[2] for text in said] == ["alpha: refused", "alpha: no route"]
    tries.clear()
    said.clear()
    monkeypatch.setattr(live_direct, "GIVE_UP_S", 0.0)
    StateLayout(tmp_path).bans.write_bytes(b"torn")
    gone = await live_direct.flatten(StateLayout(tmp_path), chosen, {}, Redactor(), "", said.append)
    assert (gone.ok, gone.exit, len(tries)) == (False, 5, 1)
    assert said[0].startswith("who has banned us is not known: bans.json: not a list of bans")
    assert gone.text == "no venue could be reached: alpha: refused"
