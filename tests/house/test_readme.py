"""The front page and the pages beside it: what they name exists, and nothing of one developer's machine."""

from __future__ import annotations

import asyncio
import re
import subprocess
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

from services.protocol.commands import SPECS
from tests.screens.export import SHOTS, svg

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PICTURES_MOST = 3_000_000
"""Bytes of all committed pictures."""

BESIDE_SPECS = {
    "doctor",
    "report",
    "health",
    "sim",
    "run",
    "attach",
    "replay",
    "version",
    "audit",
    "why",
    "store",
    "config",
    "FLAGS",
}
"""Shell words that are no command of the desk."""


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(text_of(page)):
        if not target.startswith(("http", "#")):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


def test_readme_leads_to_every_page() -> None:
    linked = {target.partition("#")[0] for page in PAGES for target in LINK.findall(text_of(page))}
    for page in sorted((ROOT / "docs").glob("*.md")):
        assert page.name in {Path(target).name for target in linked}, page.name


def test_two_commands_stand_alone_on_their_lines() -> None:
    lines = text_of(ROOT / "README.md").splitlines()
    assert "make run" in lines
    assert "make test" in lines
    assert "make test" in text_of(ROOT / ".ci" / "run").splitlines()


def test_make_commands_of_the_readme_are_targets() -> None:
    named = set(re.findall(r"^make (\w+)$", text_of(ROOT / "README.md"), re.MULTILINE))
    assert len(named) >= 5
    makefile = text_of(ROOT / "Makefile")
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_commands_in_the_pages_exist() -> None:
    known = {spec.name.split()[0] for spec in SPECS if spec.shell} | BESIDE_SPECS
    found: set[str] = set()
    for page in PAGES:
        for code in re.findall(r"`stableconsole ([A-Za-z]+)", text_of(page)):
            found.add(code)
            assert code in known, f"{page.name}: stableconsole {code}"
    assert len(found) >= 12


def test_figures_of_recorded_history_are_those_of_its_page() -> None:
    """Bug A9: no figure without its measurement.
    The front page says what was measured, and says it again when it is measured again.
    """
    page = text_of(ROOT / "docs" / "recorded-history.md").replace(",", "")
    section = text_of(ROOT / "README.md").partition("## Recorded history")[2].partition("\n## ")[0]
    section = section.replace(",", "").replace(" %", "%")
    measured = re.search(r"net after costs USD\*\* \| \*\*([\d.-]+)\*\* \| \*\*([\d.-]+)\*\*", page)
    yearly = re.search(r"a year of [^|]* accounts \| \*\*([\d.-]+%)\*\* \| \*\*([\d.-]+%)\*\*", page)
    trades = re.search(r"trades \(closed pairs\) \| (\d+) \| (\d+)", page)
    assert measured
    assert yearly
    assert trades
    for many, net, share in zip(trades.groups(), measured.groups(), yearly.groups(), strict=True):
        assert f"| {many} | {net} USD | {share} |" in section
    assert re.search(r"Pairs entered: \*\*0\*\*", page)
    assert "| 0 | 0.00 USD | 0% |" in section


def test_pictures_are_those_of_the_exporter_shown_and_small() -> None:
    there = {path.name for path in (ROOT / "docs" / "screens").iterdir()}
    assert there == {f"{name}.svg" for name in SHOTS}
    shown = {Path(target).name for target in LINK.findall(text_of(ROOT / "README.md"))}
    assert there <= shown
    pictures = [ROOT / "docs" / "screens" / name for name in sorted(there)]
    assert sum(path.stat().st_size for path in pictures) < PICTURES_MOST
    for path in pictures:
        root = ET.fromstring(text_of(path))
        assert root.tag.endswith("svg")
        assert len(list(root.iter())) > 100, f"{path.name} is nearly empty"


@pytest.mark.parametrize("name", ["flatten-dark-120x40", "halted-dark-120x40", "depeg-dark-200x60"])
def test_the_pictures_show_the_console_as_it_draws_today(name: str) -> None:
    """Of each kept moment one: what is drawn otherwise since is drawn again by `make screens`."""
    drawn = asyncio.run(svg(SHOTS[name]))
    assert drawn == text_of(ROOT / "docs" / "screens" / f"{name}.svg"), "make screens, and look at them"


def test_a_picture_comes_at_once_and_before_the_commands() -> None:
    readme = text_of(ROOT / "README.md")
    order = [readme.index("![The Desk"), readme.index("\nmake run\n"), readme.index("\nmake test\n")]
    assert all(first < second for first, second in pairwise(order))
    assert order[0] < 1_500


def test_nothing_tells_whose_machine_this_was_written_on() -> None:
    """No absolute path of a developer, no registry of one network, no proxy."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    files = [ROOT / name for name in listed.stdout.split("\0") if name] or [
        path
        for top in ("console", "screens", "services", "themes", "tests", "docs", ".ci")
        for path in (ROOT / top).rglob("*")
    ]
    assert len(files) >= 200
    # A pattern that begins with a plain sign takes a fiftieth of the time; what stands before it comes after.
    personal = re.compile(r"/(?:(?:home|Users)/(?!ann/)\w+/\w|root/|work/\w|opt/\w)")
    hosts = ("index-url", "extra-index", "trusted-host", "proxy.golang", "pypi.org", "artifactory", "nexus")
    for path in files:
        if not path.is_file() or path == Path(__file__).resolve():
            continue
        try:
            text = text_of(path)
        except UnicodeDecodeError:
            continue
        lower = text.lower()
        found = [
            *(
                each[0]
                for each in personal.finditer(text)
                if not re.match(r"[\w.]", text[max(0, each.start() - 1) :])
            ),
            *(host for host in hosts if host in lower),
        ]
        assert not found, f"{path.relative_to(ROOT)}: {found}"
