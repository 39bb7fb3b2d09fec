"""Matas: a personal token, one array without pages or date filter; a redirect to the sign-in page means a bad token.

Reference: https://matas.nl/docs/invoices
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_invoices import times
from tap_invoices.http.auth import BearerAuth
from tap_invoices.providers.base import Provider, in_header, of_mapping, secret, text
from tap_invoices.providers.matas.invoice import MAPPING
from tap_invoices.streams.arrays import SinglePageList
from tap_invoices.streams.backdated import BackdatedStream
from tap_invoices.streams.base import InvoiceStream
from tap_invoices.streams.details import DetailStream

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

    from tap_invoices.http.auth import FetchToken
    from tap_invoices.streams.services import Row


class MatasStream(InvoiceStream):
    """A stream of Matas."""

    provider = "matas"


class Invoices(MatasStream, SinglePageList):
    """All invoices, outstanding and paid."""

    name = "matas_invoices"
    path = "/invoices"
    primary_keys = ("invoice_number",)

    @override
    def get_url_params(self, context: Context | None, next_page_token: None) -> dict[str, Any]:
        return {"filter[status]": "all"}


class InvoiceDetails(MatasStream, BackdatedStream, DetailStream):
    """Each invoice with its lines."""

    name = "matas_invoice_details"
    path = "/invoice/{invoice_number}"
    primary_keys = ("invoice_number",)
    replication_key = "changed_on"
    parent = Invoices
    parent_key = "invoice_number"
    date_fields = ("invoice_date", "payment_date")

    @override
    def is_open(self, row: Row) -> bool:
        """Tell whether an invoice can still be paid; a credit note, known by its negative total, cannot."""
        return times.latest(row.get("payment_date")) is None and not _is_negative(row.get("total"))


def _is_negative(amount: Any) -> bool:
    return str(amount).lstrip().startswith("-")


def _sign_in(config: Mapping[str, Any], _fetch_token: FetchToken) -> BearerAuth:
    return BearerAuth(config["token"])


MATAS = Provider(
    name="matas",
    title="Matas",
    docs="https://matas.nl/docs/invoices",
    settings=(
        in_header(secret("token", "Personal access token from the Matas Extranet, with the scope Invoices.")),
        text("api_url", "Root of the API.", "https://api.matas.nl/api"),
        *of_mapping(MAPPING),
    ),
    lookback_days=40,
    permission="give the token the scope `Invoices` in the Matas Extranet",
    sign_in=_sign_in,
    mapping=MAPPING,
    streams=(Invoices, InvoiceDetails),
    redirect_is_sign_in=True,
)
