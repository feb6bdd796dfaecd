"""A link without an engine: it has the views it is given and remembers what was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from screens.link import LINK, Answer, LinkState


class StubLink:
    def __init__(
        self,
        strip: object | None = None,
        desk: object | None = None,
        *,
        read_only: bool = False,
        state: LinkState = "connected",
    ) -> None:
        self.views: dict[str, object | None] = {"strip": strip, "desk": desk}
        self.sent: list[tuple[str, dict[str, str]]] = []
        self.read_only = read_only
        self.state: LinkState = state
        self.text = "engine starting" if state == "starting" else ""
        self.warning = ""
        self.quiet_s = self.stood_s = 0.0
        self.ages: dict[str, float] = {}
        self.answers: dict[str, Answer] = {}
        self.watched: tuple[str, ...] = ()
        self.started = False
        self.closed = False
        self._heard: list[Callable[[str], None]] = []

    def silence(self) -> float:
        return self.quiet_s

    def age(self, topic: str) -> float:
        return self.ages.get(topic, 0.0)

    def standing(self) -> float:
        return self.stood_s

    def view(self, topic: str) -> object | None:
        return self.views.get(topic)

    def listen(self, changed: Callable[[str], None]) -> Callable[[], None]:
        self._heard.append(changed)
        return lambda: self._heard.remove(changed)

    def watch(self, topics: tuple[str, ...], hz: float) -> None:
        self.watched = topics

    async def send(
        self, name: str, args: Mapping[str, str], progress: Callable[[str], None] | None = None
    ) -> Answer:
        self.sent.append((name, dict(args)))
        return self.answers.get(name, Answer(ok=True, text=f"{name} done"))

    def unheard(self, name: str) -> str:
        return f"; what is left of {name}"

    def start(self) -> None:
        self.started = True

    async def close(self) -> None:
        self.closed = True

    # what the engine would do

    def put(self, **views: object) -> None:
        self.views.update(views)
        for topic in views:
            self.tell(topic)

    def tell(self, topic: str = LINK) -> None:
        for changed in list(self._heard):
            changed(topic)
