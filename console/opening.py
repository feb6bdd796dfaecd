"""From a start to the screen: find or spawn the engine, show the app on it, give the status back."""

from __future__ import annotations

from console.link import SocketLink
from console.places import layout_of
from console.running import connect
from console.spawn import Starting, find_or_spawn
from services.protocol.options import RunOptions


def show(options: RunOptions, *, attach: bool, read_only: bool) -> int:
    """The app until it ends. A spawned engine starts while the screen library loads."""
    layout = layout_of(options.profile, options.state_dir)
    starting: Starting | None = None
    if attach:
        connect(layout, options.profile).close()
    else:
        found = find_or_spawn(options, layout)
        starting = found if isinstance(found, Starting) else None
    from console import app

    link = SocketLink(layout, options, starting=starting, read_only=read_only)
    app.run(link, layout)
    if link.failure is not None:
        raise link.failure
    return 0
