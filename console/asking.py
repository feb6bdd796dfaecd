"""The options that every command of the program takes, and where its state lies."""

from __future__ import annotations

from typing import Annotated

import typer

from console.oneshot import Asked
from console.places import layout_of
from services.protocol.options import parse_path, parse_profile

Profile = Annotated[str, typer.Option("--profile", metavar="NAME", help="Which profile.")]
StateDir = Annotated[str, typer.Option("--state-dir", metavar="DIR", help="Where the engine's state lies.")]
Json = Annotated[bool, typer.Option("--json", help="Print the documented JSON.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def asked(profile: str, state_dir: str, json: bool) -> Asked:
    name = parse_profile(profile)
    layout = layout_of(name, parse_path(state_dir) if state_dir else None)
    return Asked(profile=name, layout=layout, json=json)
