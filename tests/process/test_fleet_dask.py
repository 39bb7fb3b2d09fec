"""Many accounts on the workers of a Dask cluster, of which one is killed in the middle."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tap_invoices.fleet.states import States
from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support.postgres import Postgres
from tests.support.run import ROOT, environment, until
from tests.support.targets import TARGETS

DASK = ROOT / ".venv-dask" / "bin"
NAMES = [f"acct-{number}" for number in range(20)]
INVOICES = 10
BATCH = 4

pytestmark = pytest.mark.slow


class Cluster:
    """A scheduler and workers on this machine; only workers have the secrets."""

    def __init__(self, folder, secrets):
        self.folder, self.logs = folder, []
        self._stack = ExitStack()
        self._file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        until(self._is_up)
        self.address = json.loads(self._file.read_text(encoding="utf-8"))["address"]
        options = ("--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--no-nanny")
        options += ("--local-directory", str(folder))
        self.workers = [self._start("worker", *options, **secrets) for _ in range(2)]

    def _is_up(self):
        with suppress(OSError, ValueError):
            return bool(json.loads(self._file.read_text(encoding="utf-8")))
        return False

    def _start(self, kind, *options, **variables):
        log = self._stack.enter_context((self.folder / f"{kind}-{len(self.logs)}.log").open("wb"))
        self.logs.append(Path(log.name))
        command = [str(DASK / "python"), "-m", "distributed.cli.dask_" + kind, "--scheduler-file", str(self._file)]
        process = subprocess.Popen(  # noqa: S603
            [*command, *options], cwd=self.folder, env=environment(**variables), stdout=log, stderr=log
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()


def memory(pid):
    """All that a process can write to, which is all that it has been given."""
    with Path(f"/proc/{pid}/mem").open("rb") as file:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            if "rw" in line.split()[1]:
                with suppress(OSError, OverflowError, ValueError):
                    file.seek(start)
                    yield file.read(end - start)


def children(folder):
    """The taps and targets that read their settings in a folder."""
    files = [str(folder / name).encode() for name in ("config.json", "target.json")]
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (path / "cmdline").read_bytes()
            if any(file in line for file in files):
                found.append(int(path.name))
    return found


def test_a_worker_that_is_killed_costs_nothing(tmp_path):
    with Sandbox(invoices=INVOICES, accounts=[*NAMES, "revoked"], latency=0.2) as box, Postgres() as postgres:
        box.now = NOW
        box.expire_tokens("ibana", "revoked")
        config = box.accounts_config("ibana")
        secrets = {}
        for entry in config["ibana"]["accounts"]:
            secrets["TOKEN_" + entry["name"].upper().replace("-", "_")] = entry.pop("token")
        config["ibana"]["token_env"] = "TOKEN_{NAME}"
        Path(tmp_path, "config.json").write_text(json.dumps(config), encoding="utf-8")
        server = {name: getattr(postgres, name) for name in ("host", "port", "user", "database")}
        settings = {**server, "password": "is-not-asked-for", "default_target_schema": "fleet"}
        Path(tmp_path, "target.json").write_text(json.dumps(settings), encoding="utf-8")
        target = shlex.join([str(TARGETS / "target-postgres"), "--config", str(tmp_path / "target.json")])
        with Cluster(tmp_path, secrets) as cluster:
            command = [str(DASK / "python"), "-m", "tap_invoices.fleet", "run", "--config", "config.json"]
            command += ["--state-url", "states", "--target", target, "--batch", str(BATCH), "--dask", cluster.address]
            with subprocess.Popen(  # noqa: S603
                command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
            ) as run:
                until(lambda: len({request.account for request in box.requests}) > 10 or run.poll() is not None)
                assert run.poll() is None, run.stderr.read()
                cluster.workers[0].kill()
                told = run.communicate(timeout=300)[1]
            assert run.returncode == 1, told
            until(lambda: not children(tmp_path))
            held = b"".join(memory(cluster.scheduler.pid))
            logs = b"".join(log.read_bytes() for log in cluster.logs) + told.encode()
        asked = Counter(request.account for request in box.requests)
        assert sum(times > 1 for times in asked.values()) <= 2 * BATCH
        assert f"{len(NAMES)} of {len(NAMES) + 1} accounts are whole" in told
        assert "ibana/revoked is not whole" in told
        counts = "source_account, count(*) AS rows, count(DISTINCT id) AS ids"
        rows = postgres.rows(f"SELECT {counts} FROM fleet.ibana_invoices GROUP BY 1")  # noqa: S608
        held_rows = {row["source_account"]: (row["rows"], row["ids"]) for row in rows}
        assert held_rows == dict.fromkeys(NAMES, (INVOICES, INVOICES))
        assert States(str(tmp_path / "states")).accounts() == sorted(f"ibana/{name}" for name in NAMES)
        assert b"acct-7" in held
        for secret in secrets.values():
            assert secret.encode() not in held
            assert secret.encode() not in logs
