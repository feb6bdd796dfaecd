"""From a start to the screen: find or spawn the engine, show the app on it, give the status back."""

from __future__ import annotations

import gc
import os
import sys

from console.client import Client
from console.hangup import end_with
from console.link import SocketLink
from console.paths import config_path, make_state_folder, read_ui
from console.places import layout_of
from console.spawn import Starting, find_or_spawn
from services.protocol.options import RunOptions

YOUNG = (2_000, 20, 1_000_000)
"""The collector looks at what is new as it comes; at everything when no key does (`StableConsole`)."""
SWITCH_S = 0.0005
"""A thread gets its turn after so long: 5 ms is Python's own."""


def show(options: RunOptions, *, attach: bool, read_only: bool) -> int:
    """The app until it ends. A spawned engine starts while the screen library loads."""
    layout = layout_of(options.profile, options.state_dir)
    starting: Starting | None = None
    if attach:
        Client.open(layout, options.profile).close()
    else:
        make_state_folder(layout)
        found = find_or_spawn(options, layout)
        starting = found if isinstance(found, Starting) else None
    gc.disable()  # what is imported stays: a walk over it again and again only delays the first frame
    from console.app import make_app
    from console.memory import Kept
    from screens.ui import UiSettings

    kept = Kept(layout)
    memory = kept.memory

    def settings() -> UiSettings:
        chosen = read_ui(layout)
        return UiSettings(
            theme=chosen.theme,
            folder=str(config_path().parent / "themes"),
            saves=str(layout.root / "saved"),
            ascii=chosen.ascii,
            fps=chosen.fps,
            bell=chosen.bell,
            title=chosen.title,
            keymap=chosen.keymap,
            tour="tour" not in memory.told and os.environ.get("STABLECONSOLE_TOUR") != "off",
            profile=options.profile,
        )

    link = SocketLink(layout, options, starting=starting, read_only=read_only)
    app = make_app(link, settings(), memory=memory, save=kept.save)
    link.on_failure = app.exit
    # Until then it shows by what the last engine of this folder had read.
    link.on_engine = lambda: app.look_anew(settings())
    if not options.debug:
        # Textual prints a fault of the screen as a traceback; people get the one line of `cli.guarded`.
        setattr(app, "_print_error_renderables", lambda: None)  # noqa: B010 - no public way
    # What the imports made lives for ever: a collection that walks over it is a pause behind a key.
    gc.freeze()
    gc.set_threshold(*YOUNG)
    gc.enable()
    # What a key has changed is written by a thread of textual's: it must not wait for a step of a frame.
    sys.setswitchinterval(SWITCH_S)
    end_with(sys.stdin.fileno())
    app.run()
    fault: Exception | None = getattr(app, "_exception", None)
    if fault is not None:
        raise fault
    if link.failure is not None:
        raise link.failure
    return 0
