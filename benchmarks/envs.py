"""The contenders' environments: one for each lock, made when the lock has changed."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCKS = Path(__file__).parent / "requirements"
ENVIRONMENTS = Path(__file__).parent / ".envs"
CHECKOUTS = {"tap": ROOT, "earlier": ENVIRONMENTS / "earlier.checkout"}
"""Where the code of an environment's tap is."""


def locks(name: str) -> list[Path]:
    """Return the locks of an environment; a tap's own are its project's, and today's has the extra for XML in PDFs."""
    if name in CHECKOUTS:
        own = [CHECKOUTS[name] / "requirements" / f"{lock}.txt" for lock in ("tap", "build")]
        return [*own, LOCKS / "einvoice.txt"] if name == "tap" else own
    return [(ROOT / "requirements" if name in {"target-jsonl", "targets"} else LOCKS) / f"{name}.txt"]


def prepare(name: str) -> Path:
    """Return an environment's Python; the environment is made if it is not as its lock says."""
    folder, python = ENVIRONMENTS / name, _python(name)
    stamp = hashlib.sha256(b"".join([sys.version.encode(), *(lock.read_bytes() for lock in locks(name))])).hexdigest()
    made = folder / ".made"
    if made.exists() and made.read_text() == stamp:
        return python
    print(f"Making the environment of {name}", flush=True)
    venv.create(folder, clear=True, symlinks=True)
    for lock in locks(name):
        _install(python, "--require-hashes", "--no-deps", "-r", str(lock))
    if name in CHECKOUTS:
        _install(python, "--no-deps", "--no-build-isolation", "--editable", str(CHECKOUTS[name]))
    made.write_text(stamp)
    return python


def check_out(revision: str) -> None:
    """Lay out an earlier revision of the project, for the environment of that name."""
    shutil.rmtree(CHECKOUTS["earlier"], ignore_errors=True)
    command = ["git", "-C", str(ROOT), "archive", revision]
    archive = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(CHECKOUTS["earlier"], filter="data")


def _python(name: str) -> Path:
    return ENVIRONMENTS / name / "bin" / "python"


def versions(name: str, *packages: str) -> dict[str, str]:
    """Return the versions of packages in an environment."""
    code = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    command = [str(_python(name)), "-c", code, *packages]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return dict(zip(packages, found.stdout.split(), strict=True))


def _install(python: Path, *arguments: str) -> None:
    """Install with uv, or where it is not at hand with pip."""
    own = ROOT / ".venv" / "bin" / "uv"
    uv = str(own) if own.exists() else shutil.which("uv")
    environ = {"UV_SYSTEM_CERTS": "1", "UV_BUILD_CONSTRAINT": str(ROOT / "requirements" / "build.txt"), **os.environ}
    program = [uv, "pip", "install", "--compile-bytecode"] if uv else [sys.executable, "-m", "pip", "--quiet"]
    target = ["--python", str(python)] if uv else ["--python", str(python), "install"]
    subprocess.run([*program, *target, "--quiet", *arguments], check=True, env=environ)  # noqa: S603
