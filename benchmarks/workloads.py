"""What is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=1)
"""Between the changes of two invoices."""

STREAMS = {"covage": 2, "exsited": 6, "i3dnet": 5, "ibana": 1, "matas": 2}
"""How many streams a provider has; each gives every invoice once."""
DOCUMENTS = ("covage", "exsited", "i3dnet")
"""Providers of which one of these streams is of PDFs."""
PROVIDERS = tuple(STREAMS)
PEERS = ("dlt", "dlt-16", "dlt-64", "airbyte-16", "airbyte-64")
PEERS_AT_16 = ("dlt", "dlt-16", "airbyte-16")
BARE = ("bare-1", "bare-16", "bare-64")
ALL = ("tap", "plain", *PEERS, "requests", *BARE)
LATE = ("tap", "tap-64", "plain", *PEERS, *BARE)
"""Where requests take time, and so many at once help."""
AT_ONCE = ("tap", "tap-at-1", "tap-at-16")
"""The tap with four accounts at once, as it comes, with one, and with sixteen."""
EARLIER = "tap-earlier"
"""The tap as it was at another revision."""
JOBS = ("tap", "tap-jobs-2", "tap-jobs-4")
"""Batches of accounts at the same time: one, two and four."""
_QUICK = (
    "tap",
    *(f"tap-{provider}" for provider in PROVIDERS),
    *AT_ONCE,
    *JOBS,
    "tap-raw",
    "tap-each",
    "plain",
    "bare-1",
    "bare-16",
)
"""Who a quick look needs: their environments are made in a moment, and a slip of the tap shows beside them."""
_QUICK_AND_LATE = (*AT_ONCE, "tap-unread", "bare-16")
_SMALL = 0.1
MAPPED = {"mapped", "embedded"}
"""One stream of a provider, and the two that are made from it."""
BATCHES = {"batches", "later", "tables"}
ACCOUNTS = {"accounts", "again", "owned"}


@dataclass(frozen=True)
class Workload:
    """One piece of work, done by several contenders.

    Args:
        key: Its short name.
        title: Its long one.
        kind: list (ibana), details or documents (Exsited), all (five providers, every stream of theirs), unified (the
            same without PDFs, and the two streams that are made from them), mapped (a list, and the same two streams),
            or embedded (the PDFs of Covage, and the same two, of what the XML in those PDFs says). Accounts are
            accounts (of ibana), again (of ibana, with the state of a sync before and nothing new), or owned (details of
            Exsited's). Accounts in batches, each through a target, are batches, later where state files are there from
            a sync before, or tables where the target is PostgreSQL's.
        count: Invoices that a provider has, or accounts.
        milliseconds: What each request takes.
        kilobytes: Of a PDF.
        contenders: Who does it.
        rate: Records a second that the reader of a pipe takes, 0 for all it can; None writes to a file.
        invoices: Of each account, where there are several.
    """

    key: str
    title: str
    kind: str
    count: int
    milliseconds: int = 0
    kilobytes: int = 1
    contenders: tuple[str, ...] = ALL
    rate: int | None = None
    invoices: int = 1

    @property
    def since(self) -> datetime:
        """When the first invoice was changed."""
        return EPOCH

    @property
    def until(self) -> datetime:
        """A moment after the last change."""
        return EPOCH + self.count * STEP

    def url(self, root: str) -> str:
        """Return where the server has this work."""
        invoices = self.invoices if self.kind in ACCOUNTS | BATCHES else self.count
        return f"{root}/{invoices}-{self.milliseconds}-{self.kilobytes}"

    def expected(self, contender: str) -> int:
        """Return how many different records a contender's output must hold."""
        if self.kind == "unified":
            made = len(PROVIDERS) if contender == "tap" else 0
            return self.count * (sum(STREAMS.values()) - len(DOCUMENTS) + made)
        if self.kind == "mapped":
            return self.count * 2
        if self.kind == "embedded":
            return self.count * (3 if contender == "tap" else 2)
        if self.kind == "again":
            return self.count  # the last one, at the bookmark
        if self.kind != "all":
            return self.count * self.invoices
        return self.count * STREAMS.get(contender.removeprefix("tap-"), sum(STREAMS.values()))

    def scaled(self, factor: float) -> Workload:
        """Return the same with fewer invoices, or accounts."""
        return replace(self, count=max(1, round(self.count * factor)))

    def beside_earlier(self) -> Workload:
        """Return the same with the earlier tap beside the tap, where that knows the work."""
        is_known = self.kind in {"list", "details", "documents", "all"}
        return replace(self, contenders=(*self.contenders, EARLIER)) if is_known else self

    def smoke(self) -> Workload:
        """Return the same for a quick look: smaller, or where requests take time, for those that have 16 at once."""
        is_late = self.milliseconds > 0 and self.kind not in {"all", "unified", "later"}
        wanted = JOBS if self.kind in BATCHES else _QUICK_AND_LATE if is_late else _QUICK
        work = replace(self, contenders=tuple(name for name in self.contenders if name in wanted))
        return work if is_late else work.scaled(_SMALL)


_W5 = ("tap", *(f"tap-{provider}" for provider in PROVIDERS))

WORKLOADS = (
    Workload("W1", "50,000 ibana invoices in pages of 100, no latency", "list", 50_000),
    Workload(
        "W1p",
        "the same, through a pipe whose reader takes 2,000 a second",
        "list",
        50_000,
        contenders=("tap", "plain"),
        rate=2000,
    ),
    Workload("W2", "20,000 ibana invoices, 50 ms a request", "list", 20_000, 50, contenders=LATE),
    Workload("W3", "500 Exsited details, 50 ms a request", "details", 500, 50, contenders=LATE),
    Workload("W4", "300 Exsited PDFs of 100 KB, 50 ms a request", "documents", 300, 50, 100, contenders=LATE),
    Workload("W5", "five providers, every stream, 2,000 invoices each, 20 ms a request", "all", 2000, 20, 10, _W5),
    *(
        Workload(f"W6-{name}", f"{size:,} ibana invoices, read and dropped", "list", size, contenders=("tap",), rate=0)
        for name, size in (("10k", 10_000), ("100k", 100_000), ("1M", 1_000_000))
    ),
    Workload(
        "W7",
        "1,000 ibana accounts of 50 invoices, no latency",
        "accounts",
        1000,
        contenders=("tap", "plain"),
        invoices=50,
    ),
    Workload(
        "W7p", "20 such accounts, and a process for each", "accounts", 20, contenders=("tap", "tap-each"), invoices=50
    ),
    Workload(
        "W7s",
        "1,000 ibana accounts of 50 invoices, second sync, nothing new, no latency",
        "again",
        1000,
        contenders=("tap",),
        invoices=50,
    ),
    Workload("W7d", "200 Exsited accounts of 50 details, no latency", "owned", 200, contenders=("tap",), invoices=50),
    Workload(
        "W7m",
        "16 ibana accounts of 20,000 invoices, no latency",
        "accounts",
        16,
        contenders=("tap", "tap-at-16"),
        invoices=20_000,
    ),
    Workload(
        "W7l",
        "200 ibana accounts of 50 invoices, 50 ms a request",
        "accounts",
        200,
        50,
        contenders=AT_ONCE,
        invoices=50,
    ),
    Workload(
        "W8",
        "five providers without PDFs, and invoices and lines of all; 2,000 invoices each, 20 ms a request",
        "unified",
        2000,
        20,
        contenders=("tap", "tap-raw"),
    ),
    Workload(
        "W8i",
        "50,000 ibana invoices, and invoices and lines of them, no latency",
        "mapped",
        50_000,
        contenders=("tap",),
    ),
    Workload(
        "W9",
        "300 Covage PDFs of 100 KB with XML, invoices and lines, 50 ms a request",
        "embedded",
        300,
        50,
        100,
        ("tap", "tap-unread"),
    ),
    Workload(
        "W10",
        "100 ibana accounts in batches of 5, into target-jsonl, state files present, 1 s a request",
        "later",
        100,
        1000,
        contenders=JOBS,
        invoices=10,
    ),
    Workload(
        "W10c",
        "200 ibana accounts of 50 invoices in batches of 50, into target-jsonl, no latency",
        "batches",
        200,
        contenders=("tap", "tap-raw"),
        invoices=50,
    ),
    Workload("W10p", "the same, into target-postgres", "tables", 200, contenders=("tap", "tap-raw"), invoices=50),
)
STARTS = tuple(
    Workload(f"start-{kind}", "one invoice", kind, 1, contenders=contenders)
    for kind, contenders in (
        ("list", (*LATE, "requests")),
        ("mapped", AT_ONCE[:1]),
        ("accounts", (*AT_ONCE, "plain")),
        ("again", AT_ONCE[:1]),
        ("owned", AT_ONCE[:1]),
        ("details", LATE),
        ("documents", LATE),
    )
)
"""A sync of one invoice: what a contender takes before it does anything."""
