"""The commands of docs/scale.md do what they say, as they stand there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support.run import ROOT, environment
from tests.support.targets import TARGET_JSONL

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
NAMES = ["acme", "beta"]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def kubernetes():
    """The command of the Job, with its index and where its files are here."""
    [container] = yaml.safe_load(blocks("yml")[0])["spec"]["template"]["spec"]["containers"]
    replaced = {"/conf/config.json": "config.json", "s3://bucket/states": "states"}
    arguments = [replaced.get(each, each).replace("$(JOB_COMPLETION_INDEX)", "2") for each in container["args"]]
    target = arguments.index("--target") + 1
    arguments[target] = "target-jsonl --config target.json"
    return shlex.join([*container["command"], *arguments])


@pytest.mark.slow
@pytest.mark.parametrize("command", [*blocks("sh"), kubernetes()], ids=["one", "jobs", "cron", "kubernetes"])
def test_commands_run_as_they_stand(tmp_path, command):
    with Sandbox(invoices=5, accounts=NAMES) as box:
        box.now = NOW
        entries = box.accounts_config("ibana")["ibana"]
        config = json.loads(blocks("json")[0])
        config["ibana"]["api_url"] = entries["api_url"]
        Path(tmp_path, "config.json").write_text(json.dumps(config), encoding="utf-8")
        Path(tmp_path, "target.json").write_text('{"destination_path": "out"}', encoding="utf-8")
        Path(tmp_path, "out").mkdir()
        tokens = {f"IBANA_{entry['name'].upper()}_TOKEN": entry["token"] for entry in entries["accounts"]}
        path = os.pathsep.join([str(Path(sys.executable).parent), str(TARGET_JSONL.parent), os.environ["PATH"]])
        done = subprocess.run(  # noqa: S603
            ["/bin/sh", "-ec", command],
            cwd=tmp_path,
            env=environment(PATH=path, **tokens),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    files = Path(tmp_path, "out").glob("ibana_invoices*.jsonl")
    rows = "".join(file.read_text(encoding="utf-8") for file in files).splitlines()
    accounts = [json.loads(row)["source_account"] for row in rows]
    assert sorted(accounts) == [name for name in (["beta"] if "--shard 2/4" in command else NAMES) for _ in range(5)]
    for joined in tmp_path.glob("joined.json"):
        state = json.loads(joined.read_text(encoding="utf-8"))
        assert sorted(state["bookmarks"]["ibana_invoices"]["accounts"]) == NAMES
