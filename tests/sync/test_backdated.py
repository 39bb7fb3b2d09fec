"""Matas and i3D.net: what follows their lists finds also what is posted, or turns out to be paid, with an old date."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tap_invoices.streams.lists import ListStream
from tests.conftest import NOW
from tests.support.run import provider_of, settings, sync

STREAMS = (
    "matas_invoice_details",
    "i3dnet_invoice_details",
    "i3dnet_invoice_details_by_number",
    "i3dnet_invoice_documents",
)
KEYS = {"i3dnet_invoice_details_by_number": "invoiceNumber", "matas_invoice_details": "invoice_number"}
"""Stream → its key; the others' is `id`."""

pytestmark = pytest.mark.usefixtures("no_waits")


class Portal:
    """A provider whose invoices are a year old and paid, but for those that a test adds."""

    def __init__(self, box, stream):
        self.stream, self.provider, self.box = stream, provider_of(stream), box
        self.book = box.book(self.provider)
        for key in list(self.book.invoices):
            self.book.change(key, **self.dated(timedelta(days=365)))
        self.post(timedelta())

    def dated(self, ago, *, paid=True):
        at = NOW - ago
        if self.provider == "matas":
            stamp = at.isoformat().replace("+00:00", ".000000Z")
            return {"invoice_date": stamp, "payment_date": stamp if paid else None, "total": 1}
        return {"creationDate": int(at.timestamp()), "paymentDate": int(at.timestamp()) if paid else 0, "isCredit": 0}

    def post(self, ago, *, paid=True):
        """Add an invoice and return its key in the stream."""
        row = self.book.invoices[self.book.add(**self.dated(ago, paid=paid))]
        return str(row[KEYS.get(self.stream, "id")])

    def read(self, state=None, **more):
        """Sync, and return the run with the keys that came."""
        given = settings(self.box, self.provider, **more)
        run = sync(given, state, streams=[self.stream])
        return run, {key for (key,) in run.keys(self.stream)} if self.stream in run.records else set()


@pytest.fixture(params=STREAMS)
def portal(box, request):
    return Portal(box, request.param)


def test_an_invoice_posted_with_a_date_long_ago_is_found(portal, caplog):
    first, _ = portal.read()
    late = portal.post(timedelta(days=200))
    second, came = portal.read(first.state)
    assert late in came
    assert len(came) == len(portal.book.invoices) == second.account(portal.stream).expected
    assert f"{len(came)} invoices are due, for before 2026-09-23T00:00:00.000000Z others are settled now" in caplog.text
    third, came = portal.read(second.state)
    assert len(came) == 1
    counts = third.account(portal.stream)
    assert (counts.expected, counts.unchanged) == (1, len(portal.book.invoices) - 1)


def test_an_invoice_that_turns_out_to_be_paid_long_ago_is_read_again(portal):
    unpaid = portal.post(timedelta(days=200), paid=False)
    first, _ = portal.read()
    row_key = next(
        key for key, row in portal.book.invoices.items() if str(row[KEYS.get(portal.stream, "id")]) == unpaid
    )
    portal.book.change(row_key, **portal.dated(timedelta(days=199)))
    second, came = portal.read(first.state)
    assert unpaid in came
    _, came = portal.read(second.state)
    assert unpaid not in came


def test_it_is_found_after_a_sync_that_broke_off(portal):
    first, _ = portal.read()
    late = portal.post(timedelta(days=200))
    row = next(row for row in portal.book.invoices.values() if str(row[KEYS.get(portal.stream, "id")]) == late)
    path = f"/{row[KEYS.get(portal.stream, 'id')]}(/pdf)?$"
    portal.box.faults.add(path=path, times=None, action={"retry_after": "86400"})
    second, _ = portal.read(first.state, max_retry_seconds=1)
    assert second.failures
    portal.box.faults.clear()
    _, came = portal.read(second.state)
    assert late in came


@pytest.mark.parametrize("days", [38, 39, 40, 41, 42])
def test_no_day_lies_between_what_is_counted_and_what_is_read(portal, days):
    """Whatever the lookback has become by then."""
    for lookback in (0, 40, 39):
        first, _ = portal.read(lookback_days=40)
        late = portal.post(timedelta(days=days))
        _, came = portal.read(first.state, lookback_days=lookback)
        assert late in came


def test_a_changed_start_date_hides_no_late_invoice_and_has_nothing_read_again(portal):
    ago = [portal.post(timedelta(days=days)) for days in (300, 100)]
    first, came = portal.read(start_date="2026-03-01T07:00:00Z")
    assert ago[0] not in came
    for start in ("2025-01-01T07:00:00Z", "2026-05-01T07:00:00Z"):
        second, came = portal.read(first.state, start_date=start)
        assert len(came) == 1
    late = portal.post(timedelta(days=110))
    _, came = portal.read(second.state, start_date="2026-05-01T07:00:00Z")
    assert came >= {late, ago[1]}
    assert ago[0] not in came


def test_an_old_one_that_fails_is_asked_for_by_its_id_and_hides_no_other(portal):
    first, _ = portal.read()
    ill = next(iter(portal.book.invoices.values()))[KEYS.get(portal.stream, "id")]
    portal.post(timedelta(days=200))
    portal.box.faults.add(path=f"/{ill}(/pdf)?$", times=1, action={"status": 400})
    second, came = portal.read(first.state)
    assert str(ill) not in came
    late = portal.post(timedelta(days=210))
    third, came = portal.read(second.state)
    assert came >= {str(ill), late}
    assert not third.failures


def test_a_whole_table_has_what_is_before_the_start_date_too(portal):
    first, _ = portal.read(start_date="2026-05-01")
    portal.post(timedelta(days=100))
    given = settings(portal.box, portal.provider, start_date="2026-05-01")
    run = sync(given, first.state, streams=[portal.stream], full_table=[portal.stream])
    assert len(run.keys(portal.stream)) == len(portal.book.invoices)


@pytest.mark.parametrize("portal", ["i3dnet_invoice_details"], indirect=True)
def test_a_list_that_came_short_proves_nothing(portal, monkeypatch):
    first, _ = portal.read()
    late = portal.post(timedelta(days=200))
    read_pages = ListStream.read

    def short(listing):
        yield from read_pages(listing)
        listing.is_short = True

    monkeypatch.setattr(ListStream, "read", short)
    second, came = portal.read(first.state)
    assert len(came) == 1
    known = [run.bookmark(portal.stream)["before"] for run in (first, second)]
    assert known[0] == known[1]
    monkeypatch.undo()
    _, came = portal.read(second.state)
    assert late in came


def test_a_settled_invoice_that_has_gone_has_nothing_asked_for_and_hides_no_late_one(portal):
    first, _ = portal.read()
    gone, other, *_ = portal.book.invoices
    portal.book.delete(gone)
    second, came = portal.read(first.state)
    assert len(came) == 1
    portal.book.delete(other)
    late = portal.post(timedelta(days=200))
    assert late in portal.read(second.state)[1]


def test_lines_of_an_invoice_posted_long_ago_are_found(box):
    portal = Portal(box, "matas_invoice_details")
    given = settings(box, "matas")
    first = sync(given, streams=["invoice_lines"])
    late = portal.post(timedelta(days=200))
    second = sync(given, first.state, streams=["invoice_lines"])
    assert late in {row["invoice_id"] for row in second.records["invoice_lines"]}
    third = sync(given, second.state, streams=["invoice_lines"])
    assert late not in {row["invoice_id"] for row in third.records["invoice_lines"]}
