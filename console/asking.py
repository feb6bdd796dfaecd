"""The options that every command of the program takes, where its state lies, and whose that is."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import structs

from console.oneshot import Asked
from console.places import layout_of
from console.running import last_profile, other_profile
from services.protocol.options import DEFAULT_PROFILE, parse_path, parse_profile

Profile = Annotated[str, typer.Option("--profile", metavar="NAME", help="Which profile.")]
StateDir = Annotated[str, typer.Option("--state-dir", metavar="DIR", help="Where the engine's state lies.")]
Json = Annotated[bool, typer.Option("--json", help="Print the documented JSON.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def asked(profile: str, state_dir: str, json: bool) -> Asked:
    name = parse_profile(profile)
    layout = layout_of(name, parse_path(state_dir) if state_dir else None)
    return Asked(profile=name, layout=layout, json=json)


def asked_of_folder(profile: str, state_dir: str, json: bool) -> Asked:
    """For what a state folder tells by itself: under the name of the profile that it belongs to.

    One that was named and is another is refused, as an engine's is (exit 2); the default counts as not named.
    """
    from console.headless import profile_of

    given = asked(profile, state_dir, json)
    own = profile_of(given.layout) or last_profile(given.layout)
    if own in ("", given.profile):
        return given
    if given.profile != DEFAULT_PROFILE:
        raise other_profile(f"the folder {given.layout.root} belongs to", own, given.profile)
    return structs.replace(given, profile=own)
