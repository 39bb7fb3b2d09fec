"""Writes the Meltano Hub's definition of the tap, and the settings in ``meltano.yml``: ``python -m tools.hub``.

The Hub's own generator takes each setting with "id" or "key" in its name for a password, ``client_id`` and all that is
called a provider among them, and gives nested settings their defaults; this one goes by what the tap says of itself.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tap_invoices.airbyte.spec import label
from tap_invoices.config.settings import holds_secrets
from tap_invoices.providers import PROVIDERS
from tap_invoices.streams.unified import TABLES
from tools.tables import name_of

ROOT = Path(__file__).resolve().parent.parent
HUB = ROOT / "hub"
PROJECT = ROOT / "meltano.yml"
NAME = "tap-invoices"
REPOSITORY: str = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]["Repository"]
OWNER_URL, OWNER = REPOSITORY.rsplit("/", 1)[0], REPOSITORY.split("/")[-2]
"""Whose it is: the Hub calls a variant so."""

_LOGO = "assets/logos/extractors/invoices.svg"
_KINDS = {"start_date": "date_iso8601", "ca_bundle": "file", "requests_per_second": "integer"}
_SETTINGS = re.compile(
    r"(?P<open> +settings: # generated[^\n]*\n).*?(?P<close> +settings_group_validation:)", re.DOTALL
)
_STREAMS = (*(stream for provider in PROVIDERS for stream in provider.streams), *TABLES)
_TITLES = {provider.name: provider.title for provider in PROVIDERS}
_OPEN = ("stream_maps", "faker_config")
"""Objects whose fields no form can list."""


def files() -> dict[Path, str]:
    """Return what goes into the Hub's repository: path → text. The last two are entries for lists that it has."""
    return {
        Path(f"_data/meltano/extractors/{NAME}/{OWNER}.yml"): _dump(definition(_about())),
        Path("_data/default_variants.yml"): _dump({"extractors": {NAME: OWNER}}),
        Path("_data/maintainers.yml"): _dump({OWNER: {"label": OWNER, "name": OWNER, "url": OWNER_URL}}),
    }


def project() -> str:
    """Return ``meltano.yml`` with the settings that the Hub's definition has, word for word."""
    settings = textwrap.indent(_dump(definition(_about())["settings"]), " " * 4)
    return _SETTINGS.sub(lambda found: f"{found['open']}{settings}{found['close']}", PROJECT.read_text("utf-8"))


def definition(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Hub's definition for what the tap says of itself."""
    return {
        "capabilities": sorted(about["capabilities"]),
        "description": f"Invoices of {', '.join(p.title for p in PROVIDERS[:-1])} and {PROVIDERS[-1].title}",
        "domain_url": REPOSITORY,
        "executable": NAME,
        "keywords": ["api", "billing", "invoices", "meltano_sdk"],
        "label": "Invoices",
        "log_parser": "singer-sdk",
        "logo_url": f"/{_LOGO}",
        "maintenance_status": "active",
        "name": NAME,
        "namespace": NAME.replace("-", "_"),
        "pip_url": NAME,
        "quality": "silver",
        "repo": REPOSITORY,
        "select": sorted(f"{name_of(s)}.*" for s in _STREAMS if s.selected_by_default),
        "settings": sorted(_settings(about["settings"]["properties"]), key=lambda setting: setting["name"]),
        "settings_group_validation": [
            [f"{provider.name}.{setting.name}" for setting in provider.settings if setting.required]
            for provider in PROVIDERS
        ],
        "supported_python_versions": about["supported_python_versions"],
        "variant": OWNER,
    }


def _settings(properties: Mapping[str, Any], path: str = "", title: str = "") -> Iterator[dict[str, Any]]:
    for name, schema in properties.items():
        if schema.get("properties") and name not in _OPEN:
            yield from _settings(schema["properties"], f"{path}{name}.", _TITLES.get(name) or label(name))
        else:
            yield _setting(f"{path}{name}", schema, schema.get("title") or f"{title} {label(name)}".strip())


def _setting(name: str, schema: Mapping[str, Any], title: str) -> dict[str, Any]:
    last = name.rpartition(".")[2]
    setting: dict[str, Any] = {"description": schema["description"], "label": title, "name": name}
    if options := schema.get("enum"):
        setting |= {"kind": "options", "options": [{"label": label(value), "value": value} for value in options]}
    elif holds_secrets(schema):
        setting |= {"kind": {"string": "password"}.get(kind := _types(schema)[0], kind), "sensitive": True}
    else:
        setting["kind"] = _KINDS.get(last) or {"number": "integer"}.get(_types(schema)[0], _types(schema)[0])
    # A nested default would turn its provider's object on, for whoever sets nothing of it.
    if schema.get("default") is not None and name == last:
        setting["value"] = schema["default"]
    return setting


def _types(schema: Mapping[str, Any]) -> list[str]:
    alternatives = [schema, *schema.get("oneOf", ())]
    types = [kind for one in alternatives for kind in _listed(one.get("type")) if kind != "null"]
    return ["string"] if len(set(types)) > 1 else types


def _listed(types: str | list[str] | None) -> list[str]:
    return [types] if isinstance(types, str) else types or []


def _about() -> dict[str, Any]:
    command = [sys.executable, "-m", "tap_invoices", "--about", "--format=json"]
    printed = subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout  # noqa: S603
    about: dict[str, Any] = json.loads(printed)
    return about


def _dump(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=True, allow_unicode=True, width=80)


def main() -> None:
    """Write the files."""
    PROJECT.write_text(project(), encoding="utf-8")
    for path, text in files().items():
        (HUB / path).parent.mkdir(parents=True, exist_ok=True)
        (HUB / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
