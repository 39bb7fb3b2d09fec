"""Daemon threads that fetch: unlike an executor's, they never hold up the end of the process."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_Job = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class Pool:
    """A few daemon threads, started as they are needed.

    Args:
        name: Name of the threads, for whoever looks at them.
        size: Most threads.
    """

    def __init__(self, name: str, size: int) -> None:
        self.size = size
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._started = 0

    def submit(self, job: Callable[..., R], *args: Any) -> Future[R]:
        """Run a job in one of the threads.

        Raises:
            RuntimeError: If this machine has not even one more thread; fewer than wanted will do.
        """
        future: Future[R] = Future()
        self._jobs.put((future, job, args))
        if self._started < self.size:
            try:
                threading.Thread(target=self._work, name=f"{self._name}-{self._started + 1}", daemon=True).start()
            except RuntimeError:
                if not self._started:
                    raise
            else:
                self._started += 1
        return future

    def close(self) -> None:
        """Let the threads end, once they are idle."""
        for _ in range(self._started):
            self._jobs.put(None)

    def in_order(self, job: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, Future[R]]]:
        """Run a job for each item, some ahead of the reader, and yield the outcomes in the items' order."""
        ahead: deque[tuple[T, Future[R]]] = deque()
        try:
            for item in items:
                ahead.append((item, self.submit(job, item)))
                if len(ahead) > 2 * self.size:
                    yield ahead.popleft()
            while ahead:
                yield ahead.popleft()
        finally:
            for _, future in ahead:
                future.cancel()

    def _work(self) -> None:
        while (work := self._jobs.get()) is not None:
            future, job, args = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = job(*args)
            except BaseException as error:  # noqa: BLE001  (the reader gets it)
                future.set_exception(error)
            else:
                future.set_result(result)
            del work, future, job, args  # an idle thread keeps no page alive
