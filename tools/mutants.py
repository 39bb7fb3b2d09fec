"""Breaks the tap in one place at a time and sees whether the tests notice: ``python -m tools.mutants [WORD …]``.

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


SIDE_BY_SIDE = "tests/sync/test_accounts.py"
PAGING = "tests/unit/test_paging.py"
FAULTS = "tests/sync/test_faults.py"
MOVING = "tests/sync/test_moving.py tests/process/test_crash.py"
CRASH = "tests/process/test_crash.py"
FOLLOWING = "tests/sync/test_children.py"
AUTH = "tests/unit/test_auth.py"
CLIENT = "tests/unit/test_client.py"
LIMITER = "tests/unit/test_limiter.py"
RETRY = "tests/unit/test_retry.py"
LEDGER = "tests/sync/test_completeness.py"
SECURITY = "tests/cli/test_security.py"
COVAGE = "tests/providers/test_covage.py"
KEYLESS = "tests/sync/test_every_stream.py -k without_its_key"
VERBATIM = "tests/unit/test_verbatim.py"
UNIFIED = "tests/unit/test_einvoice_model.py"
EXACT = "tests/unit/test_einvoice_exact.py"
EMBEDDED = "tests/unit/test_einvoice_pdf.py"
BACKDATED = "tests/sync/test_backdated.py"
SESSION = "tests/unit/test_session.py"
MAPPED = "tests/providers/test_unified.py"
GOLDEN = f"{MAPPED}::test_a_row_becomes_what_is_written_down"
RECORD = "tests/unit/test_record.py"
ACCOUNTS = "tests/unit/test_accounts.py"

MUTANTS = (
    # Accounts in the settings
    Mutant("two names may differ by case alone", "config/account_rules.py", "[entry.name.lower(), *(", "[entry.name, *(", ACCOUNTS),
    Mutant("two names may make one variable", "config/account_rules.py", "if capitals else []", "if not capitals else []", ACCOUNTS),
    Mutant("the same credentials may come twice", "config/account_rules.py", "if signs_in_by and (", "if not signs_in_by and (", ACCOUNTS),
    Mutant("rows of other accounts may be removed", "config/account_rules.py", "(len(entries) > 1 or is_part)", "is_part", ACCOUNTS),
    Mutant("shards overlap", "config/accounts.py", "% int(parts) == int(part)", "% int(parts) <= int(part)", ACCOUNTS),
    Mutant("disabled accounts run", "config/accounts.py", "return entry.is_enabled and is_chosen", "return is_chosen", ACCOUNTS),
    Mutant("a lower form of a secret stays", "config/values.py", "in below.items() if name not in gone", "in below.items()", ACCOUNTS),
    Mutant("secrets in lists are not known", "config/values.py", "if isinstance(config, list):", "if isinstance(config, tuple):", ACCOUNTS),
    Mutant("a built-in root hides the provider's", "config/settings.py", "replace(setting, default=None) for setting in settings", "setting for setting in settings", ACCOUNTS),
    Mutant("a secret's file may hold anything", "config/references.py", "elif setting.pattern and not", "elif not setting.name and not", ACCOUNTS),
    # Paging
    Mutant("offsets do not overlap", "paging/offset.py", "Window(position - 1, self.stride + 1) if position",
           "Window(position, self.page_size) if position", PAGING),
    Mutant("a shift is not noticed", "paging/offset.py", "self.current_value.start == 0 or place.last_key in page.keys",
           "self.current_value.start == 0 or bool(page.keys)", PAGING),
    Mutant("no page is a repetition", "paging/base.py", "if page.keys and not self._pages.add(tuple(page.keys)):", "if False:", PAGING),
    Mutant("no cursor is a repetition", "paging/base.py", "if cursor in self._cursors:", "if False:", PAGING),
    Mutant("cursors go on beyond the total", "paging/base.py", "if self._beyond > PAGES_BEYOND_TOTAL:", "if False:", PAGING),
    Mutant("windows go on beyond the total", "paging/offset.py", "if page.total is not None and position >= page.total +",
           "if False and position >= page.total +", PAGING),
    Mutant("returns in vain go on", "paging/offset.py", "if same_row or place.no_shorter == _MOST_NO_SHORTER:", "if False:", PAGING),
    Mutant("a page that was kept joins on unchecked", "paging/offset.py", "if page.keys == [self._place.last_key]:", "if True:", PAGING),
    Mutant("times with an offset go out as they came", "records/verbatim.py", "or _has_time_to_rewrite(body)", "", VERBATIM),
    Mutant("unknown fields go out as they came", "records/verbatim.py", "forbid_unknown_fields=ADDITIONAL in properties", "forbid_unknown_fields=False", VERBATIM),
    Mutant("the server's cap is not noted", "paging/offset.py", "place.cap = len(page.rows)", "pass", PAGING),
    Mutant("what was seen comes again", "paging/base.py", "strict=True) if self.seen.add(key)]", "strict=True)]", PAGING),
    Mutant("a shrunken list is not read again", "paging/base.py", "self.moved or page.total < self.total", "self.moved", COVAGE),
    Mutant("i3D.net ends on a short page", "providers/i3dnet/streams.py", "return not brought_rows",
           "return len(page.rows) < self.page_size", PAGING),
    Mutant("Exsited ends with its total", "providers/exsited/streams.py", "and page.next in _NULL", "", PAGING),
    Mutant("pages of all sizes may be large", "http/session.py", "if body.tell() > limit:", "if False:", SESSION),
    Mutant("one host is asked for all", "http/request.py", 'return "/".join(str(request.url).split("/", 3)[:3])', 'return "http://host"', SESSION),
    Mutant("a proxy gets a path", "http/session.py", "proxies) if proxies else request.path_url", "proxies) if False else request.path_url", SESSION),
    Mutant("connections outlive their account", "http/session.py", "self._pools.clear()", "pass", SESSION),
    Mutant("each request has a connection of its own", "http/session.py", "if origin not in self._pools:", "self.poolmanager.clear()\n        if True:", SESSION),
    Mutant("cursors are trusted", "paging/base.py", "return bool(self._cursors) and", "return False and", COVAGE),
    # Completeness
    Mutant("a short list is whole", "paging/passes.py", "if total is not None and seen < total:", "if False:", LEDGER),
    Mutant("a short list's children are whole", "sync/reader.py", "child.is_short = listing.is_short", "pass", "tests/sync/test_completeness.py -k version_is"),
    Mutant("a short list proves who is settled", "streams/backdated.py", "if self.is_short or self.known is None:", "if self.known is None:", BACKDATED),
    Mutant("a whole table ends at the start date", "streams/backdated.py", "if since and self._others", "if self._others", BACKDATED),
    Mutant("nothing is posted late", "streams/backdated.py", "return now.ids != self.known.ids and", "return False and", BACKDATED),
    Mutant("what has gone has all asked for", "streams/backdated.py", " and now.count >= self.known.count", "", BACKDATED),
    Mutant("one that has gone hides a late one", "streams/backdated.py", "now.ids != self.known.ids and now.count >=", "now.count >", BACKDATED),
    Mutant("a shorter lookback leaves days out", "streams/backdated.py", "day = min(day, times.shift(self.known.until, 1))", "pass", BACKDATED),
    Mutant("what may be paid yet is taken for settled", "streams/backdated.py", "if item.value and not item.is_open:", "if item.value:", BACKDATED),
    Mutant("an ended token is no error in a PDF's place", "streams/documents.py", "self.refuse(decode(body.read(MEBIBYTE)))", "pass", "tests/providers/test_exsited.py"),
    Mutant("a list is read once", "paging/passes.py", "MOST_PASSES = 3", "MOST_PASSES = 1", LEDGER),
    Mutant("a short list is always a warning", "streams/lists.py", 'if self.config.get("on_short") != "warn":', "if False:", LEDGER),
    Mutant("the ledger is written anew", "streams/ledger.py", '"a", encoding', '"w", encoding', LEDGER),
    # Bookmarks
    Mutant("no lookback", "streams/bookmark.py", "- timedelta(days=lookback_days)", "- timedelta(0)", MOVING),
    Mutant("the clock does not bound the bookmark", "streams/bookmark.py", "self._start_of_sync(), bound)", "bound)", FOLLOWING),
    Mutant("a failed stream moves its bookmark", "streams/outcome.py", "self.bookmark.hold()", "self.bookmark.finish()", FAULTS),
    Mutant("failed items are forgotten", "streams/bookmark.py", "self._failed.update(failed)", "pass", FAULTS),
    Mutant("failed items are kept for ever", "streams/bookmark.py", "self._failed.pop(item, None)", "pass", FAULTS),
    Mutant("the bookmark passes failed items beyond the limit", "streams/bookmark.py", "if len(self._failed) > MOST_FAILED:",
           "if False:", CRASH),
    Mutant("checkpoints know no floor", "streams/pending.py", "page[-1].floor = floor", 'page[-1].floor = "9999"', CRASH),
    Mutant("bookmarks are not bounded by their floor", "streams/bookmark.py", "self._write(floor)", "self._write(None)", CRASH),
    Mutant("any version is understood", "config/state.py", "if version not in range(VERSION + 1)", "if version not in range(99)", CRASH),
    Mutant("a bookmark may go back", "streams/bookmark.py", 'moved = max(new or "", self._old or "")', 'moved = new or self._old or ""', FOLLOWING),
    # Pending rules
    Mutant("open items are not due", "streams/children.py", "if item.is_open or is_due(", "if is_due(", FOLLOWING),
    Mutant("items without a date are not due", "records/replication.py", "or value is None or value >= since", 'or (value or "") >= since', FOLLOWING),
    Mutant("a missing item is a failure", "streams/children.py", "except GoneError as error:", "except ZeroDivisionError as error:", FAULTS),
    Mutant("an item that is refused is only a failure", "streams/children.py", "except (SignInError, ProviderDownError, BusyError):",
           "except ProviderDownError:", FAULTS),
    Mutant("versions are activated after failures", "streams/outcome.py", "if self.counts.failed:", "if False:", LEDGER),
    # Requests
    Mutant("ids are quoted in part", "streams/api.py", 'quote(value, safe="")', "quote(value)", FAULTS),
    Mutant("redirects count as answers", "http/answers.py", "if status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:",
           "if status < 400:", FAULTS),
    Mutant("a 403 is like others", "http/answers.py", "Cause.FORBIDDEN: RefusedError,", "Cause.FORBIDDEN: FatalAPIError,", FAULTS),
    Mutant("no token is renewed", "http/client.py", "if not self._renew(signed, counts):", "if True:", FAULTS),
    Mutant("5xx are not tried again", "http/answers.py", "or status >= HTTPStatus.INTERNAL_SERVER_ERROR", "or status == 599", FAULTS),
    Mutant("broken bodies for ever", "http/retry.py", "BODY_TRIES = 3", "BODY_TRIES = 300", RETRY),
    Mutant("Retry-After is not obeyed", "http/retry.py", "(wait if asked is None else asked) + jitter", "wait + jitter", RETRY),
    Mutant("any Retry-After is waited for", "http/retry.py", "(asked or 0) > left", "False", RETRY),
    Mutant("the queue takes from a request's time", "http/retry.py", "self._started += time.monotonic() - self._stopped", "pass", CLIENT),
    Mutant("faults of this machine are the provider's", "http/retry.py", "    if machine.fault(error):\n        return True\n", "", RETRY),
    Mutant("the clock of the last answer", "http/client.py", "if self._started_at is None:", "if True:", FOLLOWING),
    Mutant("nobody else signs in", "http/auth.py", "and self._refused > 1", "and False", AUTH),
    Mutant("waits do not grow", "http/retry.py", "backoff.expo(factor=FIRST_WAIT, max_value=LONGEST_WAIT)", "backoff.expo(factor=FIRST_WAIT, max_value=FIRST_WAIT)", RETRY),
    Mutant("providers are never down", "http/client.py", "self.down = str(error)", "pass", FAULTS),
    Mutant("a pause holds for one", "http/client.py", "self._limiter.pause(seconds)", "pass", CLIENT),
    Mutant("as many at once as there are threads", "concurrency/limiter.py", "if self._in_flight >= self._allowed:", "if False:", LIMITER),
    Mutant("tokens are renewed at their end", "http/auth.py", "_EARLIEST_RENEWAL = 30.0", "_EARLIEST_RENEWAL = 0.0", AUTH),
    Mutant("answers that hardly come are waited for", "http/watch.py", "            answer.look()", "            del answer", f"{FAULTS} -k hardly"),
    Mutant("answers that come slowly are cut off", "http/watch.py", "now >= self._since + self._seconds", "True", f"{FAULTS} -k slowly"),
    # BatchQueue, crash, secrets
    Mutant("what overflows is dropped", "concurrency/spill_queue.py", "self._in_file += 1", "pass",
           "tests/process/test_concurrency.py"),
    Mutant("a writer waits while its reader lingers", "concurrency/spill_queue.py", "self._waiting = True", "pass", "tests/process/test_concurrency.py -k gather"),
    Mutant("small items wait until there are many", "concurrency/spill_queue.py", "self._is_worth_it, _LINGER", "self._is_worth_it", "tests/process/test_concurrency.py -k moment"),
    Mutant("errors end in silence", "concurrency/spill_queue.py", "raise self._error", "return None", FAULTS),
    Mutant("STATE overtakes records", "sync/output.py",
           "            self._writer.write_lines(lines)\n            self._keep(account, bookmarks)\n            if self.is_state_due():\n                self._write_state()\n",
           "            self._keep(account, bookmarks)\n            if self.is_state_due():\n                self._write_state()\n            self._writer.write_lines(lines)\n", SIDE_BY_SIDE),
    Mutant("signals end with 0", "sync/output.py", "sys.exit(128 + signum)", "sys.exit(0)", CRASH),
    Mutant("nothing is masked", "cli/redact.py", "text = text.replace(form, _MASK)", "pass", SECURITY),
    Mutant("minted tokens show", "http/client.py", "self.secrets.update(", "set().update(", SECURITY),
    Mutant("children's handlers are not guarded", "cli/redact.py", "[logging.getLogger(), *logging.Logger.manager.loggerDict.values()]",
           "[]", SECURITY),
    Mutant("any certificate will do", "http/session.py", "verify=self._verify", "verify=False", SECURITY),
    # The unified invoice
    Mutant("the other sign is rounded", "einvoice/exact.py", "decimal.copy_negate() if decimal", "-decimal if decimal", EXACT),
    Mutant("unknown amounts have no sign", "einvoice/rules.py", "if amounts is None else amounts", "", "tests/providers/test_unified.py"),
    Mutant("zero keeps its sign", "einvoice/exact.py", "return decimal or decimal.copy_abs()", "return decimal", EXACT),
    Mutant("sums are rounded", "einvoice/exact.py", "prec=200, traps=[Inexact, InvalidOperation]", "prec=200", EXACT),
    Mutant("the sign names any currency's word", "einvoice/currency.py", 'named in {"", "€"} or named.startswith("EUR")', "True", UNIFIED),
    Mutant("days are cut in UTC", "einvoice/days.py", "moment if len(value) == _DAY else moment.astimezone(zone)", "moment", UNIFIED),
    Mutant("a credit note may be owed", "einvoice/rules.py", "and type_code in CREDIT_NOTES else", "and not type_code else", UNIFIED),
    Mutant("a rate is percent", "einvoice/tax.py", "if as_percent == as_fraction:", "if not as_percent and not as_fraction:", UNIFIED),
    Mutant("what is derived is tested", "einvoice/model.py", "untested=[*untested, *derived]", "untested=untested", UNIFIED),
    Mutant("what is not told is not paid", "einvoice/checks.py", "0 if paid is None and states_all else paid", "paid or 0", UNIFIED),
    Mutant("a rate's tax must be right", "einvoice/checks.py", "max(counts[entry", "min(0, counts[entry", UNIFIED),
    Mutant("any invoice's XML is believed", "einvoice/reading.py", "not (number is None or", "not (True or", EMBEDDED),
    Mutant("the older XML is read", "einvoice/reading.py", "if reading and kind > rank:", "if reading:", EMBEDDED),
    Mutant("a DOCTYPE is taken", "einvoice/xml.py", "    def doctype(self", "    def no_doctype(self", EMBEDDED),
    Mutant("elements are as deep as they like", "einvoice/xml.py", "if self._depth > _DEEPEST:", "if False:", EMBEDDED),
    Mutant("bombs go off", "einvoice/pdf.py", '"zlib_maximum_output_length": MOST_BYTES,', "", EMBEDDED),
    Mutant("bombs are counted by what they give", "einvoice/pdf.py", "left -= MOST_BYTES if", "left -= 0 if", EMBEDDED),
    Mutant("names go in circles", "einvoice/pdf.py", "if node is None or key in seen:", "if node is None:", EMBEDDED),
    Mutant("only named files are found", "einvoice/pdf.py", '*_items(catalog, "/AF"), ', "", EMBEDDED),
    Mutant("parts of a credit note keep their sign", "einvoice/cii.py", '    for entry in columns["tax_breakdown"] or []:', "    for entry in ():", EMBEDDED),
    Mutant("any currency's tax counts", "einvoice/cii.py", 'if not code or each.get("currencyID", code) == code', "if True", EMBEDDED),
    Mutant("a subtotal is a line", "einvoice/cii.py", '_NOT_COUNTED = {"GROUP", "INFORMATION"}', "_NOT_COUNTED = set[str]()", EMBEDDED),
    Mutant("a blank text is one", "einvoice/rules.py", "value if value and not value.isspace() else None", "value", UNIFIED),
    Mutant("lines with tax are taken as net", "einvoice/tax.py", "number(total) if are_net else None for", "number(total) for", UNIFIED),
    # Providers' invoices
    Mutant("every type is an invoice", "providers/covage/invoice.py", '_TYPE_CODES.get(row.get("invoice_type"))', '"380"', GOLDEN),
    Mutant("lines are never those of the XML", "providers/covage/invoice.py", "    if document is None:", "    if True:", f"{MAPPED}::test_what_the_xml_says_wins_over_the_list"),
    Mutant("prices with tax are net", "providers/exsited/invoice.py", 'if row.get("price_tax_inclusive") is False else None', "", f"{MAPPED}::test_whether_the_subtotal_is_without_tax_must_be_said"),
    Mutant("the total of taxes does not count", "providers/exsited/invoice.py", 'row.get("tax") if row.get("tax_total") is None else row["tax_total"]', 'row.get("tax")', GOLDEN),
    Mutant("a credit invoice's amounts keep their sign", "providers/i3dnet/invoice.py", "return signed(kind, major(row.get(name), code))", "return major(row.get(name), code)", GOLDEN),
    Mutant("of a credit invoice something is paid", "providers/i3dnet/invoice.py", 'None if kind in CREDIT_NOTES else row.get("totalPaidAmount")', 'row.get("totalPaidAmount")', GOLDEN),
    Mutant("what is not marked as paid is open", "providers/ibana/invoice.py", 'row.get("alreadyPaid") or None', 'row.get("alreadyPaid")', GOLDEN),
    Mutant("a price may be with tax", "providers/ibana/invoice.py", "None if net is None else amount_in", "amount_in", GOLDEN),
    Mutant("an order as text is not known", "providers/ibana/invoice.py", "number if isinstance(number, str) else None", "None", f"{MAPPED}::test_ibana_has_the_order_as_a_text_or_as_an_object"),
    Mutant("a negative total is an invoice", "providers/matas/invoice.py", '"381" if total < 0 else "380"', '"380"', GOLDEN),
    Mutant("what cannot be read is unpaid", "providers/matas/invoice.py", "return False if is_told else None", "return False", f"{MAPPED}::test_matas_is_unpaid_only_if_it_says_so"),
    # Records and accounts
    Mutant("arrays' fields are never deselected", "records/selection.py", "            _remove(item, path)\n", "            pass\n", f"{RECORD}::test_a_field_that_is_deselected_in_an_arrays_objects_goes_out_in_none"),
    Mutant("a field's name may be properties", "records/selection.py", 'next(crumbs, "") for crumb in crumbs if', "crumb for crumb in crumbs if not", f"{RECORD}::test_what_is_deselected_leaves_no_original_at_any_depth"),
    Mutant("what is at the bookmark is not due", "records/replication.py", "value >= since", "value > since", f"{FOLLOWING}::test_what_is_exactly_at_the_bookmark_is_due"),
    Mutant("bookmarks are of any width", "records/replication.py", "times.bookmark(times.parse(utc)) if utc", "utc if utc", "tests/sync/test_every_stream.py::test_bookmark_is_of_one_width"),
    Mutant("an account's secrets may be another's too", "sync/opener.py", "        self._identities.claim(account, config)\n", "", f"{SIDE_BY_SIDE}::test_two_accounts_that_turn_out_to_be_one_are_told"),
    Mutant("an account that cannot begin is not told", "sync/opener.py", "            self._report.fail(account, self._front.selected(account), describe(error), failure_type(error))\n", "", f"{SIDE_BY_SIDE}::test_a_secret_that_lacks_is_its_accounts_failure"),
    Mutant("rows of all invoices wait in memory", "sync/reader.py", "return BatchQueue(LEAST, may_wait", "return BatchQueue(may_wait", "tests/process/test_concurrency.py::test_rows_of_the_unified_streams_wait_in_a_file_for_all_that_is_written_before_them"),
    Mutant("what the XML says goes out beside the row", "streams/documents.py", "                row.pop(DOCUMENT, None)\n", "                pass\n", "tests/sync/test_embedded_xml.py::test_a_document_s_row_has_the_xml_that_its_pdf_carries"),
    # What reviews have found
    Mutant("the bookmark passes rows without their key", "streams/outcome.py", "        self.bookmark.stay()\n", "", KEYLESS),
    Mutant("a row without its key goes out", "records/verbatim.py", "if not (row_key := getattr(row, key)):",
           "if (row_key := getattr(row, key)) is Ellipsis:", VERBATIM),
    Mutant("days lie between the proof and the window", "streams/posted.py", "return min(start, times.shift(self.proof.until, 1))", "return start", COVAGE),
    Mutant("bookmarks come without their proof", "streams/bookmark.py", "self._beside(moved) if moved and not is_held else {}", "{}", COVAGE),
    Mutant("every window is read again", "streams/posted.py", "coming is not None and self.count.all_from(coming)",
           "coming is not None", COVAGE),
    Mutant("late ones come from before the start date", "streams/posted.py", '(self.floor or "") <= day < end', "day < end", COVAGE),
    Mutant("bookmarks on the way bring a proof of what is still to come", "streams/bookmark.py", "if moved and not is_held", "if moved", COVAGE),
    Mutant("only a finished read renews the proof", "streams/bookmark.py", "if moved and not is_held", "if moved and bound is None", COVAGE),
    Mutant("undated rows lie before the window", "paging/daycount.py", 'if "" < each <= day', "if each <= day", COVAGE),
    Mutant("rows that have gone count", "paging/daycount.py", " - self._gone)", ")", COVAGE),
    Mutant("the first day is asked for by its own bound", "streams/posted.py", "_beyond(first, -1),", "first,", COVAGE),
    Mutant("the last day is asked for by its own bound", "streams/posted.py", "_beyond(last, 1)", "last", COVAGE),
    Mutant("the count ends on a day with invoices", "paging/daycount.py", "if day not in self._by_day), self._start)", "), self._start)", COVAGE),
    Mutant("only the first shrink is read again", "paging/passes.py", "if self.paginator.moved and not is_same:", "if self.paginator.moved and not self._earlier:", COVAGE),
    Mutant("two readings that differ prove a list without a total", "paging/passes.py", "is_same if total is None else bool(self._earlier)", "bool(self._earlier)", COVAGE),
    Mutant("batches are told before their file", "streams/base.py", "if self.services.writer.is_state_due() and not self._waits_for_files:", "if self.services.writer.is_state_due():", CRASH),
    Mutant("accounts write on after a signal", "sync/output.py", "self._ended = self._ended or SystemExit(128 + signum)", "pass", CRASH),
    Mutant("what accounts have in common is told of the last alone", "sync/report.py", "(rows + count, accounts + 1)", "(count, 1)", SIDE_BY_SIDE),
    Mutant("bookmarks go before their lines", "sync/output.py", "write_lines(lines)", "write_lines(lines[:-1])", SIDE_BY_SIDE),
    Mutant("accounts share a user's maps", "streams/maps.py", "return all(isinstance", "return True or all(isinstance", SIDE_BY_SIDE),
    Mutant("one account that hangs speaks for all", "http/hosts.py", "self.in_vain >= _TRIES and ", "", SIDE_BY_SIDE),
    Mutant("a sign-in at a doubtful host waits for itself", "http/hosts.py", "self.asker = threading.get_ident()", "pass", f"{SIDE_BY_SIDE} -k wait_for_itself"),
    Mutant("a sign-in on the way waits for a turn", "http/hosts.py", "if on_the_way or not known.is_doubtful()", "if not known.is_doubtful()", f"{SIDE_BY_SIDE} -k on_the_way"),
    Mutant("who waits keeps its place", "http/retry.py", "if seconds >= _LONG_WAIT else", "if False else", SIDE_BY_SIDE),
    Mutant("a write that was cut short is not gone on with", "streams/writer.py", "rest = rest[binary.write(rest) :]", "rest = binary.write(rest) and None", CRASH),
    Mutant("any number of 404 is believed", "streams/failures.py", "return row if len(row) >= ALIKE else []", "return []", FOLLOWING),
    Mutant("a success does not end a row of 404", "streams/failures.py", "self._failures.clear()\n        self._gone.clear()", "self._failures.clear()", FOLLOWING),
    Mutant("what is doubted is doubted again", "streams/children.py", "for each in row if not each.again}", "for each in row}", FOLLOWING),
    Mutant("lost items need not be in a row", "streams/failures.py", "_are_all(row[-_LOST:], LostError)",
           "sum(isinstance(e, LostError) for e in row) >= _LOST", FOLLOWING),
    Mutant("a success does not end a row of failures", "streams/failures.py", "self._failures.clear()\n        self._gone.clear()", "self._gone.clear()", FOLLOWING),
    Mutant("old failures end a stream", "streams/failures.py", "if not due.again:", "if True:", FOLLOWING),
    Mutant("refusals end nothing", "streams/failures.py", "self._outcomes == _REFUSED or", "False or", FOLLOWING),
    Mutant("the first row's value stands for an order's", "streams/pending.py", "for item in items)\n", "for item in new)\n", CRASH),
    Mutant("an order fails with its first row's value", "streams/pending.py", "self._repeated.pop(item.id, item.value)", "item.value", CRASH),
    Mutant("another invoice is an answer", "streams/details.py", "not is_key(own_id) or str(own_id) == due.id", "True", FOLLOWING),
    Mutant("an answer without an id may come twice", "streams/details.py", "if not self._came.add(encode(content)) and", "if False and", FOLLOWING),
    Mutant("an answer that had an id is another without it", "streams/details.py", "content.pop(self.parent_key", "content.get(self.parent_key", FOLLOWING),
    Mutant("another order's list is an answer", "streams/children.py", "if owners and due.id not in owners:", "if False:", FOLLOWING),
    Mutant("unexpected errors tell their text", "streams/children.py", 'f"unexpected {type(error).__name__}"', 'f"unexpected {type(error).__name__}: {error}"', FOLLOWING),
    Mutant("410 is a failure", "http/answers.py", "Cause.GONE: GoneError,", "Cause.GONE: FatalAPIError,", FOLLOWING),
    Mutant("too long a wait is an item's failure", "streams/children.py", "except (SignInError, ProviderDownError, BusyError):",
           "except (SignInError, ProviderDownError):", FAULTS),
    Mutant("a CR stands inside a verbatim row", "records/verbatim.py", ' or b"\\r" in body', "", VERBATIM),
    Mutant("times are rounded up into the bookmark", "streams/bookmark.py", '[cast("VerbatimRow", max(rows, key=_changed)).record()]', "[max(rows, key=_changed)]", VERBATIM),
    Mutant("escapes hide a time", "records/verbatim.py", 'b"\\\\" in body and _ESCAPED.search(body)', "False", VERBATIM),
    Mutant("a year is a time of 1970", "times.py", "_LEAST_SECONDS, _MOST_SECONDS = 100_000_000,", "_LEAST_SECONDS, _MOST_SECONDS = 1,", "tests/unit/test_record.py"),
    Mutant("what a PDF said is overwritten where it goes", "streams/unified_documents.py", "[] if self._read_before.may_hold(due) else ", "", "tests/sync/test_unified_streams.py"),
    Mutant("days begin in UTC everywhere", "streams/api.py", 'ZoneInfo(self.settings.get("time_zone") or "UTC")', 'ZoneInfo("UTC")', "tests/providers/test_matas.py"),
    Mutant("an integer may have a point", "records/conform.py", "_Field(_integer, {int})", "_Field(_integer, {int, Decimal})", RECORD),
    Mutant("numbers may be text", "records/conform.py", "_Field(_number, {int, Decimal})", "_Field(_number, {int, Decimal, str})", RECORD),
    Mutant("amounts in maps are written as Python does", "records/decimals.py", 'f"{number:f}" if is_short else str(number)', "str(number)", "tests/unit/test_record.py"),
    Mutant("links are followed", "providers/covage/streams.py", 'return parse_qs(urlsplit(next_page).query)["cursor"][0]',
           "return next_page", FAULTS),
)  # fmt: skip


def copy_tree(folder: Path) -> None:
    """Put a copy of what the tests need into a folder."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)


def run(folder: Path, tests: str, seconds: float | None = None) -> bool:
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
def longest(folder: Path, tests: str) -> float:
    """Run tests without a mutant, and return the seconds that they may take with one."""
    began = time.monotonic()
    if not run(folder, tests):
        msg = f"{tests} fails without a mutant"
        raise LookupError(msg)
    return max(LEAST, LONGER * (time.monotonic() - began))


def outcome_of(folder: Path, mutant: Mutant) -> str:
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


def main(words: list[str]) -> int:
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
