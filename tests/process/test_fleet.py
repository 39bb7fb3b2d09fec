"""Many accounts in batches: whatever is lost is run again, and the exit code tells what came of all."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tap_invoices.fleet import accounts, cli, engines, pipe, states
from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support import forked
from tests.support.run import COMMAND, ROOT, environment, until

NAMES = [f"acct-{number}" for number in range(6)]
STREAM = "ibana_invoices"
LOADER = ROOT / "tests" / "support" / "loader.py"


@pytest.fixture(scope="module")
def box():
    with Sandbox(invoices=10, accounts=[*NAMES, "revoked"]) as served:
        served.now = NOW
        served.expire_tokens("ibana", "revoked")
        yield served


@pytest.fixture
def fleet(box, tmp_path, monkeypatch, capfd):
    return Fleet(box, tmp_path, monkeypatch, capfd)


class Fleet:
    """Runs the command in this process, one stream of it; its taps are forked, which is quicker."""

    def __init__(self, box, folder, monkeypatch, capfd):
        self.box, self.folder, self.capfd = box, folder, capfd
        self.taps = []
        start = pipe._started
        monkeypatch.setattr(pipe, "_IS_OVER", threading.Event())
        monkeypatch.setattr(pipe, "_started", lambda command, **given: self._started(start, command, given))

    def _started(self, start, command, given):
        if command[: len(COMMAND)] != COMMAND:
            return start(command, **given)
        self.settings = str(Path(f"/proc/self/fd/{given['stdin'].fileno()}").readlink())
        self.taps.append(forked.Process(command, process_group=0, **given))
        return self.taps[-1]

    def run(self, *options, fault="", names=NAMES, **settings):
        config = self.folder / "config.json"
        given = {**self.box.accounts_config("ibana", names=names), **settings}
        config.write_text(json.dumps(given), encoding="utf-8")
        target = shlex.join([sys.executable, str(LOADER), str(self.folder), fault])
        url = str(self.folder / "states")
        with pytest.raises(SystemExit) as ended:
            cli.main(["run", "--config", str(config), "--state-url", url, "--target", target, *options])
        self.told = self.capfd.readouterr().err
        return ended.value.code

    def rows(self):
        """How often each row came, by account."""
        path = self.folder / "rows" / STREAM
        lines = Counter(path.read_text(encoding="utf-8").splitlines()) if path.exists() else {}
        found = {}
        for line, times in lines.items():
            found.setdefault(line.split()[0], []).append(times)
        return found

    def is_whole(self, *names):
        rows = self.rows()
        return all(len(rows[name]) == 10 for name in names) and {f"ibana/{name}" for name in names} <= set(
            states.States(str(self.folder / "states")).accounts()
        )


def test_all_accounts_are_whole(fleet):
    assert fleet.run("--batch", "2", "--jobs", "2") == 0
    assert fleet.is_whole(*NAMES)
    assert len(fleet.taps) == 3
    assert "6 of 6 accounts are whole; " in fleet.told


@pytest.mark.parametrize("more", [{}, {"stream_maps": {"exsited_invoices": None}}], ids=str)
def test_all_accounts_are_whole_at_providers_of_which_not_all_streams_are_read(fleet, more):
    others = fleet.box.accounts_config("exsited", "i3dnet", names=NAMES[:1])
    assert fleet.run(names=NAMES[:1], **others, **more) == 0
    assert "3 of 3 accounts are whole; " in fleet.told


def test_the_first_batch_runs_alone_where_there_is_no_state_yet(fleet, monkeypatch):
    order = []
    submit = engines.ThreadPoolExecutor.submit

    def submitted(pool, function, job, batch):
        order.append(batch)
        future = submit(pool, function, job, batch)
        future.add_done_callback(lambda _: order.append("ended"))
        return future

    monkeypatch.setattr(engines.ThreadPoolExecutor, "submit", submitted)
    monkeypatch.setattr("tap_invoices.fleet.states._AT_ONCE", 1)
    monkeypatch.setattr(states.States, "read", lambda *_: ({}, {}))
    monkeypatch.setattr(states.States, "write", lambda *_: None)
    assert fleet.run("--batch", "2", "--jobs", "2") == 0
    assert order[1] == "ended"
    assert order.count("ended") == 3


def test_a_target_that_fails_once_costs_nothing(fleet):
    assert fleet.run("--batch", "3", fault="once") == 0
    assert fleet.is_whole(*NAMES)
    assert "lost a batch of 3 accounts, from ibana/acct-0 on: the target ended with exit code 1" in fleet.told


def test_a_target_that_always_fails_for_a_batch_does_not_hold_the_others(fleet, monkeypatch):
    monkeypatch.setenv("ACCOUNT", "acct-3")
    monkeypatch.setenv("LOADER_PASSWORD", "hush-hush")
    assert fleet.run("--batch", "3", fault="always") == 75
    assert fleet.is_whole(*NAMES[:3])
    assert fleet.told.count("lost a batch of 3") == 3
    assert "3 accounts were lost; run again: ibana/acct-3, ibana/acct-4, ibana/acct-5" in fleet.told
    assert "no room for *** at https://***@example.com" in fleet.told


def test_a_tap_that_is_killed_is_run_again(fleet):
    def kill(_request):
        if len(fleet.taps) == 1:
            fleet.taps[0].kill()

    fleet.box.on_request(kill)
    try:
        assert fleet.run("--batch", "6") == 0
    finally:
        fleet.box._callbacks.clear()
    assert fleet.is_whole(*NAMES)
    assert f"the tap ended with exit code -{int(signal.SIGKILL)}" in fleet.told


def test_a_revoked_account_is_an_outcome(fleet):
    assert fleet.run("--batch", "4", names=[*NAMES, "revoked"]) == 1
    assert fleet.is_whole(*NAMES)
    assert "6 of 7 accounts are whole" in fleet.told
    assert "ibana/revoked is not whole: ibana_invoices: 401 for GET /v1/invoice: not signed in" in fleet.told
    assert len(fleet.taps) == 2


def test_shards_may_be_other_ones_the_next_time(fleet):
    """What the settings say of a shard gives way to the command."""
    for part in range(2):
        assert fleet.run("--shard", f"{part}/2", shard="0/9") == 0
    first = fleet.rows()
    assert fleet.is_whole(*NAMES)
    for part in range(3):
        assert fleet.run("--shard", f"{part}/3") == 0
    again = fleet.rows()
    for name in NAMES:
        assert len(again[name]) == 10
        assert 1 <= sum(again[name]) - sum(first[name]) < 10  # those that are due again


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "it is not JSON"),
        (b'{"bookmarks": {"ibana_invoices": 5}}', "the state is not one that this tap has written"),
        (b'{"bookmarks": {"ibana_invoices": {"accounts": {"acct-1": {}}}}}', "it is of ibana/acct-1 too"),
    ],
)
def test_a_broken_state_file_is_that_accounts_alone(fleet, content, why):
    path = fleet.folder / "states" / "ibana" / "acct-0.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert fleet.run(names=NAMES[:2]) == 1
    assert f"ibana/acct-0 is not whole: its state file cannot be used, mend or remove it: {why}" in fleet.told
    assert list(fleet.rows()) == ["acct-1"]
    assert path.read_bytes() == content


def test_a_state_file_that_cannot_be_read_is_that_accounts_alone(fleet):
    (fleet.folder / "states" / "ibana" / "acct-0.json").mkdir(parents=True)
    assert fleet.run(names=NAMES[:2]) == 1
    assert "ibana/acct-0 is not whole: its state file cannot be read (Is a directory)" in fleet.told
    assert list(fleet.rows()) == ["acct-1"]


def test_a_provider_s_folder_that_cannot_be_written_is_told_before_anything_is_read(fleet):
    (fleet.folder / "states").mkdir()
    (fleet.folder / "states" / "ibana").touch()
    assert fleet.run() == 2
    assert "states cannot be kept" in fleet.told
    assert not fleet.taps


def test_a_ledger_that_cannot_be_written_is_told_of_each_account(fleet):
    assert fleet.run(names=NAMES[:2], ledger_url=str(fleet.folder)) == 1
    assert "ibana/acct-0 is not whole: " in fleet.told
    assert "ledger" in fleet.told
    assert fleet.is_whole(*NAMES[:2])
    assert len(fleet.taps) == 1


def test_secrets_of_another_shard_than_the_settings_name_are_masked(box):
    given = {**box.accounts_config("ibana", names=NAMES), "shard": "0/9"}
    tokens = {account["token"] for account in given["ibana"]["accounts"]}
    assert tokens <= accounts.secrets(json.dumps(given).encode(), [f"ibana/{name}" for name in NAMES])


def test_a_target_that_reads_nothing_is_told(fleet):
    assert fleet.run("--target", "true", names=NAMES[:1]) == 75
    assert "the target had left before it had read all" in fleet.told
    assert fleet.run("--target", "false", names=NAMES[:1]) == 75
    assert "the target ended with exit code 1: it said nothing" in fleet.told


def test_a_target_that_tells_no_state_is_told(fleet):
    silent = shlex.join([sys.executable, "-c", "import sys; print(len(sys.stdin.read()), 5, {}, sep='\\n')"])
    assert fleet.run("--target", silent, names=NAMES[:2]) == 1
    assert fleet.told.count("is not whole: the target has told no state, so that the next run reads all again") == 2


@pytest.mark.parametrize(
    "line",
    [
        '{"bookmarks": null}',
        '{"bookmarks": {"ibana_invoices": {"accounts": 5}}}',
        '{"bookmarks": {"invoices": {"accounts": {"../../evil": {}, "ibana/other": {}}}}}',
    ],
)
def test_a_line_of_the_target_that_is_no_state_of_these_accounts_is_passed_over(fleet, line):
    loader = shlex.join([sys.executable, str(LOADER), str(fleet.folder)])
    target = shlex.join(["/bin/sh", "-c", f"echo {shlex.quote(line)}; {loader}"])
    assert fleet.run("--target", target, names=NAMES[:1]) == 0, fleet.told
    assert fleet.is_whole(NAMES[0])
    assert [path.name for path in fleet.folder.rglob("*.json")] == ["config.json", "acct-0.json"]


@pytest.mark.parametrize("wrapper", [[], ["timeout", "900"], ["/bin/sh", "-c", '"$@"; :', "sh"]], ids=str)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_at_once(fleet, number, wrapper):
    """Taps, and targets that never would, are killed and waited for, with what is around them; no batch begins."""
    pid = fleet.folder / "pid"
    once = iter([number])

    def stop(_request):
        until(lambda: pid.exists() and pid.read_text())
        for each in once:
            os.kill(os.getpid(), each)

    fleet.box.on_request(stop)
    hangs = f"import os, pathlib, time; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(1000)"
    try:
        target = shlex.join([*wrapper, sys.executable, "-c", hangs])
        assert fleet.run("--batch", "2", "--target", target) == 128 + number
    finally:
        fleet.box._callbacks.clear()
    until(lambda: not Path("/proc", pid.read_text(), "exe").exists())
    assert f"stopped by {number.name}: what the target has taken is kept" in fleet.told
    assert [tap.poll() for tap in fleet.taps] == [-signal.SIGKILL]
    assert not list((fleet.folder / "rows").rglob("*"))


def test_the_sdks_settings_and_a_url_are_taken(fleet, tmp_path):
    """From a URL the settings go to the tap's stdin, and no copy of them to the disk."""
    Path(tmp_path, "config.json").touch()
    url = (tmp_path / "config.json").as_uri()
    maps = {STREAM: {"copied": "id"}}
    assert fleet.run("--config", url, names=NAMES[:1], stream_maps=maps) == 0, fleet.told
    assert fleet.is_whole(NAMES[0])
    assert not any(url in part or "config.json" in part for part in fleet.taps[0].args[:5])
    assert fleet.settings.startswith("/memfd:")


def test_an_account_that_the_ledger_does_not_know_is_lost(fleet, monkeypatch):
    monkeypatch.setattr(accounts, "streams", lambda _: {"ibana": {STREAM, "ibana_others"}})
    assert fleet.run() == 75
    assert "no word of ibana/acct-0, ibana/acct-1, ibana/acct-2" in fleet.told


def test_states_are_joined_and_split():
    one = {"bookmarks": {"ibana_invoices": {"version": 2, "accounts": {"a": {"x": 1}}}}}
    other = {"bookmarks": {"invoices": {"version": 2, "accounts": {"covage/a": {"x": 2}, "ibana/a": {"x": 3}}}}}
    whole = states.joined([one, other])
    assert whole == {"bookmarks": {**one["bookmarks"], **other["bookmarks"]}}
    parts = states.split(whole)
    assert sorted(parts) == ["covage/a", "ibana/a"]
    assert parts["ibana/a"]["bookmarks"]["invoices"]["accounts"] == {"ibana/a": {"x": 3}}
    assert states.joined(parts.values()) == whole


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--target", "no-such-target"], "no command 'no-such-target' is there"),
        (["--dask", "tcp://example.com:8786"], "is not on this machine: give --tls"),
        (["--dask", "tcp://example.com:8786", "--tls", "."], "with --tls it must begin with tls://"),
        (["--tls", "."], "--tls goes with --dask"),
        (["--dask", "tls://example.com:8786", "--tls", "."], "the folder of --tls lacks ca.pem, cert.pem, key.pem"),
        (["--shard", "3/3"], "`shard` must be a part and how many there are"),
        (["--shard", ""], "`shard` must be a part and how many there are"),
        (["--batch", "0"], "must be a number from 1 on"),
        (["--config", "no-such-file"], "the settings cannot be read (No such file"),
        (["--config", "/dev/null"], "the file given with --config is empty"),
        (["--state-url", "nowhere://b"], "states cannot be kept"),
        (["--state-url", "/dev/null/states"], "states cannot be kept (Not a directory)"),
        (["--state-url", ""], "--state-url is empty"),
        (["--target", "'"], "--target cannot be read"),
    ],
)
def test_usage_is_told_in_a_line(fleet, options, why):
    assert fleet.run(*options) == 2
    assert why in fleet.told
    assert "Traceback" not in fleet.told


def test_as_processes_with_no_secret_in_a_command_line_or_log(box, tmp_path):
    """The command as it is installed, with secrets in variables; tap and target end with it."""
    given = box.accounts_config("ibana", names=NAMES[:2])
    entries = given["ibana"]["accounts"]
    tokens = {f"TOKEN_{entry['name'].upper().replace('-', '_')}": entry.pop("token") for entry in entries}
    given["ibana"]["token_env"] = "TOKEN_{NAME}"
    Path(tmp_path, "config.json").write_text(json.dumps(given), encoding="utf-8")
    target = shlex.join([sys.executable, str(LOADER), str(tmp_path)])
    command = [sys.executable, "-m", "tap_invoices.fleet", "run", "--config", "config.json", "--state-url", "states"]
    seen = []

    def look(_request):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if b"tap_invoices" in (line := path.read_bytes()):
                    seen.append(line)
            except OSError:
                continue

    box.on_request(look)
    try:
        done = subprocess.run(  # noqa: S603
            [*command, "--target", target],
            cwd=tmp_path,
            env=environment(**tokens),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        box._callbacks.clear()
    assert done.returncode == 0, done.stderr
    assert "2 of 2 accounts are whole; " in done.stderr
    assert any(b"only_accounts" not in line and b"--state" in line for line in seen)
    everything = b"".join(seen) + done.stderr.encode() + done.stdout.encode()
    everything += b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert [token for token in tokens.values() if token.encode() in everything] == []
    assert not list(tmp_path.rglob("*.part"))


def test_accounts_are_listed_without_their_secrets(box, tmp_path, capsys):
    config = box.accounts_config("ibana", "covage", names=NAMES[:2])
    config["ibana"]["token_file"] = "/nowhere/{name}"
    for entry in config["ibana"]["accounts"]:
        del entry["token"]
    Path(tmp_path, "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(SystemExit, match="0"):
        cli.main(["list", "--config", str(tmp_path / "config.json")])
    assert capsys.readouterr().out == "covage/acct-0\ncovage/acct-1\nibana/acct-0\nibana/acct-1\n"
