"""A provider as data: its settings, its sign-in and its streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

from tap_invoices.http.answers import Portal

if TYPE_CHECKING:
    from tap_invoices.einvoice.mapping import InvoiceMapping
    from tap_invoices.http.auth import SignIn
    from tap_invoices.streams.base import InvoiceStream


MOST = 1_000_000
"""The most that a count or a number of days or seconds may be."""

_HEADER_TEXT = r"^([\x21-\x7e]+( [\x21-\x7e]+)*)?$"


@dataclass(frozen=True)
class Setting:
    """One setting, with its limits in the words of JSON Schema.

    ``required`` counts as soon as the provider is on; an object of defaults alone leaves it off.
    """

    name: str
    description: str
    kind: Callable[..., th.JSONTypeHelper[Any]] = th.StringType
    default: str | int | None = None
    required: bool = False
    secret: bool = False
    minimum: int | None = None
    exclusive_minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None

    @property
    def forms(self) -> tuple[str, ...]:
        """Names under which it can be given: a secret also by the variable or the file that holds it."""
        return (self.name, f"{self.name}_env", f"{self.name}_file") if self.secret else (self.name,)

    def to_property(self) -> th.Property[Any]:
        """Return the setting as the SDK declares it."""
        names = ("minimum", "exclusive_minimum", "maximum", "pattern")
        limits = {name: limit for name in names if (limit := getattr(self, name)) is not None}
        return th.Property(
            self.name,
            self.kind(**limits),
            description=self.description + (" Required." if self.required else ""),
            default=self.default,
            secret=self.secret,
            allowed_values=list(self.choices),
        )


def text(name: str, description: str, default: str | None = None, *, required: bool = False) -> Setting:
    """Declare a plain text setting."""
    return Setting(name, description, default=default, required=required)


def secret(name: str, description: str) -> Setting:
    """Declare a required setting that never shows in logs."""
    return Setting(name, description, required=True, secret=True)


def in_header(setting: Setting) -> Setting:
    """Declare that a text goes into a header as it is: printable ASCII, with single spaces inside."""
    return replace(setting, pattern=_HEADER_TEXT)


def whole(
    name: str, description: str, default: int | None = None, *, minimum: int = 1, maximum: int | None = None
) -> Setting:
    """Declare a whole number."""
    return Setting(name, description, th.IntegerType, default, minimum=minimum, maximum=maximum or MOST)


def page_size(description: str, default: int, maximum: int | None = None) -> Setting:
    """Declare how many invoices a list asks for at once."""
    return whole("page_size", description, default, maximum=maximum)


def of_mapping(mapping: InvoiceMapping) -> Iterator[Setting]:
    """Declare what the rows of ``invoices`` and ``invoice_lines`` need to be told."""
    if mapping.unknown_units:
        yield Setting(
            "amounts_in",
            "What its amounts are in, which it does not say: units (of the currency) or cents. "
            "Until it is set, `invoices` and `invoice_lines` have no amounts of it.",
            choices=("units", "cents"),
        )
    if mapping.time_zone:
        yield text(
            "time_zone",
            "Where its days begin: a `start_date` without an offset, and the dates of `invoices` and `invoice_lines`.",
            mapping.time_zone,
        )


@dataclass(frozen=True)
class Provider:
    """A billing portal.

    Args:
        name: Prefix of its streams, and name of its object in the settings.
        title: Its name among people.
        docs: Where its reference is.
        settings: What a user can say of it; shared ones are added to each.
        lookback_days: How far behind its bookmark each sync asks again, unless set otherwise.
        permission: What a 403 usually means, in the provider's own words.
        sign_in: Makes what authenticates each request, from its values and what fetches a token.
        mapping: How its rows become those of ``invoices`` and ``invoice_lines``.
        streams: Its streams, each list before those that follow it.
        redirect_is_sign_in: Whether it answers wrong credentials with a redirect to a sign-in page.
    """

    name: str
    title: str
    docs: str
    settings: tuple[Setting, ...]
    lookback_days: int
    permission: str
    sign_in: SignIn
    mapping: InvoiceMapping
    streams: tuple[type[InvoiceStream], ...]
    redirect_is_sign_in: bool = False

    @property
    def portal(self) -> Portal:
        """What its client must know of it."""
        return Portal(self.name, self.title, self.permission, self.redirect_is_sign_in)

    def is_configured(self, config: Mapping[str, Any]) -> bool:
        """Tell whether accounts, or any required setting, are given."""
        given = config.get(self.name) or {}
        return isinstance(given, Mapping) and (
            "accounts" in given
            or "accounts_url" in given
            or any(given.get(form) for setting in self.settings if setting.required for form in setting.forms)
        )
