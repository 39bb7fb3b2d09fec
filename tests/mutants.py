"""Breaks the tap in one place at a time and sees whether the tests notice: ``python -m tests.mutants [WORD …]``.

Words choose the mutants whose file or name holds one of them. The exit code is 1 if a mutant survives, or if the text
that it changes is not there any more.
"""

# ruff: noqa: E501  (a table)
from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("tap_invoices", "tests", "schemas", "pyproject.toml")
LONGER, LEAST = 10, 300
"""A mutant whose tests take so many times longer than without it, and so many seconds at least, does not end."""
USAGE_ERROR, NOTHING_RUN = 4, 5
"""Exit codes of pytest that tell nothing of the mutant."""
CAUGHT = "caught"


@dataclass(frozen=True)
class Mutant:
    """One text of a file, what takes its place, and the tests that must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: str


PAGING = "tests/test_paging.py"
FAULTS = "tests/test_faults.py"
MOVING = "tests/test_moving.py tests/test_crash.py"
CRASH = "tests/test_crash.py"
FOLLOWING = "tests/test_following.py"
LIMITS = "tests/test_limits.py"
LEDGER = "tests/test_completeness.py"
SECURITY = "tests/test_security.py"
COVAGE = "tests/providers/test_covage.py"
VERBATIM = "tests/test_verbatim.py"

MUTANTS = (
    # Paging
    Mutant("offsets do not overlap", "windows.py", "Window(position - 1, self.page_size + 1) if position",
           "Window(position, self.page_size) if position", PAGING),
    Mutant("a shift is not noticed", "windows.py", "self.current_value.start == 0 or place.last_key in page.keys",
           "self.current_value.start == 0 or bool(page.keys)", PAGING),
    Mutant("no page is a repetition", "paging.py", "if page.keys and not self._pages.add(tuple(page.keys)):", "if False:", PAGING),
    Mutant("no cursor is a repetition", "paging.py", "if cursor in self._cursors:", "if False:", PAGING),
    Mutant("cursors go on beyond the total", "paging.py", "if self._beyond > PAGES_BEYOND_TOTAL:", "if False:", PAGING),
    Mutant("windows go on beyond the total", "windows.py", "if page.total is not None and position >= page.total +",
           "if False and position >= page.total +", PAGING),
    Mutant("returns in vain go on", "windows.py", "if same_row or place.no_shorter == _MOST_NO_SHORTER:", "if False:", PAGING),
    Mutant("a page that was kept joins on unchecked", "windows.py", "if page.keys == [self._place.last_key]:", "if True:", PAGING),
    Mutant("times with an offset go out as they came", "verbatim.py", "or _has_time_to_rewrite(body)", "", VERBATIM),
    Mutant("unknown fields go out as they came", "verbatim.py", "forbid_unknown_fields=ADDITIONAL in properties", "forbid_unknown_fields=False", VERBATIM),
    Mutant("the server's cap is not noted", "windows.py", "place.cap = len(page.rows)", "pass", PAGING),
    Mutant("what was seen comes again", "paging.py", "strict=True) if self.seen.add(key)]", "strict=True)]", PAGING),
    Mutant("a shrunken list is not read again", "paging.py", "(page.total or 0) < (self.total or 0)", "False", COVAGE),
    Mutant("i3D.net ends on a short page", "providers/i3dnet.py", "return not brought_rows",
           "return len(page.rows) < self.page_size", PAGING),
    Mutant("Exsited ends with its total", "providers/exsited.py", "and page.next in _NO_PAGE", "", PAGING),
    Mutant("pages of all sizes may be large", "connection.py", "if body.tell() > limit:", "if False:", LIMITS),
    Mutant("cursors are trusted", "paging.py", "return bool(self._cursors) and", "return False and", COVAGE),
    # Completeness
    Mutant("a short list is whole", "listing.py", "if total is not None and seen < total:", "if False:", LEDGER),
    Mutant("a list is read once", "listing.py", "_READINGS = 3", "_READINGS = 1", LEDGER),
    Mutant("a short list is always a warning", "listing.py", 'if self.config.get("on_short") != "warn":', "if False:", LEDGER),
    Mutant("the ledger is written anew", "ledger.py", '"a", encoding', '"w", encoding', LEDGER),
    # Bookmarks
    Mutant("no lookback", "state.py", "- timedelta(days=lookback_days)", "- timedelta(0)", MOVING),
    Mutant("the clock does not bound the bookmark", "state.py", "self._start_of_sync(), bound)", "bound)", MOVING),
    Mutant("a failed stream moves its bookmark", "outcome.py", "self.bookmark.hold()", "self.bookmark.finish()", FAULTS),
    Mutant("failed items are forgotten", "state.py", "self._failed.update(failed)", "pass", FAULTS),
    Mutant("failed items are kept for ever", "state.py", "self._failed.pop(item, None)", "pass", FAULTS),
    Mutant("the bookmark passes failed items beyond the limit", "state.py", "if len(self._failed) > MOST_FAILED:",
           "if False:", CRASH),
    Mutant("checkpoints know no floor", "due.py", "page[-1].floor = floor", 'page[-1].floor = "9999"', CRASH),
    Mutant("bookmarks are not bounded by their floor", "state.py", "self._write(floor)", "self._write(None)", CRASH),
    Mutant("any version is understood", "given_state.py", "if version not in range(VERSION + 1)", "if version not in range(99)", CRASH),
    Mutant("a bookmark may go back", "state.py", 'moved = max(new or "", self._old or "")', 'moved = new or self._old or ""', FOLLOWING),
    # Due rules
    Mutant("open items are not due", "follow.py", " or self.is_open(row):", ":", FOLLOWING),
    Mutant("items without a date are not due", "state.py", "or value is None or value >= since", 'or (value or "") >= since', FOLLOWING),
    Mutant("a missing item is a failure", "follow.py", "except GoneError as error:", "except ZeroDivisionError as error:", FAULTS),
    Mutant("an item that is refused is only a failure", "follow.py", "except (SignInError, ProviderDownError, BusyError):",
           "except ProviderDownError:", FAULTS),
    Mutant("versions are activated after failures", "outcome.py", "if self.account.failed:", "if False:", LEDGER),
    # Requests
    Mutant("ids are quoted in part", "client.py", 'quote(value, safe="")', "quote(value)", FAULTS),
    Mutant("redirects count as answers", "client.py", "if status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:",
           "if status < 400:", FAULTS),
    Mutant("a 403 is like others", "client.py", "if status == HTTPStatus.FORBIDDEN:\n            raise",
           "if False:\n            raise", FAULTS),
    Mutant("no token is renewed", "client.py", "if not self.authenticator.renew(signed):", "if True:", FAULTS),
    Mutant("5xx are not tried again", "client.py", "or status >= HTTPStatus.INTERNAL_SERVER_ERROR:", "or status == 599:", FAULTS),
    Mutant("broken bodies for ever", "retry.py", "BODY_TRIES = 3", "BODY_TRIES = 300", LIMITS),
    Mutant("Retry-After is not obeyed", "retry.py", "jittered if asked is None else asked + jittered - wait", "jittered", LIMITS),
    Mutant("any Retry-After is waited for", "retry.py", "(retry_after(error) or 0) > self._seconds_left()", "False", LIMITS),
    Mutant("waits do not grow", "retry.py", "wait = min(2 * wait, LONGEST_WAIT)", "pass", LIMITS),
    Mutant("providers are never down", "connection.py", "self.down = str(error)", "pass", FAULTS),
    Mutant("a pause holds for one", "connection.py", "self.limiter.pause(seconds)", "pass", LIMITS),
    Mutant("as many at once as there are threads", "limiter.py", "if self._in_flight >= self._allowed:", "if False:", LIMITS),
    Mutant("tokens are renewed at their end", "auth.py", "_EARLIEST_RENEWAL = 30.0", "_EARLIEST_RENEWAL = 0.0", LIMITS),
    # Spool, crash, secrets
    Mutant("what overflows is dropped", "spool.py", "pickle.dump(item, self._file, pickle.HIGHEST_PROTOCOL)", "return",
           "tests/test_concurrency.py"),
    Mutant("errors end in silence", "spool.py", "raise self._error", "return None", FAULTS),
    Mutant("STATE overtakes records", "writer.py", "self._lines.append(line)\n",
           'self._lines.insert(0, line) if b\'"STATE"\' in line else self._lines.append(line)\n', CRASH),
    Mutant("signals end with 0", "tap.py", "sys.exit(128 + signum)", "sys.exit(0)", CRASH),
    Mutant("nothing is masked", "redact.py", "text = text.replace(form, _MASK)", "pass", SECURITY),
    Mutant("minted tokens show", "connection.py", "self.secrets.update(", "set().update(", SECURITY),
    Mutant("children's handlers are not guarded", "redact.py", "[logging.getLogger(), *logging.Logger.manager.loggerDict.values()]",
           "[]", SECURITY),
    Mutant("any certificate will do", "connection.py", "verify=self.session.verify or True", "verify=False", SECURITY),
    # What reviews have found
    Mutant("a row without its key goes out", "verbatim.py", "if not (row_key := getattr(row, key)):",
           "if (row_key := getattr(row, key)) is Ellipsis:", VERBATIM),
    Mutant("days lie between the proof and the window", "providers/covage.py", "return min(start, times.shift(self.proof[0], 1))", "return start", COVAGE),
    Mutant("bookmarks come without their proof", "state.py", "self._beside(moved) if moved else {}", "{}", COVAGE),
    Mutant("every window is read again", "providers/covage.py", "coming is not None and min(self._by_day, default=coming) >= coming",
           "coming is not None", COVAGE),
    Mutant("late ones come from before the start date", "providers/covage.py", "self._bounds = self.floor, max(late)", "self._bounds = None, max(late)", COVAGE),
    Mutant("a signal passes batch files", "tap.py", 'if not self.config.get("batch_config"):  # whose last', "if True:  # whose last", CRASH),
    Mutant("a write that was cut short is not gone on with", "writer.py", "rest = rest[binary.write(rest) :]", "rest = binary.write(rest) and None", CRASH),
    Mutant("any number of 404 is believed", "follow.py", "if len(row) < _ALIKE:", "if True:", FOLLOWING),
    Mutant("another invoice is an answer", "follow.py", "(own_id == due.id or own_id not in self.due)", "True", FOLLOWING),
    Mutant("too long a wait is an item's failure", "follow.py", "except (SignInError, ProviderDownError, BusyError):",
           "except (SignInError, ProviderDownError):", FAULTS),
    Mutant("links are followed", "providers/covage.py", 'return parse_qs(urlsplit(next_page).query)["cursor"][0]',
           "return next_page", FAULTS),
)  # fmt: skip


def copy_tree(folder):
    """Put a copy of what the tests need into a folder."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)


def run(folder, tests, seconds=None):
    """Run tests in the copy; tell whether they pass."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests.split()],
        cwd=folder,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode in {USAGE_ERROR, NOTHING_RUN}:
        msg = f"no such tests: {tests}"
        raise LookupError(msg)
    return done.returncode == 0


@cache
def longest(folder, tests):
    """Run tests without a mutant, and return the seconds that they may take with one."""
    began = time.monotonic()
    if not run(folder, tests):
        msg = f"{tests} fails without a mutant"
        raise LookupError(msg)
    return max(LEAST, LONGER * (time.monotonic() - began))


def outcome_of(folder, mutant):
    """Run a mutant's tests, and say what became of it."""
    path = folder / "tap_invoices" / mutant.file
    whole = path.read_text(encoding="utf-8")
    if mutant.old not in whole:
        msg = f"{mutant.file} has no {mutant.old!r} any more"
        raise LookupError(msg)
    seconds = longest(folder, mutant.tests)
    path.write_text(whole.replace(mutant.old, mutant.new, 1), encoding="utf-8")
    try:
        return "SURVIVES" if run(folder, mutant.tests, seconds) else CAUGHT
    except subprocess.TimeoutExpired:
        return f"{CAUGHT} (does not end)"
    finally:
        path.write_text(whole, encoding="utf-8")


def main(words):
    """Try all mutants, or those that the words name; return the exit code."""
    wrong = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        copy_tree(folder)
        chosen = [m for m in MUTANTS if not words or any(word in f"{m.file} {m.name}" for word in words)]
        for mutant in chosen:
            try:
                outcome = outcome_of(folder, mutant)
            except LookupError as error:
                outcome = f"NOT TRIED: {error}"
            sys.stdout.write(f"{outcome:9} {mutant.file}: {mutant.name}\n")
            sys.stdout.flush()
            if not outcome.startswith(CAUGHT):
                wrong.append(mutant)
    sys.stdout.write(f"{len(chosen) - len(wrong)} of {len(chosen)} mutants are caught\n")
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
