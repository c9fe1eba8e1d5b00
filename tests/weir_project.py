"""A project folder of a test: files in, `weir` commands, and what the tables hold afterwards.

Tables are never read through Weir here: DuckDB's delta extension is the reader, so that a mistake
of ours in writing cannot hide behind the same mistake in reading.
"""
import contextlib
import pathlib
import re
import signal
import threading

import duckdb

from weir_process import ROOT, SECONDS_MAX, run_weir

# Columns of T__quarantine that differ between two computations of the same rows.
QUARANTINE_RUN_COLUMNS = ("quarantine_id", "epoch", "run", "ingest_time")


def delta_extension() -> pathlib.Path:
    return ROOT / "build/deps/test-extensions/delta.duckdb_extension"


_oracles = threading.local()


def oracle() -> duckdb.DuckDBPyConnection:
    """A DuckDB of the tests' own that can read Delta tables, one for each thread: to load its
    extension takes longer than most runs. Times are shown in UTC: that is what it does without its
    time zone extension, which is not loaded."""
    if not hasattr(_oracles, "connection"):
        connection = duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False,
                                            "autoload_known_extensions": False})
        connection.execute(f"LOAD '{delta_extension()}'")
        _oracles.connection = connection
    return _oracles.connection


class Ended:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err

    @property
    def text(self) -> str:
        return self.err + self.out

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stderr\n{self.err}--- stdout\n{self.out}"


class Project:
    def __init__(self, folder: pathlib.Path, run_flags=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.run_flags = list(run_flags)

    # --- files ---
    def path(self, name: str) -> pathlib.Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, content) -> None:
        data = content.encode() if isinstance(content, str) else content
        self.path(name).write_bytes(data)

    def append(self, name: str, content) -> None:
        data = content.encode() if isinstance(content, str) else content
        with open(self.path(name), "ab") as file:
            file.write(data)

    # --- commands ---
    def weir(self, *args: str, env=None, timeout=SECONDS_MAX) -> Ended:
        done = run_weir(*args, cwd=self.folder, timeout=timeout, env=env)
        if done.returncode < 0 and env is None:
            name = signal.Signals(-done.returncode).name
            raise AssertionError(f"weir {' '.join(args)} died of {name}\n{done.stderr.decode()}")
        return Ended(done.returncode, done.stdout.decode(errors="replace"),
                     done.stderr.decode(errors="replace"))

    def run(self, *args: str, env=None) -> Ended:
        return self.weir("run", ".", *self.run_flags, *args, env=env)

    def run_ok(self, *args: str) -> Ended:
        ended = self.run(*args)
        assert ended.code == 0, str(ended)
        return ended

    # --- tables ---
    @property
    def warehouse(self) -> pathlib.Path:
        return self.folder / "tables"

    def tables(self) -> list:
        if not self.warehouse.exists():
            return []
        return sorted(p.parent.name for p in self.warehouse.glob("*/_delta_log"))

    def version(self, table: str) -> int:
        commits = [int(p.stem) for p in (self.warehouse / table / "_delta_log").glob("*.json")
                   if re.fullmatch(r"\d{20}", p.stem)]
        return max(commits, default=-1)

    def versions(self) -> dict:
        return {table: self.version(table) for table in self.tables()}

    @contextlib.contextmanager
    def connect(self, query=None):
        """A connection with every table of the warehouse as a view; of a query's, those that it
        may name: to make a view reads the table's log."""
        connection = oracle()
        tables = [table for table in self.tables()
                  if query is None or table.lower() in query.lower()]
        for table in tables:
            connection.execute(f'CREATE VIEW "{table}" AS SELECT * FROM '
                               f"delta_scan('{self.warehouse / table}')")
        try:
            yield connection
        finally:
            for table in tables:
                connection.execute(f'DROP VIEW "{table}"')

    def rows(self, query: str) -> list:
        with self.connect(query) as connection:
            return connection.execute(query).fetchall()

    def contents(self) -> dict:
        """Every table as a multiset of rows, without what may differ between equal runs."""
        found = {}
        with self.connect() as connection:
            for table in self.tables():
                columns = [c[0] for c in connection.execute(f'DESCRIBE "{table}"').fetchall()]
                if table.endswith("__quarantine"):
                    columns = [c for c in columns if c not in QUARANTINE_RUN_COLUMNS]
                listed = ", ".join(f'CAST("{c}" AS VARCHAR)' for c in columns)
                if table.endswith("__quarantine"):
                    # A table's files are laid out by the run; a source's bytes stay where they are.
                    listed = listed.replace('CAST("position" AS VARCHAR)',
                                            "CASE WHEN raw IS NOT NULL THEN position END")
                rows = connection.execute(f'SELECT {listed} FROM "{table}"').fetchall()
                if rows or not table.endswith("__quarantine"):
                    found[table] = sorted(repr(row) for row in rows)
        return found


def difference(got: dict, wanted: dict) -> str:
    """What is wrong, for a message; '' if the tables are equal."""
    out = []
    for table in sorted(set(got) | set(wanted)):
        a, b = got.get(table), wanted.get(table)
        if a == b:
            continue
        if a is None or b is None:
            out.append(f"{table}: {'missing' if a is None else 'should not exist'}")
            continue
        extra, missing = list(a), []
        for row in b:
            if row in extra:
                extra.remove(row)
            else:
                missing.append(row)
        out.append(f"{table}: {len(a)} rows, wanted {len(b)}")
        out += [f"  + {row}" for row in extra[:5]] + [f"  - {row}" for row in missing[:5]]
    return "\n".join(out)
