"""A private PostgreSQL server for tests, in a folder of its own, reached by a Unix socket only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from tests.waiting import HANG_S

USER = "hushwire"
START_S = 30.0
STOP_S = 15.0
_DEBIAN = Path("/usr/lib/postgresql")
_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def available() -> str | None:
    """Why PostgreSQL can't be started here, or ``None`` when it can."""
    if server_program("initdb") is None or server_program("postgres") is None:
        return "no initdb and postgres (Debian package postgresql)"
    return None


class Postgres:
    """One server; ``stop`` and ``start`` keep its data and its address."""

    def __init__(self) -> None:
        # Not in pytest's folder: the server does not run as root, and only root may go there.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, object] = {}
        if os.geteuid() == 0:
            account = _unprivileged()
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self._run("initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "-N")

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database."""
        return f"postgresql+psycopg://{USER}@/postgres?host={self.folder}"

    def database(self, name: str) -> str:
        """URL of one more database, which is made."""
        with psycopg.connect(host=str(self.folder), user=USER, dbname="postgres") as connection:
            connection.autocommit = True
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def empty(self) -> None:
        """Remove everything from the database: faster than a database for each test."""
        self.execute("DROP SCHEMA public CASCADE")
        self.execute("CREATE SCHEMA public")

    def execute(self, statement: LiteralString) -> list[tuple[object, ...]]:
        """Run a statement as the owner of everything; its rows."""
        with psycopg.connect(host=str(self.folder), user=USER, dbname="postgres") as connection:
            connection.autocommit = True
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start the server and wait until it answers."""
        program = server_program("postgres")
        assert program is not None
        options = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": "60",
            "autovacuum_naptime": "3600",
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # type: ignore[call-overload]
                [program, "-D", self.data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no threads touch the child
                **self._as,
            )
        self._run("pg_isready", "-h", self.folder, "-t", str(int(START_S)), "-q", patient=True)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server; data stays."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def remove(self) -> None:
        """End the server and delete its folder."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *arguments: object, patient: bool = False) -> None:
        program = server_program(name)
        assert program is not None, name
        command = [program, *map(str, arguments)]
        for _ in range(int(START_S * 10) if patient else 1):
            done = subprocess.run(  # type: ignore[call-overload]
                command,
                cwd=self.folder,
                capture_output=True,
                check=False,
                timeout=HANG_S,
                **self._as,
            )
            if done.returncode == 0:
                return
            # pg_isready gives up at once while there is no socket yet.
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self._process is not None:
                    self._process.wait(0.1)
                    break
        raise RuntimeError(f"{name}: {done.stderr.decode()[-500:]}")


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A running server; ended and removed when the block is left."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def server_program(name: str) -> str | None:
    """Path of a server program: Debian keeps them out of the path, one folder per version."""
    versions = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return shutil.which(name) or (str(versions[-1]) if versions else None)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("PostgreSQL does not run as root, and there is nobody else")


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
