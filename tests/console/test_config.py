"""`config init|show|check|path` and the folders of a user."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from console import cli, config, paths
from services import engine
from services.domain.records import OverrideRecord
from services.drive.configuration import load_settings, write_ui
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.options import RunOptions
from services.settings.errors import SettingsError
from services.settings.layout import StateLayout, accounts_folder, config_file, state_root
from services.settings.ui import UiSettings
from services.store.writer import StoreWriter
from services.workers import machine
from tests.store.builders import new_store


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it would lie; no test finds the folder there."""
    (tmp_path / "config").mkdir()
    monkeypatch.delenv("STABLECONSOLE_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "stableconsole" / "config.toml"


def test_init_writes_a_file_that_is_valid_and_never_over_another(file: Path) -> None:
    assert str(file) in config.init()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "profile sim: valid, 6 values from the file" in config.check()
    file.write_text("# mine\n")
    with pytest.raises(ProductError, match="exists already"):
        config.init()
    assert file.read_text() == "# mine\n"


def test_the_sample_gives_the_defaults(file: Path) -> None:
    config.init()
    assert all(entry.value == entry.default for entry in config.entries("sim"))


def test_the_samples_own_keys_are_such_as_may_be(file: Path) -> None:
    """Its `sort = "o"` was refused as soon as it was no comment: `o` opens the ticket."""
    config.init()
    text = file.read_text().replace("# [ui.keymap]\n# ", "[ui.keymap]\n")
    assert "\n[ui.keymap]\nsort = " in text
    file.write_text(text)
    assert "valid" in config.check()


def test_show_names_value_origin_and_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.mkdir()
    file.write_text("[profiles.sim.limits]\nmax_order_notional = 20000\n")
    monkeypatch.setenv("STABLECONSOLE_BREAKER__DAILY", "4%")
    text = config.show("sim", overrides={"gate.min_equity": "2000"})
    lines = {line.split()[0]: line for line in text.splitlines() if line}
    assert lines["gate.max_order_notional"].endswith("20000 USD  file (default 25000 USD)")
    assert lines["breaker.daily"].endswith("4%  environment (default 5%)")
    assert lines["gate.min_equity"].endswith("2000 USD  override (default 1000 USD)")
    assert lines["breaker.rolling"].endswith("5%")
    assert str(file) in text
    below = text.splitlines()[text.splitlines().index(lines["gate.min_equity"]) + 1]
    assert below == "    USD: below this equity nothing is entered."


def test_show_counts_what_commands_have_set_in_the_store(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`:set` held in the engine, and `config show` said the default."""
    shown = ["config", "show", "--state-dir", str(tmp_path)]
    assert cli.main(shown) == Exit.DONE
    store = tmp_path / "store.sqlite"
    assert f"store {store}  0 overrides by :set and :limit\n" in capsys.readouterr().out
    writer = StoreWriter(new_store(tmp_path), watch_slow=False)
    writer.start()
    writer.record(OverrideRecord(ts=1, key="gate.min_equity", value="2000", origin="ui", reason="r"))
    assert writer.close()
    assert cli.main(shown) == Exit.DONE
    text = capsys.readouterr().out
    assert f"store {store}  1 override by :set and :limit, :unset KEY takes one back\n" in text
    assert "2000 USD  override (default 1000 USD)" in text
    assert cli.main([*shown, "--json"]) == Exit.DONE
    rows = {row["key"]: row for row in json.loads(capsys.readouterr().out)["parameters"]}
    assert (rows["gate.min_equity"]["value"], rows["gate.min_equity"]["origin"]) == ("2000 USD", "override")
    store.write_bytes(b"no store")
    assert cli.main(shown) == Exit.DONE
    assert "overrides by :set and :limit are not known" in capsys.readouterr().out
    assert cli.main([*shown, "--json"]) == Exit.FAILED


def test_show_without_a_file_shows_the_defaults(file: Path) -> None:
    assert len(config.show("sim").splitlines()) > 140
    assert "there is none" in config.check()


def test_check_tells_where_a_running_engine_differs(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("[profiles.sim.limits]\nmax_order_notional = 20000\n")
    text = config.check(
        running={"sim": {"gate.max_order_notional": "25000 USD", "gate.min_equity": "1000 USD"}}
    )
    assert "gate.max_order_notional: the running engine has 25000 USD, the file gives 20000 USD" in text
    assert "gate.min_equity: the running" not in text
    assert "gate.max_initial_usage: the running engine does not have it" in text
    same = {entry.key: entry.value for entry in config.entries("sim")}
    assert "  the running engine has the same values" in config.check(running={"sim": same})
    assert "  no engine runs" in config.check(running={})
    assert "  not compared: engine PID 7 does not answer" in config.check(
        running={"sim": "engine PID 7 does not answer"}
    )


def test_without_a_file_the_defaults_are_compared(file: Path) -> None:
    same = {entry.key: entry.value for entry in config.entries("sim")}
    assert "the running engine has the same values" in config.check(running={"sim": same})
    text = config.check(running={"sim": same | {"breaker.daily": "4%"}})
    assert "there is none" in text
    assert "breaker.daily: the running engine has 4%, the file gives 5%" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[profiles.sim\n", ":1: the file: expected valid TOML"),
        ("[profiles.sim]\n\ncolour = 1\n", ":3: profiles.sim.colour = 1: expected"),
        ("[profiles.paper.ladder]\ncut = 0.1\n", ":2: ladder.reducing = 0.60: expected less than ladder.cut"),
        ("[ui]\nfps = 0\n", ":2: ui.fps = 0: expected auto"),
    ],
)
def test_check_refuses_in_one_line_with_exit_2(file: Path, text: str, said: str) -> None:
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(ProductError) as caught:
        config.check()
    assert str(file) + said in caught.value.text
    assert "\n" not in caught.value.text
    assert caught.value.exit == 2


def test_a_file_that_is_no_text_is_refused(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProductError, match="not UTF-8"):
        config.check()
    with pytest.raises(SettingsError, match="readable text"):
        load_settings("sim", file)


def test_a_file_that_the_environment_names_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its limits may be tighter than the defaults: a typing error in its name must not start without them."""
    named = tmp_path / "tight.toml"
    monkeypatch.setenv("STABLECONSOLE_CONFIG", str(named))
    state = tmp_path / "state"
    for reading in (
        config.check,
        lambda: engine.doctor(StateLayout(state), "sim"),
        lambda: engine.run(RunOptions(state_dir=str(state))),
    ):
        with pytest.raises(ProductError, match="for STABLECONSOLE_CONFIG names it") as caught:
            reading()
        assert str(named) in caught.value.text
        assert "\n" not in caught.value.text
        assert caught.value.exit == 2
    assert not state.exists()
    state.mkdir()
    assert engine.end_engine(StateLayout(state), "sim"), "a flatten past the engine needs no file"
    assert config.init() == f"wrote {named}"
    assert "valid" in config.check()


def test_the_engine_reads_the_same_file(file: Path) -> None:
    assert load_settings("sim", file)[1] == UiSettings()
    file.parent.mkdir()
    file.write_text('[profiles.sim.limits]\nmax_order_notional = 20000\n[ui]\ntheme = "light"\n')
    found, ui = load_settings("sim", file, environ={})
    assert (found.settings.gate.max_order_notional, found.origins) == (
        20_000,
        {"gate.max_order_notional": "file"},
    )
    assert ui.theme == "light"
    file.write_text("[ui]\nfps = 99\n")
    with pytest.raises(SettingsError, match=r"config\.toml:2: ui\.fps"):
        load_settings("sim", file)


def test_folders_follow_the_users_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert state_root("sim", None) == tmp_path / "state" / "stableconsole" / "sim"
    assert accounts_folder() == tmp_path / "state" / "stableconsole" / "accounts"
    assert config_file({}) == tmp_path / "config" / "stableconsole" / "config.toml"
    assert config_file({"STABLECONSOLE_CONFIG": "/x/y.toml"}) == Path("/x/y.toml")
    monkeypatch.chdir(tmp_path)
    assert state_root("sim", "here") == tmp_path / "here"


def test_the_state_folder_is_private(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path / "a" / "b")
    paths.make_state_folder(layout)
    assert layout.root.stat().st_mode & 0o777 == 0o700
    layout.root.chmod(0o755)
    paths.make_state_folder(layout)
    assert layout.root.stat().st_mode & 0o777 == 0o700


def test_a_state_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProductError, match="--state-dir"):
        paths.make_state_folder(StateLayout(tmp_path / "file" / "below"))


def test_a_read_only_state_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ProductError, match="cannot be written"):
        paths.make_state_folder(StateLayout(tmp_path))


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ProductError, match="another user"):
        paths.make_state_folder(StateLayout(tmp_path))


def test_a_console_reads_what_the_engine_wrote(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path)
    assert paths.read_ui(layout) == UiSettings()
    ui = UiSettings(theme="light", fps=4, keymap={"halt": "K"})
    write_ui(layout, ui)
    assert paths.read_ui(layout) == ui
    assert [each.name for each in tmp_path.iterdir()] == ["ui.json"]
    layout.ui.write_text("{")
    assert paths.read_ui(layout) == UiSettings()


def test_a_venue_is_shown_with_its_key_and_without_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[profiles.sock]\nmode = "sim"\n[profiles.sock.venue.alpha]\nkind = "ftx"\nextensions = true\n'
        'rest = "http://127.0.0.1:8300"\nstream = "ws://127.0.0.1:8300/ws/"\nkey = "trader"\n'
    )
    monkeypatch.setenv("STABLECONSOLE_SECRET_ALPHA", "hush-hush")
    shown = config.show("sock", file)
    assert "venue alpha  ftx http://127.0.0.1:8300  key trader, STABLECONSOLE_SECRET_ALPHA set" in shown
    assert "hush" not in shown


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("profiles = 3", "profiles = 3: expected tables"),
        ("[profiles.sim.engine]\nheartbeat_s = 0", "heartbeat_s"),
        ("[profiles.sim.engine]\nstrategy_call_ms = 0", "strategy_call_ms"),
        ("[profiles.sim.engine]\nintent_timeout_ms = 0", "intent_timeout_ms"),
    ],
)
def test_what_no_engine_could_live_with_is_refused_in_one_line(file: Path, text: str, told: str) -> None:
    file.parent.mkdir()
    file.write_text(text + "\n")
    with pytest.raises(ProductError, match=told) as caught:
        config.check()
    assert caught.value.exit == 2
    with pytest.raises(ProductError, match=told):
        config.profiles("sim")


def test_doctor_says_in_a_table_and_by_its_status_what_would_stop_trading(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = machine._sync
    # The disk of a busy machine may be slow.
    monkeypatch.setattr(machine, "_sync", lambda root, limit_s: sync(root, limit_s, lambda: 0.0))
    folder = str(tmp_path / "state")
    file.parent.mkdir()
    file.write_text('[profiles.away]\nmode = "paper"\n')
    assert cli.main(["doctor", "--profile", "sim", "--state-dir", folder]) == Exit.DONE
    assert capsys.readouterr().out.rstrip().endswith("profile sim, mode sim: nothing would stop trading")
    assert cli.main(["doctor", "--profile", "away", "--state-dir", folder]) == Exit.FAILED
    *rows, last = capsys.readouterr().out.rstrip().splitlines()
    assert last == "profile away, mode paper: 1 would stop trading"
    (wrong,) = [row for row in rows if row.startswith("✗ STOP")]
    assert wrong.endswith("mode paper and no venue  → name each in a table [profiles.away.venue.NAME]")
    assert cli.main(["doctor", "--profile", "away", "--state-dir", folder, "--json"]) == Exit.FAILED
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["ok"], told["mode"]) == (1, False, "paper")
    assert [row["check"] for row in told["findings"] if row["verdict"] == "stop"] == ["venues"]
    assert {"state folder", "disk space", "disk sync", "store", "terminal"} <= {
        row["check"] for row in told["findings"]
    }
