"""Taps as processes of their own, forked from one that has imported what they need, which is most of their time.

Such a process differs in nothing but how it began: it has its arguments, its environment, its folder, its pipes and
its signals. What depends on how Python itself starts is for ``subprocess``.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path

COMMAND = [sys.executable, "-m", "tap_invoices"]
_ROOT = Path(__file__).resolve().parent.parent


class Process:
    """What ``subprocess.Popen`` would be of a tap's command line.

    With ``first``, the process imports the module of that name before all else.
    """

    def __init__(  # noqa: PLR0913
        self, command, *, cwd=None, env=None, stdin=None, stdout=None, stderr=None, process_group=None, first=None
    ):
        assert command[: len(COMMAND)] == COMMAND, command
        self.args, self.returncode = command, None
        self._waits = threading.Lock()
        self.stdout, out = _outlet(stdout, 1)
        self.stderr, err = _outlet(stderr, 2)
        given = {
            "arguments": command[len(COMMAND) :],
            "folder": os.fspath(cwd or Path.cwd()),
            "environment": dict(os.environ if env is None else env),
            "group": process_group,
            "first": first,
        }
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(_server())
        socket.send_fds(self._server, [b"\n"], [_nothing() if stdin is None else stdin.fileno(), out, err])
        for outlet, end in ((stdout, out), (stderr, err)):
            if outlet == subprocess.PIPE:
                os.close(end)
        self._server.sendall(json.dumps(given).encode() + b"\n")
        self._answers = b""
        self.pid = self._answer(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for stream in (self.stdout, self.stderr):
            if stream:
                stream.close()
        self.wait()

    def poll(self):
        if self._waits.acquire(blocking=False):  # else another thread does
            self._waits.release()
            with suppress(subprocess.TimeoutExpired):
                self.wait(0)
        return self.returncode

    def wait(self, timeout=None):
        with self._waits:
            if self.returncode is None:
                self.returncode = self._answer(timeout)
                self._server.close()
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def _answer(self, timeout):
        """Return the next number that the server tells: the process's id, then its exit code."""
        while b"\n" not in self._answers:
            if not select.select([self._server], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            told = self._server.recv(100)
            assert told, "the server of forked processes has ended"
            self._answers += told
        number, _, self._answers = self._answers.partition(b"\n")
        return int(number)


def run(command, *, cwd=None, env=None, timeout=None):
    """Run a tap to its end, and return what ``subprocess.run`` would with its output as text."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with Process(command, cwd=cwd, env=env, stdout=out, stderr=err) as process:
            try:
                process.wait(timeout)
            finally:
                process.kill()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    return subprocess.CompletedProcess(command, process.returncode, *texts)


def _outlet(given, number):
    """Return what reads from an outlet, and the descriptor that the process writes to."""
    if given == subprocess.PIPE:
        ours, theirs = os.pipe()
        return os.fdopen(ours, "rb"), theirs
    if given == subprocess.DEVNULL:
        return None, _nothing()
    if given is None:
        return None, number
    return None, given if isinstance(given, int) else given.fileno()


@cache
def _nothing():
    return os.open(os.devnull, os.O_RDWR)


@cache
def _server():
    """Start the process that forks, and return its address; it ends with this one, whose pipe it holds."""
    folder = tempfile.TemporaryDirectory(prefix="tap-invoices-forked-")
    address = f"{folder.name}/socket"
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", __name__, address],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"ready\n"

    def end():
        process.stdin.close()
        process.wait()
        process.stdout.close()
        folder.cleanup()

    atexit.register(end)
    return address


# In the process that forks


def _serve(address):
    """Fork one process for each connection; return what is to run in it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(100)
        os.write(1, b"ready\n")
        watchers = 0
        while True:
            readable, _, _ = select.select([listener, sys.stdin], [], [])
            while watchers and os.waitpid(-1, os.WNOHANG)[0]:
                watchers -= 1
            if sys.stdin in readable:
                os._exit(0)
            connection, _ = listener.accept()
            watchers += 1
            if not os.fork():
                listener.close()
                return _fork_and_watch(connection)
            connection.close()


def _fork_and_watch(connection):
    """Fork the tap's process, tell its id and its exit code, and end; in the tap's process, return what is to run."""
    _, outlets, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as file:
        given = json.loads(file.readline())
    pid = os.fork()
    if not pid:
        connection.close()
        return given, outlets
    for outlet in outlets:
        os.close(outlet)
    with suppress(OSError):  # nobody asks any more
        connection.sendall(b"%d\n" % pid)
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _become(given, outlets):
    """Take the place of a process that was started with these arguments."""
    if given["group"] is not None:
        os.setpgid(0, given["group"])
    for number, outlet in enumerate(outlets):
        os.dup2(outlet, number)
    for outlet in outlets:
        os.close(outlet)
    text = partial(os.fdopen, encoding="utf-8", closefd=False)
    sys.stdin = sys.__stdin__ = text(0)
    sys.stdout = sys.__stdout__ = text(1, "w")
    sys.stderr = sys.__stderr__ = text(2, "w", errors="backslashreplace", buffering=1)
    os.environ.clear()
    os.environ.update(given["environment"])
    os.chdir(given["folder"])
    sys.argv = ["tap_invoices", *given["arguments"]]
    if given["first"]:
        import_module(given["first"])


if __name__ == "__main__":
    import_module("tap_invoices.tap")
    _become(*_serve(sys.argv[1]))
    runpy.run_module("tap_invoices", run_name="__main__", alter_sys=True)
