"""The documents say what is so: nothing generated is stale, and whatever they name is there."""

from __future__ import annotations

import ast
import json
import re
from functools import cache

import pytest
import yaml

from tap_invoices import counts
from tap_invoices.concurrency import spill_queue as queue
from tap_invoices.config import validation as validate
from tap_invoices.config import values
from tap_invoices.config.environment import Environment
from tap_invoices.counts import Counts
from tap_invoices.http import session as connection
from tap_invoices.providers import PROVIDERS
from tap_invoices.streams import bookmark as state
from tap_invoices.streams import failures
from tap_invoices.streams.children import ChildStream
from tap_invoices.streams.unified import TABLES
from tap_invoices.tap import TapInvoices
from tools import docs, rooms

ROOT = docs.ROOT
PAGES = sorted({*docs.PAGES, *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")})
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
README = TEXTS["README.md"]
STREAMS = [stream for provider in PROVIDERS for stream in provider.streams]
CHILDREN = [stream for stream in STREAMS if issubclass(stream, ChildStream)]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SECTIONS = ["Credentials", "Streams", "How incremental works", "Oddities", "Deletes, voids, credit notes", "Not known"]
FIGURES = [
    ("docs/streams.md", f"(at most {state.MOST_FAILED})"),
    ("docs/streams.md", f"{'twenty' if failures.ALIKE == 20 else failures.ALIKE} failures alike"),
    ("README.md", f"{len(STREAMS) + len(TABLES)} streams"),
    ("docs/streams.md", f"{'Ten' if len(CHILDREN) == 10 else len(CHILDREN)} streams are children"),
    ("docs/architecture.md", f"{queue.MEMORY // counts.MEBIBYTE} MiB"),
    ("docs/providers/matas.md", f"{connection.PAGE_LIMIT // counts.MEBIBYTE} MiB"),
]


def blocks(language):
    """The examples in a language: the page's name and the text of each."""
    return [(page, text) for page, whole in TEXTS.items() for kind, text in FENCE.findall(whole) if kind == language]


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", TEXTS[page]), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page):
    """The files that a page links to, and the anchor in each."""
    for target in re.findall(r"\]\(([^)\s]+)(?: \"[^\"]*\")?\)", FENCE.sub("", TEXTS[page])):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield ((ROOT / page).parent / path if path else ROOT / page).resolve(), anchor


def reached_from(page):
    """The pages that links lead to, from this one on."""
    found, waiting = set(), [page]
    while waiting:
        names = {str(file.relative_to(ROOT)) for file, _ in links(waiting.pop()) if file.is_relative_to(ROOT)}
        waiting += sorted(names & TEXTS.keys() - found)
        found |= names
    return found


def all_settings():
    schema = json.loads(json.dumps(TapInvoices.config_jsonschema))
    TapInvoices.append_builtin_config(schema)
    return schema


@cache
def names_in(file):
    """The functions in a file of tests."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_nothing_generated_is_stale(capsys):
    assert (docs.main(["--check"]), capsys.readouterr().err) == (0, "")


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
    for file, anchor in links(page):
        assert file.exists(), file
        assert not anchor or anchor in anchors(str(file.relative_to(ROOT))), f"{file}#{anchor}"


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_every_provider_has_a_page_with_all_that_belongs_there(provider):
    text = TEXTS[f"docs/providers/{provider.name}.md"]
    assert provider.docs in text
    assert [title for title in SECTIONS if f"\n## {title}\n" in text] == SECTIONS
    for stream in provider.streams:
        assert f"\n### {stream.name}\n" in text
        assert f"<!-- generated: fields {stream.name} -->" in text
    for setting in provider.settings:
        assert f"`{provider.name}.{setting.name}`" in text


def test_every_stream_stands_in_the_table_of_streams():
    for stream in STREAMS:
        assert f"[`{stream.name}`](providers/{stream.provider}.md#{stream.name})" in TEXTS["docs/streams.md"]


def test_every_setting_is_described_in_one_place():
    lines = [line for text in TEXTS.values() for line in text.splitlines()]
    for name, setting in all_settings()["properties"].items():
        inner = setting["properties"] if name in {"documents", *(p.name for p in PROVIDERS)} else {}
        for path in [f"{name}.{each}" for each in inner] or [name]:
            assert sum(line.startswith(f"| `{path}` |") for line in lines) == 1, path


def test_the_readme_is_two_screens():
    assert len(README.splitlines()) <= 160


@pytest.mark.parametrize("page", [page for page in TEXTS if page.startswith("docs/")])
def test_every_page_can_be_reached_from_the_readme(page):
    assert page in reached_from("README.md")


def test_every_count_of_the_ledger_is_explained():
    page = TEXTS["docs/operations.md"]
    for name in Counts("").to_dict():
        assert name == "stream" or re.search(rf"^\| .*`{name}`.* \|", page, re.MULTILINE), name


@pytest.mark.parametrize(("page", "text"), [*blocks("json"), *blocks("yaml")])
def test_settings_in_examples_are_valid(page, text, tmp_path):
    if text.startswith('{"type"') or '"bookmarks"' in text:  # what the tap writes
        return
    given = yaml.safe_load(text)
    if "plugins" in given:
        [plugin] = given["plugins"]["extractors"]
        given = plugin["config"]
        if "password_env" not in given["covage"]:
            given["covage"]["password"] = "from the environment"
    if "accounts_url" in given.get("ibana", {}):
        for kind in ("csv", "jsonl"):
            [(_, accounts)] = blocks(kind)
            (tmp_path / f"accounts.{kind}").write_text(accounts, encoding="utf-8")
            given["ibana"]["accounts_url"] = str(tmp_path / f"accounts.{kind}")
            errors, entries = validate.check(all_settings(), given, PROVIDERS)
            assert (errors, [entry.name for entry in entries]) == ([], ["acme", "beta", "old-gmbh"])
    assert validate.check(all_settings(), given, PROVIDERS)[0] == [], page


def test_settings_of_the_environment_are_valid(tmp_path, monkeypatch):
    [(_, text)] = blocks("ini")
    lines = [line.strip() for line in text.replace("…", "example.com").splitlines()]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    dotenv, variables = Environment("TAP_INVOICES_").sources(all_settings())
    given = values.lay(PROVIDERS, (dotenv, variables))
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
    named = [
        ((ROOT / page).parent / file, name)
        for page, text in TEXTS.items()
        for file, name in re.findall(r'\]\(([^)\s]+test_\w+\.py) "(\w+)"\)', text)
    ]
    assert named
    assert [f"{file.name}::{name}" for file, name in named if name not in names_in(file)] == []


def test_every_promise_is_a_sentence_that_links_to_its_tests():
    page = TEXTS["docs/reliability.md"].partition("## What is not promised")[0]
    promises = re.findall(r"^- (.+)$", page, re.MULTILINE)
    link = re.compile(r'\[[^\]]+\]\(\.\./tests/\S+\.py "test_\w+"\) ?')
    assert len(promises) > 80
    assert [promise for promise in promises if link.sub("", promise)] == []


def test_every_room_has_its_layer_in_the_architecture():
    found = {path.parent.name for path in rooms.PACKAGE.glob("*/__init__.py")}
    found |= {path.stem for path in rooms.PACKAGE.glob("*.py")} - {"__init__"}
    assert sorted(name for layer in rooms.LAYERS for name in layer) == sorted(found)


def test_every_file_that_the_architecture_names_is_there():
    answers = TEXTS["docs/architecture.md"].partition("## Where is …")[2].partition("\n## ")[0]
    named = [name for name in re.findall(r"`([^`\s]+)`", answers) if "/" in name or name.endswith(".py")]
    paths = {name.replace("<provider>", provider.name) for name in named for provider in PROVIDERS}
    assert len(paths) > 20
    assert sorted(path for path in paths if not (rooms.PACKAGE / path).exists()) == []


def test_files_are_short():
    lines = {path: len(path.read_bytes().splitlines()) for path in rooms.PACKAGE.rglob("*.py")}
    most = {path: 200 if path.is_relative_to(rooms.PACKAGE / "providers") else 250 for path in lines}
    assert {str(path): count for path, count in lines.items() if count > most[path]} == {}


def test_every_target_of_make_that_is_named_is_there():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for text in TEXTS.values():
        assert set(re.findall(r"(?:\$ |`)make ([a-z-]+)", text)) <= set(targets)


@pytest.mark.parametrize("template", re.findall(r"`([\w/]*<provider>[\w./]*)`", TEXTS["CONTRIBUTING.md"]))
def test_every_provider_consists_of_what_contributing_says(template):
    for provider in PROVIDERS:
        assert (ROOT / template.replace("<provider>", provider.name)).exists(), provider.name
