"""Covage: password grant at a Keycloak, cursor pages, filter by accounting date, which is no date of change.

The filter's bounds are days: inclusive by their description, exclusive by their names.

Reference: https://docs-api-client-demo.covage.com/en/api-factures/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from tap_invoices.http.auth import TokenAuth
from tap_invoices.http.request import TokenRequest
from tap_invoices.paging.base import ParsedPage
from tap_invoices.providers.base import Provider, page_size, secret, text
from tap_invoices.providers.covage.invoice import MAPPING
from tap_invoices.streams.documents import DocumentStream
from tap_invoices.streams.posted import PostedListStream, PostedStream

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

    from tap_invoices.http.auth import FetchToken


class Invoices(PostedListStream):
    """All invoices; their amounts stand only in the PDFs."""

    provider = "covage"
    name = "covage_invoices"
    path = "/api/v1/invoice/"
    primary_keys = ("invoice_number",)
    replication_key = "accounting_date"

    @override
    def get_url_params(self, context: Context | None, next_page_token: str | None) -> dict[str, Any]:
        after, before = self.bounds
        return {
            "accounting_date_gt": after,
            "accounting_date_lt": before,
            "cursor": next_page_token,
            "page_size": self.settings["page_size"],
        }

    @override
    def parse_page(self, body: Any) -> ParsedPage:
        count = body.get("count")
        # Where a count tells of a list that ends early, the last page may lack the next one.
        following = body["next_page"] if count is None else body.get("next_page")
        return ParsedPage(body["results"], count, _cursor(following))


class InvoiceDocuments(PostedStream, DocumentStream):
    """The PDF of each invoice."""

    provider = "covage"
    name = "covage_invoice_documents"
    path = "/api/v1/invoice/{invoice_number}/download/"
    primary_keys = ("invoice_number",)
    replication_key = "accounting_date"
    parent = Invoices
    parent_key = "invoice_number"


def _cursor(next_page: str | None) -> str | None:
    """Take the cursor out of a link that may lead to another host, where the token must not go."""
    if not next_page:
        return None
    return parse_qs(urlsplit(next_page).query)["cursor"][0]


def _sign_in(config: Mapping[str, Any], fetch_token: FetchToken) -> TokenAuth:
    """Return Keycloak's password grant: https://docs-api-client-demo.covage.com/en/authentication."""
    url = f"{config['auth_url'].rstrip('/')}/auth/realms/{config['realm']}/protocol/openid-connect/token"
    form = {
        "grant_type": "password",
        "client_id": config["client_id"],
        "username": config["username"],
        "password": config["password"],
    }
    return TokenAuth(lambda: fetch_token(TokenRequest(url, form)))


COVAGE = Provider(
    name="covage",
    title="Covage",
    docs="https://docs-api-client-demo.covage.com/en/api-factures/",
    settings=(
        text("api_url", "Root of the API, as Covage gives it to you, without /api/v1.", required=True),
        text("auth_url", "Root of the Keycloak that signs you in.", required=True),
        text("username", "Name of the service account.", required=True),
        secret("password", "Password of the service account."),
        text("realm", "Realm at the Keycloak.", "covage"),
        text("client_id", "Client at the Keycloak.", "api-client"),
        page_size("Invoices to ask for at once.", 100),
    ),
    lookback_days=40,
    permission="ask Covage to let the service account read invoices",
    sign_in=_sign_in,
    mapping=MAPPING,
    streams=(Invoices, InvoiceDocuments),
)
