"""The client that Exsited publishes finds the sandbox to be Exsited."""

from __future__ import annotations

from exsited.exsited.auth.dto.token_dto import RequestTokenDTO
from exsited.exsited.exsited_sdk import ExsitedSDK


def test_it_lists_the_invoices(sandbox):
    settings = sandbox.config("exsited")["exsited"]
    token = RequestTokenDTO(
        grantType="client_credentials",
        clientId=settings["client_id"],
        clientSecret=settings["client_secret"],
        redirectUri=settings["redirect_uri"],
        exsitedUrl=settings["api_url"],
    )
    client = ExsitedSDK().init_sdk(token)
    book = sandbox.book("exsited")

    found = []
    while page := client.invoice.list(limit=10, offset=len(found)).invoices:
        found += page
    assert [invoice.id for invoice in found] == list(book.invoices)
    assert [invoice.total for invoice in found] == [book.invoices.peek(invoice.id)["total"] for invoice in found]

    assert client.invoice.details(found[0].id).invoice.total == found[0].total
    assert client.invoice.information(found[0].id).invoice.id == found[0].id
