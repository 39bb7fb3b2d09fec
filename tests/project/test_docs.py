"""The documents say what is so: nothing generated is stale, and whatever they name is there."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys

import pytest
import yaml

from tap_invoices import counts
from tap_invoices.concurrency import spill_queue as queue
from tap_invoices.config import validation as validate
from tap_invoices.config.environment import Environment
from tap_invoices.counts import Counts
from tap_invoices.http import session as connection
from tap_invoices.providers import PROVIDERS
from tap_invoices.streams import bookmark as state
from tap_invoices.streams import failures
from tap_invoices.streams.children import ChildStream
from tap_invoices.tap import TapInvoices
from tools import docs

ROOT = docs.ROOT
PAGES = sorted({*docs.PAGES, *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")})
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
README = TEXTS["README.md"]
STREAMS = [stream for provider in PROVIDERS for stream in provider.streams]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SECTIONS = ["Credentials", "Streams", "How incremental works", "Oddities", "Deletes, voids, credit notes", "Not known"]
FIGURES = [
    ("README.md", f"(at most {state.MOST_FAILED})"),
    ("README.md", f"{'twenty' if failures.ALIKE == 20 else failures.ALIKE} failures alike"),
    ("README.md", f"{'sixteen' if len(STREAMS) == 16 else len(STREAMS)} endpoints"),
    ("README.md", f"{'Ten' if sum(issubclass(s, ChildStream) for s in STREAMS) == 10 else '?'} streams follow a list"),
    ("docs/architecture.md", f"{queue.MEMORY // counts.MEBIBYTE} MiB"),
    ("docs/matas.md", f"{connection.PAGE_LIMIT // counts.MEBIBYTE} MiB"),
]


def blocks(language):
    """The examples in a language: the page's name and the text of each."""
    return [(page, text) for page, whole in TEXTS.items() for kind, text in FENCE.findall(whole) if kind == language]


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", TEXTS[page]), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def all_settings():
    schema = json.loads(json.dumps(TapInvoices.config_jsonschema))
    TapInvoices.append_builtin_config(schema)
    return schema


def names_in(file):
    """The functions in a file of tests."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_nothing_generated_is_stale():
    done = subprocess.run(
        [sys.executable, "-m", "tools.docs", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stale_page_is_told(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- generated: streams covage -->\nold\n<!-- end -->\nb\n", encoding="utf-8")
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "PAGES", (page,))
    assert docs.main(["--check"]) == 1
    assert "old" in page.read_text(encoding="utf-8")
    assert docs.main([]) == 0
    assert "covage_invoices" in page.read_text(encoding="utf-8")
    assert docs.main(["--check"]) == 0


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", TEXTS[page])):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        assert not anchor or anchor in anchors(str(file.resolve().relative_to(ROOT))), target


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_every_provider_has_a_page_with_all_that_belongs_there(provider):
    text = TEXTS[f"docs/{provider.name}.md"]
    assert provider.docs in text
    assert [title for title in SECTIONS if f"\n## {title}\n" in text] == SECTIONS
    for stream in provider.streams:
        assert f"\n### {stream.name}\n" in text
        assert f"<!-- generated: fields {stream.name} -->" in text
    for setting in provider.settings:
        assert f"`{provider.name}.{setting.name}`" in text


def test_the_readme_has_every_stream_and_setting():
    for stream in STREAMS:
        assert f"[`{stream.name}`](docs/{stream.provider}.md#{stream.name})" in README
    for name, setting in all_settings()["properties"].items():
        inner = setting["properties"] if name in {"documents", *(p.name for p in PROVIDERS)} else {}
        for path in [f"{name}.{each}" for each in inner] or [name]:
            assert f"| `{path}` |" in README, path


def test_every_count_of_the_ledger_is_explained():
    for name in Counts("").to_dict():
        assert name == "stream" or re.search(rf"^\| .*`{name}`.* \|", README, re.MULTILINE), name


@pytest.mark.parametrize(("page", "text"), [*blocks("json"), *blocks("yaml")])
def test_settings_in_examples_are_valid(page, text):
    if text.startswith('{"type"') or '"bookmarks"' in text:  # what the tap writes
        return
    given = yaml.safe_load(text)
    if "plugins" in given:
        [plugin] = given["plugins"]["extractors"]
        given = {**plugin["config"], "covage": {**plugin["config"]["covage"], "password": "from the environment"}}
    assert validate.check(all_settings(), given, PROVIDERS)[0] == [], page


def test_settings_of_the_environment_are_valid(tmp_path, monkeypatch):
    [(_, text)] = blocks("ini")
    lines = [line.strip() for line in text.replace("…", "example.com").splitlines()]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    given, _ = Environment("TAP_INVOICES_").sources(all_settings())
    assert validate.check(all_settings(), given, PROVIDERS)[0] == []
    assert sum(line.startswith("TAP_INVOICES_") for line in lines) == len(given["covage"])
    loaders = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))["plugins"]["loaders"]
    [postgres] = [loader for loader in loaders if loader["name"] == "target-postgres"]
    known = {f"TARGET_POSTGRES_{setting['name'].upper()}" for setting in postgres["settings"]}
    assert {line.partition("=")[0] for line in lines if line.startswith("TARGET_")} <= known


def test_a_config_of_six_lines_is_enough():
    first = next(text for page, text in blocks("json") if page == "README.md")
    assert len(first.splitlines()) == 6


@pytest.mark.parametrize(("page", "figure"), FIGURES)
def test_figures_are_those_of_the_code(page, figure):
    assert figure in " ".join(TEXTS[page].split())


def test_every_test_that_is_named_is_there():
    named = [match for text in TEXTS.values() for match in re.findall(r"((?:providers/)?test_\w+\.py)::(\w+)", text)]
    assert named
    assert [f"{file}::{name}" for file, name in named if name not in names_in(file)] == []


def test_every_promise_has_a_test():
    rows = re.findall(r"^\| (?!---)(.+?) \| (.+) \|$", TEXTS["docs/reliability.md"], re.MULTILINE)
    assert len(rows) > 30
    assert [promise for promise, tests in rows if promise != "promise" and "::test_" not in tests] == []


def test_every_module_has_its_place_in_the_architecture():
    for path in (ROOT / "tap_invoices").iterdir():
        name = f"{path.name}/__init__.py" if path.is_dir() else path.name
        if name not in {"__init__.py", "py.typed", "schemas/__init__.py"} and "__pycache__" not in name:
            assert f"](../tap_invoices/{name})" in TEXTS["docs/architecture.md"], name


def test_every_target_of_make_that_is_named_is_there():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for text in TEXTS.values():
        assert set(re.findall(r"(?:\$ |`)make ([a-z-]+)", text)) <= set(targets)


@pytest.mark.parametrize("template", re.findall(r"`([\w/]*<provider>[\w./]*)`", TEXTS["CONTRIBUTING.md"]))
def test_every_provider_consists_of_what_contributing_says(template):
    for provider in PROVIDERS:
        assert (ROOT / template.replace("<provider>", provider.name)).exists(), provider.name
