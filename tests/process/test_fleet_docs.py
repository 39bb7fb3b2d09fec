"""The commands of docs/scale.md do what they say, as they stand there."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
import yaml

from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support.run import ROOT, environment
from tests.support.targets import TARGET_JSONL

DASK = ROOT / ".venv-dask" / "bin"
PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
NAMES = ["acme", "beta"]
HERE = {
    "cd /srv/invoices": "cd .",
    "s3://bucket/": "",
    "/srv/tls": ".",
    "/srv/": "",
    "/conf/": "",
    "target-postgres --config pg.json": "target-jsonl --config target.json",
    "//scheduler:": "//localhost:",
    "$(JOB_COMPLETION_INDEX)": "2",
    "$SHARD": "2",
}
"""Where things are that the page has elsewhere; the third of four shards has one account."""


def blocks(language):
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found, language
    return found


def kubernetes():
    [container] = yaml.safe_load(blocks("yml")[0])["spec"]["template"]["spec"]["containers"]
    return " ".join(f'"{each}"' for each in (*container["command"], *container["args"]))


def airflow():
    named = (node for node in ast.walk(ast.parse(blocks("python")[0])) if isinstance(node, ast.keyword))
    return next(ast.literal_eval(node.value) for node in named if node.arg == "bash_command")


def crontab():
    lines = [line for line in blocks("crontab")[0].splitlines() if not line.startswith("#")]
    return "\n".join(line.split(maxsplit=5)[5] for line in lines)


def cluster(block):
    """The commands of a cluster, whose scheduler and workers are left running; they are installed already."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lines = block.replace("8786", str(port)).splitlines()
    return "\n".join(re.sub("^(dask .*?)( &)?$", r"\1 &", line) for line in lines if not line.startswith("pip "))


def run(folder, command, programs, **variables):
    """Run a command in a shell, and end what it leaves running; returns its exit code, and what was said."""
    for there, here in HERE.items():
        command = command.replace(there, here)
    path = os.pathsep.join([str(programs), str(TARGET_JSONL.parent), os.environ["PATH"]])
    with Path(folder, "said").open("w+", encoding="utf-8") as said:
        shell = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-ec", command],
            cwd=folder,
            env=environment(PATH=path, **variables),
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            code = shell.wait(timeout=240)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
        said.seek(0)
        return code, said.read()


@pytest.fixture
def folder(tmp_path):
    """The files that the page speaks of, but for the settings."""
    Path(tmp_path, "target.json").write_text('{"destination_path": "output"}', encoding="utf-8")
    authority = trustme.CA()
    own = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "names"),
    [
        *(
            pytest.param(block, NAMES, id=name)
            for name, block in zip(("one", "jobs", "xargs"), blocks("sh"), strict=True)
        ),
        pytest.param(crontab(), NAMES, id="cron"),
        *(pytest.param(block, NAMES, id=f"dask-{number}") for number, block in enumerate(blocks("shell"))),
        pytest.param(kubernetes(), NAMES[1:], id="kubernetes"),
        pytest.param(airflow(), NAMES[1:], id="airflow"),
    ],
)
def test_commands_run_as_they_stand(folder, command, names):
    with Sandbox(invoices=5, accounts=NAMES) as box:
        box.now = NOW
        entries = box.accounts_config("ibana")["ibana"]
        config = json.loads(blocks("json")[0])
        config["ibana"]["api_url"] = entries["api_url"]
        Path(folder, "config.json").write_text(json.dumps(config), encoding="utf-8")
        tokens = {f"IBANA_{entry['name'].upper()}_TOKEN": entry["token"] for entry in entries["accounts"]}
        if "--dask" in command:
            code, said = run(folder, cluster(command), DASK, **tokens)
        else:
            code, said = run(folder, command, Path(sys.executable).parent, **tokens)
    assert code == 0, said
    rows = "".join(
        file.read_text(encoding="utf-8") for file in folder.glob("output/ibana_invoices*.jsonl")
    ).splitlines()
    assert sorted(json.loads(row)["source_account"] for row in rows) == [name for name in names for _ in range(5)]
    for joined in folder.glob("joined.json"):
        state = json.loads(joined.read_text(encoding="utf-8"))
        assert sorted(state["bookmarks"]["ibana_invoices"]["accounts"]) == NAMES
