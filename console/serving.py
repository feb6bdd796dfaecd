"""`stableconsole sim`: the simulated exchange as a server. Parses flags; the rest is a root of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console import oneshot
from services.protocol.errors import UsageError
from services.protocol.options import parse_fault, parse_int, parse_name, parse_path, parse_speed

DEFAULT_PORT = 8_300


def sim(
    port: Annotated[
        str, typer.Option("--port", metavar="N", help="alpha listens here, beta on the next one.")
    ] = str(DEFAULT_PORT),
    key: Annotated[str, typer.Option("--key", metavar="K", help="Who may trade.")] = "",
    secret: Annotated[str, typer.Option("--secret", metavar="S", help="That key's secret.")] = "",
    keys: Annotated[
        str, typer.Option("--keys", metavar="FILE", help="TOML with [[keys]]: key, secret, subaccounts.")
    ] = "",
    scenario: Annotated[str, typer.Option("--scenario", metavar="NAME", help="Which market.")] = "calm",
    seed: Annotated[str, typer.Option("--seed", metavar="N", help="Which market of its kind.")] = "1",
    speed: Annotated[str, typer.Option("--speed", metavar="N", help="Market seconds a second.")] = "1",
    instruments: Annotated[
        str, typer.Option("--instruments", metavar="N", help="Synthetic perps to add.")
    ] = "0",
    latency: Annotated[str, typer.Option("--latency", metavar="MS", help="Each way, instead of 20 ms.")] = "",
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="KIND[@VENUE]=P", help="Misbehave; repeatable.")
    ] = None,
    scenario_time: Annotated[
        bool, typer.Option("--scenario-time", help="Begin at the scenario's own instant, not now.")
    ] = False,
    lockstep: Annotated[
        bool, typer.Option("--lockstep", help="Time moves by POST /api/ext/advance alone.")
    ] = False,
    books: Annotated[
        str, typer.Option("--books", metavar="DIR", help="Keep the accounts' books; else in memory.")
    ] = "",
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:
    """Serve the simulated exchange in the FTX dialect, REST and WebSocket, on this machine alone."""
    from console import headless

    if bool(key) != bool(secret):
        raise UsageError("sim: --key and --secret go together")
    pace = parse_speed(speed)
    if pace == "max":
        raise UsageError("sim: --speed max makes no sense for a server; name a number")
    return headless.serve_sim(
        port=parse_int("port", 0, 65_534)(port),
        key=key,
        secret=secret,
        keys=Path(parse_path(keys)) if keys else None,
        scenario=parse_name(scenario),
        seed=parse_int("seed", 0, 10**9)(seed),
        speed=float(pace),
        instruments=parse_int("instruments", 0, 500)(instruments),
        latency_ms=float(parse_int("latency", 0, 60_000)(latency)) if latency else None,
        faults=tuple(parse_fault(text) for text in fault or ()),
        scenario_time=scenario_time,
        lockstep=lockstep,
        books=Path(parse_path(books)) if books else None,
        say=oneshot.print_line,
    )
