"""Paging alone, against servers made of plain Python: whatever moves or repeats, nothing that stayed is missed."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_invoices.errors import PagingError
from tap_invoices.paging.base import CursorPaginator, Page
from tap_invoices.paging.keys import KeySet
from tap_invoices.paging.offset import PageNumberPaginator
from tap_invoices.providers.exsited import streams as exsited
from tap_invoices.providers.i3dnet import streams as i3dnet
from tap_invoices.providers.ibana import streams as ibana
from tests.support.run import fresh_seeds

KINDS = {"exsited": exsited.Paginator, "ibana": ibana.Paginator, "i3dnet": i3dnet.Paginator}
COUNTED = ("exsited", "ibana")
SOON = 3
"""Requests within which a repetition must be an error."""


@dataclass
class Server:
    """A list in the order of its creation, that answers as one of the providers does."""

    kind: str
    rows: list[int]
    cap: int = 10**9
    asked: list[object] = field(default_factory=list)

    def answer(self, window):
        self.asked.append(window)
        if self.kind == "ibana":
            assert window.start % window.size == 0, "no page number leads there"
        rows = self.rows[window.start : window.start + min(window.size, self.cap)]
        more = window.start + len(rows) < len(self.rows)
        total = len(self.rows) if self.kind in COUNTED else None
        following = {"exsited": "link" if more else "NULL", "ibana": more}.get(self.kind)
        return page(rows, total, following)


def page(rows, total=None, following=None):
    """Return a page of rows that are their own keys; real keys are texts, and hashed as such."""
    return Page(list(rows), [f"key {row}" for row in rows], 0, total, following)


def paginator(kind, page_size):
    return KINDS[kind](page_size)


def read(pages, answer, between=lambda: None, most=10_000):
    """Read a list to its end; return all rows that came out."""
    found = []
    for _ in range(most):
        if pages.finished:
            return found
        between()
        found += pages.advance(answer(pages.current_value))
    pytest.fail(f"no end after {most} requests")


KINDS_OF_MOVES = ("insert", "delete", "append")
moves = st.tuples(st.sampled_from(KINDS_OF_MOVES), st.integers(0, 60), st.integers(1, 15))
"""What happens to the list, where, and to how many rows."""
bursts = st.lists(moves, max_size=4)


def move(rows, number, new):
    """Change a list in place."""
    kind, place, count = number
    if kind == "delete":
        del rows[place : place + count]
    else:
        place = place if kind == "insert" else len(rows)
        rows[place:place] = [next(new) for _ in range(count)]


def stayed(before, after):
    return set(before) & set(after)


@pytest.mark.parametrize("kind", KINDS)
@given(count=st.integers(0, 70), page_size=st.integers(1, 30), cap=st.integers(2, 40))
def test_a_quiet_list_comes_whole_and_once(kind, count, page_size, cap):
    server = Server(kind, list(range(count)), cap if kind != "ibana" else 10**9)
    assert read(paginator(kind, page_size), server.answer) == server.rows
    step = max(1, min(page_size if kind == "ibana" else page_size - 1, server.cap - 1))
    if kind != "ibana":
        assert max(window.size for window in server.asked) <= max(page_size, 2), "more may be refused"
    assert len(server.asked) <= 2 + (count // step if kind != "ibana" else 2 * count // max(1, page_size // 2))


@pytest.mark.parametrize("kind", KINDS)
@given(
    count=st.integers(0, 60),
    page_size=st.integers(1, 12),
    cap=st.integers(2, 20),
    turns=st.lists(bursts, max_size=12),
)
@settings(max_examples=400)
def test_nothing_that_stayed_is_missed(kind, count, page_size, cap, turns):
    """Rows come and go anywhere, between any two pages: the pass misses nothing that stayed, or says that it failed."""
    server = Server(kind, list(range(count)), cap if kind != "ibana" else 10**9)
    begin, new, queue = list(server.rows), itertools.count(1000), iter(turns)

    def between():
        for number in next(queue, ()):
            move(server.rows, number, new)

    pages = paginator(kind, page_size)
    staying = set(begin)

    def watched():
        between()
        staying.intersection_update(server.rows)

    try:
        found = read(pages, server.answer, watched)
    except PagingError:
        return
    assert staying <= set(found)
    assert len(found) == len(set(found)), "a row came out twice"


@given(count=st.integers(4, 60), page_size=st.integers(4, 12), inserted=st.lists(st.integers(0, 2), max_size=9))
def test_i3dnet_ends_though_rows_come_in_front_before_each_request(count, page_size, inserted):
    """Where the list is shown to its end again, with the last row pushed back on the page, it ends there."""
    server, new = Server("i3dnet", list(range(count))), itertools.count(1000)
    queue = iter([0] * (count // (page_size - 1)) + inserted)

    def between():
        move(server.rows, ("insert", 0, next(queue, 0)), new)

    assert set(range(count)) <= set(read(paginator("i3dnet", page_size), server.answer, between))


@pytest.mark.parametrize("kind", KINDS)
@given(count=st.integers(0, 60), page_size=st.integers(4, 12), at=st.integers(1, 8), kind_of_move=moves)
@settings(max_examples=300)
def test_one_move_is_no_reason_to_fail(kind, count, page_size, at, kind_of_move):
    """Unless it puts just so many rows in front that a page comes again, which is refused."""
    server = Server(kind, list(range(count)))
    begin, new, turn = list(server.rows), itertools.count(1000), itertools.count()

    def between():
        if next(turn) == at:
            move(server.rows, kind_of_move, new)

    try:
        found = read(paginator(kind, page_size), server.answer, between)
    except PagingError:
        if kind_of_move[0] != "insert":
            raise
    else:
        assert stayed(begin, server.rows) <= set(found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_deleted_before_every_request_is_hardly_a_reason_to_fail(kind):
    """Nothing that stayed is missed, and all but a few of a hundred such passes come to their end."""
    failed = 0
    for seed in range(300):
        die = Random(seed)
        server = Server(kind, list(range(die.randint(0, 150))))
        pages = paginator(kind, die.randint(8, 30))

        def delete_one(rows=server.rows, die=die):
            if rows:
                del rows[die.randrange(len(rows))]

        try:
            found = read(pages, server.answer, delete_one)
        except PagingError:
            failed += 1
        else:
            assert set(server.rows) <= set(found)
    assert failed <= 9


def test_rows_beyond_a_gap_are_no_place_to_go_on_from():
    """A page beyond a gap was seen; while the tap steps back, that page's rows come to where it looks."""
    server, pages = Server("exsited", list(range(40))), paginator("exsited", 10)
    deletions = iter([(), (), (0, 1, 2), tuple(range(3, 13))])

    def between():
        for row in next(deletions, ()):
            server.rows.remove(row)

    assert set(read(pages, server.answer, between)) == set(range(40))


def test_the_last_row_alone_is_the_end_only_where_it_was_asked_for():
    """Pages of one row: what is left of the list has come to its front."""
    server, pages = Server("exsited", list(range(4))), paginator("exsited", 1)
    between = itertools.count(1)

    def delete_first_two():
        if next(between) == 4:
            del server.rows[:2]

    assert 3 in read(pages, server.answer, delete_first_two)


@pytest.mark.parametrize(("page_size", "cap"), [(3, 2), (2, 10), (4, 3)])
def test_i3dnet_tells_a_shift_from_an_ignored_range(page_size, cap):
    """One row comes in front, and the second page starts with the first page's first row."""
    server, turn = Server("i3dnet", list(range(9)), cap), itertools.count()

    def between():
        if next(turn) == 1:
            server.rows[:0] = range(100, 99 + min(page_size, cap))

    assert set(range(9)) <= set(read(paginator("i3dnet", page_size), server.answer, between))


def history_ahead(kind, seed):
    """Read a list as the tap does, some pages ahead and each at its own moment, while it moves; tell what was lost."""
    die = Random(seed)
    count, page_size = die.randint(2, 40), die.randint(1, 8)
    server = Server(kind, list(range(count)), die.randint(2, 12) if kind == "exsited" else 10**9)
    staying, new, pages = set(server.rows), itertools.count(1000), paginator(kind, page_size)
    fetched, found, left = {}, [], die.randint(1, 6)
    while not pages.finished:
        assert len(server.asked) < 1000, "it goes round"
        wanted = [pages.current_value, *pages.ahead(3)]
        fetched = {window: came for window, came in fetched.items() if window in wanted}
        missing = [window for window in wanted if window not in fetched]
        for window in die.sample(missing, len(missing)):
            if left and die.random() < 0.5:
                left -= 1
                move(server.rows, (die.choice(KINDS_OF_MOVES), die.randint(0, count), die.randint(1, 9)), new)
                staying.intersection_update(server.rows)
            fetched[window] = server.answer(window)
        try:
            found += pages.advance(fetched.pop(pages.current_value))
        except PagingError:
            return set()
    return staying - set(found)


@pytest.mark.parametrize("kind", COUNTED)
def test_pages_fetched_ahead_in_any_order_miss_nothing(kind):
    assert not [seed for seed in range(4_000) if history_ahead(kind, seed)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", COUNTED)
def test_pages_fetched_ahead_in_any_order_miss_nothing_at_length(kind):
    assert not [seed for seed in fresh_seeds(100_000) if history_ahead(kind, seed)]


@given(count=st.integers(0, 300), page_size=st.integers(2, 40), cap=st.integers(2, 60))
def test_what_is_fetched_ahead_is_what_is_asked_for(count, page_size, cap):
    """Guesses that do not come true are requests for nothing: few, and only until the server's cap is known."""
    server, pages = Server("exsited", list(range(count)), cap), paginator("exsited", page_size)
    guessed, asked = set(), set()
    while not pages.finished:
        guessed.update(pages.ahead(4))
        asked.add(pages.current_value)
        pages.advance(server.answer(pages.current_value))
    assert len(guessed - asked) <= 4


@given(page_size=st.integers(1, 100), position=st.integers(1, 100_000), cap=st.none() | st.integers(2, 100))
@settings(max_examples=1000)
def test_numbered_windows_overlap_and_get_on(page_size, position, cap):
    pages = paginator("ibana", page_size)
    pages._place.cap = min(cap or 0, page_size)
    window = pages.plan(position)
    assert window.start % window.size == 0
    most = pages._place.cap or page_size
    assert position < window.start + window.size, "it gets on"
    if window.start == position or window.size > most:
        assert not any(position % take for take in range(2, most + 1)), "no page holds the row before, and gets on"
    assert window.start < position or cap, "only a server that cuts pages down leaves no other way"
    assert window.size <= most or not cap


@given(page_size=st.integers(20, 100), count=st.integers(0, 2000))
def test_numbered_windows_never_repeat(page_size, count):
    server = Server("ibana", list(range(count)))
    read(paginator("ibana", page_size), server.answer)
    assert len(set(server.asked)) == len(server.asked)
    for one, other in itertools.pairwise(server.asked):
        assert other.start < one.start + one.size < other.start + other.size


@given(count=st.integers(0, 60), cap=st.integers(2, 4), at=st.integers(1, 30), change=moves)
@settings(max_examples=500)
def test_numbered_pages_that_are_cut_down_to_a_few_rows_miss_nothing(count, cap, at, change):
    server, pages = Server("ibana", list(range(count)), cap), paginator("ibana", 10)
    begin, new, turn = list(server.rows), itertools.count(1000), itertools.count()

    def between():
        if next(turn) == at:
            move(server.rows, change, new)

    try:
        found = read(pages, server.answer, between)
    except PagingError:
        assert change[0] == "insert"
    else:
        assert stayed(begin, server.rows) <= set(found)


def test_a_base_class_does_not_page():
    with pytest.raises(TypeError):
        PageNumberPaginator(10)


# Repetition


def until_error(pages, answer, most=60):
    """Read until the paging refuses; return the pages that came and the error."""
    came = []
    while not pages.finished:
        assert len(came) < most, "it goes round"
        came.append(answer(len(came), pages.current_value))
        try:
            pages.advance(came[-1])
        except PagingError as error:
            return came, str(error)
    pytest.fail("the list ended")


def first_repeated(came):
    """Return the number of requests up to the first page of which no row is new."""
    seen = set()
    for number, one in enumerate(came, 1):
        if number > 1 and seen.issuperset(one.keys):
            return number
        seen.update(one.keys)
    return len(came)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("total", [1000, 21])
@pytest.mark.parametrize("turns", [1, 2])
def test_offset_pages_in_turns_end_soon(kind, turns, total):
    """The server gives A, A, A … or A, B, A, B … whatever is asked for, each as large as asked for."""

    def answer(number, window):
        first = number % turns * 10
        more = {"exsited": "link", "ibana": True}.get(kind)
        return page(range(first, first + window.size), total if kind in COUNTED else None, more)

    came, message = until_error(paginator(kind, 10), answer)
    assert len(came) <= first_repeated(came) + SOON
    assert any(character.isdigit() for character in message), "it names the page"


@pytest.mark.parametrize("kind", KINDS)
@given(page_size=st.integers(2, 30), sent=st.integers(2, 30), turns=st.integers(1, 4))
def test_pages_that_ignore_the_window_end_soon(kind, page_size, sent, turns):
    """Pages of the server's own size, in turns; more than two of them look like a list that moves, a little longer."""
    step = sent
    soon = SOON if turns <= 2 else 6 * SOON

    def answer(number, _window):
        first = number % turns * step
        more = {"exsited": "link", "ibana": True}.get(kind)
        return page(range(first, first + sent), 10_000 if kind in COUNTED else None, more)

    pages, came = paginator(kind, page_size), []
    while not pages.finished:
        came.append(answer(len(came), pages.current_value))
        assert len(came) <= first_repeated(came) + soon
        try:
            pages.advance(came[-1])
        except PagingError:
            return
    assert kind == "i3dnet", "a list that counts its rows may not end in the middle"
    assert turns == 1 or sent > page_size, "the same rows again can be all there is, pages in turns cannot"


@pytest.mark.parametrize("kind", COUNTED)
def test_two_pages_in_turns_that_overlap_by_chance_end_soon(kind):
    def answer(number, _window):
        return page(range(number % 2 * 29, number % 2 * 29 + 30), 10_000, {"exsited": "link", "ibana": True}[kind])

    came, _ = until_error(paginator(kind, 30), answer)
    assert len(came) <= first_repeated(came) + SOON


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("is_counted", [True, False])
@given(count=st.integers(0, 70), page_size=st.integers(1, 30), is_naive=st.booleans())
def test_a_next_page_that_is_promised_and_brings_nothing_is_the_end(kind, is_counted, count, page_size, is_naive):
    """The server says that there is another page after each that is not empty, or after each full one."""
    rows, requests = list(range(count)), itertools.count(1)

    def answer(window):
        assert next(requests) <= 3 * count + 2 * SOON
        found = rows[window.start : window.start + window.size]
        more = len(found) == window.size if is_naive else bool(found)
        return page(found, count if is_counted else None, more if kind == "ibana" else "link" if more else "NULL")

    assert read(paginator(kind, page_size), answer) == rows


@given(count=st.integers(0, 40), page_size=st.integers(1, 12), cap=st.integers(1, 12))
def test_numbered_pages_of_the_servers_own_size_end_nothing_early(count, page_size, cap):
    """It counts its pages by the size that it allows, and its rows for nobody: all come, or the list has failed."""
    rows = list(range(count))

    def answer(window):
        number, size = window.start // window.size, min(window.size, cap)
        return page(rows[number * size : (number + 1) * size], None, (number + 1) * size < count)

    try:
        assert read(paginator("ibana", page_size), answer, most=500) == rows
    except PagingError:
        assert cap < max(page_size, 5), "larger pages than these are not asked for"


@pytest.mark.parametrize("kind", COUNTED)
def test_pages_far_beyond_the_total_are_refused(kind):
    """A server that makes up rows for ever, and says that there are 20."""

    def answer(_number, window):
        return page(range(window.start, window.start + window.size), 20, "link" if kind == "exsited" else True)

    came, message = until_error(paginator(kind, 10), answer)
    assert len(came) <= 3 + SOON
    assert "20" in message


@pytest.mark.parametrize("kind", COUNTED)
def test_a_list_that_grows_while_it_is_read_is_no_endless_one(kind):
    server, new = Server(kind, list(range(30))), itertools.count(1000)

    def between():
        if len(server.rows) < 200:
            server.rows.extend(next(new) for _ in range(9))

    found = read(paginator(kind, 10), server.answer, between)
    assert found == server.rows


def test_i3dnet_ends_on_a_page_without_a_new_row_not_on_a_short_one():
    """The server sends fewer than asked for, as it likes."""
    sizes = itertools.cycle([10, 3, 7, 2, 11])
    rows = list(range(60))

    def answer(window):
        return page(rows[window.start : window.start + min(window.size, next(sizes))])

    assert read(paginator("i3dnet", 10), answer) == rows


@pytest.mark.parametrize("count", [1, 7, 24, 26, 31])
def test_i3dnet_takes_the_whole_list_from_a_server_that_knows_no_ranges(count):
    rows = list(range(count))
    requests = itertools.count(1)

    def answer(_window):
        assert next(requests) <= 1 + SOON
        return page(rows)

    assert read(paginator("i3dnet", 10), answer) == rows


@pytest.mark.parametrize("sent", [10, 25])
def test_i3dnet_refuses_first_rows_that_may_not_be_all(sent):
    came, message = until_error(paginator("i3dnet", 10), lambda _number, _window: page(range(sent)))
    assert len(came) <= 1 + SOON
    assert "RANGED-DATA" in message


# Cursors


def cursors(answers, most=60):
    """Read cursor pages from a function of the request's number and cursor."""
    return until_error(CursorPaginator(), answers, most)


@pytest.mark.parametrize("turns", [1, 2, 3, 5])
@pytest.mark.parametrize("total", [None, 1000])
def test_repeated_cursors_end_soon(turns, total):
    came, message = cursors(lambda number, _: page(range(number * 10, number * 10 + 10), total, f"c{number % turns}"))
    assert len(came) <= turns + SOON
    assert "c0" in message, "it names the cursor"


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_repeated_pages_under_new_cursors_end_soon(turns):
    came, message = cursors(
        lambda number, _: page(range(number % turns * 10, number % turns * 10 + 10), 1000, f"c{number}")
    )
    assert len(came) <= turns + SOON
    assert f"c{turns - 1}" in message, "it names the page"


@pytest.mark.parametrize("total", [None, 0, 15])
def test_empty_pages_for_ever_are_refused(total):
    came, _ = cursors(lambda number, _: page([], total, f"c{number}"))
    assert len(came) <= 1 + SOON


def test_cursors_beyond_the_total_are_refused():
    came, message = cursors(lambda number, _: page(range(number * 10, number * 10 + 10), 20, f"c{number}"))
    assert len(came) <= 2 + SOON
    assert "20" in message


def test_the_newest_total_counts():
    """A list that grows under a cursor is read to its end."""
    pages = CursorPaginator()
    rows = list(range(200))

    def answer(cursor):
        first = int(cursor or 0)
        return page(rows[first : first + 10], min(200, first + 25), str(first + 10) if first + 10 < 200 else None)

    assert read(pages, answer) == rows
    assert pages.total == 200


@given(count=st.integers(0, 60), page_size=st.integers(1, 20))
def test_cursor_pages_come_whole_and_once(count, page_size):
    rows = list(range(count))

    def answer(cursor):
        first = int(cursor or 0)
        after = first + page_size
        return page(rows[first:after], count, str(after) if after < count else None)

    assert read(CursorPaginator(), answer) == rows


@given(st.lists(st.text() | st.tuples(st.text(), st.text()), max_size=300))
def test_seen_is_a_set(keys):
    seen = KeySet()
    assert [key for key in keys if seen.add(key)] == list(dict.fromkeys(keys))
    assert len(seen) == len(set(keys))
    assert all(key in seen for key in keys)


def test_seen_takes_16_bytes_a_key_at_most():
    seen = KeySet()
    for number in range(200_000):
        seen.add(f"key {number}")
    shards = seen._shards
    assert sum(map(sys.getsizeof, (shards, *shards, *shards.values()))) <= 16 * 200_000
