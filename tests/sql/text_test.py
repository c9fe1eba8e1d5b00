"""SQL text tests: what a .test file says, and doing it.  The grammar is in tests/sql/README.md."""
import gzip
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import tempfile

from crash_points import run_until_killed
from weir_project import Project, difference, oracle

LOOP_ROUNDS_MAX = 1000

# name -> flags of `weir run`, and what is done around each run.
CONFIGURATIONS = {
    "default": {},
    "threads1": {"flags": ["--threads", "1"]},
    "memory100": {"flags": ["--memory", "100MB"]},
    "splits": {"source": "'source.split-bytes' = '97'"},
    "restart": {"restart": True},
    "again": {"again": True},
    "killed": {"killed": True},
}


class Wrong(AssertionError):
    """The test failed: which line of the file, and why."""


class Step:
    def __init__(self, line: int, verb: str, args: str, body: list):
        self.line, self.verb, self.args, self.body = line, verb, args, body


CONTENT_VERBS = {"file", "append", "project", "parquet", "bytes"}
PLAIN_VERBS = {"remove", "rename", "mend", "join", "delete-rows", "gzip", "zstd", "restart"}
COMMAND_VERBS = {"run", "weir", "crash", "same-as-full-refresh"}


def parse(path: pathlib.Path) -> tuple:
    """(steps, expected failure or None)."""
    lines = path.read_text().splitlines()
    xfail = None
    for line in lines:
        if line.startswith("xfail "):
            xfail = line[6:]
    return _parse_block(path, lines, 0, {}, stop=None)[0], xfail


def _fail(path, number, why):
    raise Wrong(f"{path.name}:{number + 1}: {why}")


def _parse_block(path, lines, at, names, stop):
    steps = []
    while at < len(lines):
        line = _filled(lines[at], names)
        verb, _, args = line.strip().partition(" ")
        args = args.strip()
        start = at
        at += 1
        if not verb or verb.startswith("#") or verb == "xfail":
            continue
        if verb == stop:
            return steps, at
        if verb == "loop":
            name, first, last = args.split()
            if int(last) - int(first) > LOOP_ROUNDS_MAX:
                _fail(path, start, f"more than {LOOP_ROUNDS_MAX} rounds")
            end = at
            for value in range(int(first), int(last)):
                block, end = _parse_block(path, lines, at, {**names, name: str(value)}, "endloop")
                steps += block
            at = end
        elif verb in CONTENT_VERBS:
            body = []
            while at < len(lines) and lines[at] != "----end":
                body.append(_filled(lines[at], names))
                at += 1
            if at == len(lines):
                _fail(path, start, f"{verb} without ----end")
            at += 1
            steps.append(Step(start + 1, verb, args, body))
        elif verb in PLAIN_VERBS:
            steps.append(Step(start + 1, verb, args, []))
        elif verb in COMMAND_VERBS or verb in ("statement", "query", "skipif", "onlyif"):
            body = []
            if verb not in ("skipif", "onlyif"):
                while at < len(lines) and lines[at].strip():
                    body.append(_filled(lines[at], names))
                    at += 1
            steps.append(Step(start + 1, verb, args, body))
        else:
            _fail(path, start, f"unknown verb '{verb}'")
    if stop:
        _fail(path, at - 1, f"missing {stop}")
    return steps, at


def _filled(line, names):
    for name, value in names.items():
        line = line.replace("${" + name + "}", value)
    return line


def execute(path: pathlib.Path, configuration: str) -> None:
    with tempfile.TemporaryDirectory(prefix=f"weir-{path.stem}-") as folder:
        _Executor(path, configuration, pathlib.Path(folder)).execute(parse(path)[0])


class _Executor:
    def __init__(self, path, configuration, folder):
        self.path = path
        self.name = configuration
        self.configuration = CONFIGURATIONS[configuration]
        self.folder = folder
        self.project = Project(folder / "project", self.configuration.get("flags", ()))
        self.random = random.Random(path.stem)  # the same kills in every run of this test
        self.statements = 0

    def execute(self, steps):
        skip = False
        for step in steps:
            if step.verb in ("skipif", "onlyif"):
                skip = (self.name in step.args.split()) == (step.verb == "skipif")
                continue
            if skip:
                skip = False
                continue
            try:
                getattr(self, "do_" + step.verb.replace("-", "_"))(step)
            except AssertionError as error:
                raise Wrong(f"{self.path.name}:{step.line}: {step.verb} {step.args}\n{error}") \
                    from None

    # --- files ---
    def do_file(self, step):
        self.project.write(step.args, "".join(line + "\n" for line in step.body))

    def do_append(self, step):
        self.project.append(step.args, "".join(line + "\n" for line in step.body))

    def do_bytes(self, step):
        # Python's escapes; lines are joined without line ends.
        data = "".join(step.body).encode("latin-1", "backslashreplace").decode("unicode_escape")
        self.project.write(step.args, data.encode("latin-1"))

    def do_project(self, step):
        self.project.write(step.args or "project.sql", self.configured(step.body) + "\n")

    def configured(self, lines) -> str:
        """SQL with the configuration's option at every source of files that does not set it."""
        sql, option = "\n".join(lines), self.configuration.get("source")
        if not option or option.split(" ")[0] in sql:
            return sql
        source = "'connector' = 'filesystem'"
        return sql.replace(source, f"{source}, {option}")

    def do_parquet(self, step):
        target = self.project.path(step.args)
        oracle().execute(f"COPY ({' '.join(step.body)}) TO '{target}' (FORMAT parquet)")

    def do_remove(self, step):
        path = self.project.path(step.args)
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def do_rename(self, step):
        old, new = step.args.split()
        self.project.path(old).rename(self.project.path(new))

    def do_mend(self, step):
        name, wrong, right = step.args.split()
        text = self.project.path(name).read_text()
        assert wrong in text, f"{wrong} is not in {name}:\n{text}"
        self.project.write(name, text.replace(wrong, right))

    def do_join(self, step):
        name, more = step.args.split()
        self.project.append(name, self.project.path(more).read_bytes())

    def do_delete_rows(self, step):
        import deltalake
        table, _, condition = step.args.partition(" ")
        deltalake.DeltaTable(self.project.warehouse / table).delete(condition)

    def do_gzip(self, step):
        path = self.project.path(step.args)
        # No time in the header: the same bytes each time.
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()

    def do_zstd(self, step):
        import pyarrow
        path = self.project.path(step.args)
        with pyarrow.CompressedOutputStream(str(path) + ".zst", "zstd") as out:
            out.write(path.read_bytes())
        path.unlink()

    # --- commands ---
    def do_restart(self, step):
        """Only what is durable stays: .weir may be lost at any time."""
        shutil.rmtree(self.project.folder / ".weir", ignore_errors=True)

    def do_run(self, step):
        args = shlex.split(step.args)
        if self.configuration.get("restart"):
            self.do_restart(step)
        if self.configuration.get("killed"):
            for _ in range(3):
                run_until_killed(self.project, args, after=self.random.randrange(1, 120))
        ended = self.project.run(*args)
        # After a kill, the report of the same work differs; the exit code and the tables do not.
        self.check(step, ended, code_only=bool(self.configuration.get("killed")))
        if self.configuration.get("again") and ended.code == 0 and not args:
            before = self.project.versions()
            second = self.project.run()
            assert second.code == 0, f"a second run failed:\n{second}"
            assert self.project.versions() == before, f"a second run changed tables:\n{second}"

    def do_weir(self, step):
        args = step.args.replace("${PWD}", str(self.project.folder))
        self.check(step, self.project.weir(*shlex.split(args)))

    def do_crash(self, step):
        words = step.args.split()
        assert words[:1] == ["after"] and words[2:3] == ["ops"], "crash after N ops [run's flags]"
        run_until_killed(self.project, words[3:], after=int(words[1]))

    def do_same_as_full_refresh(self, step):
        """The tables equal those of one run over what is there now."""
        fresh = Project(self.folder / "fresh", self.project.run_flags)
        shutil.rmtree(fresh.folder)
        shutil.copytree(self.project.folder, fresh.folder,
                        ignore=shutil.ignore_patterns("tables", ".weir"))
        ended = fresh.run()
        assert ended.code == 0, str(ended)
        wrong = difference(self.project.contents(), fresh.contents())
        assert not wrong, f"the tables differ from those of one clean run:\n{wrong}"
        shutil.rmtree(fresh.folder)

    def check(self, step, ended, code_only=False):
        code, expectations = 0, []
        for line in step.body:
            word, _, rest = line.strip().partition(" ")
            if word == "exit":
                code = int(rest)
            elif word in ("out:", "out~", "no:"):
                expectations.append((word, rest.strip()))
            else:
                raise Wrong(f"neither exit, out:, out~ nor no: — {line}")
        assert ended.code == code, f"expected exit {code}, got {ended}"
        for word, wanted in [] if code_only else expectations:
            if word == "out~":
                assert re.search(wanted, ended.text, re.M), f"nothing matches {wanted!r} in {ended}"
            else:
                found = wanted in ended.text
                assert found == (word == "out:"), \
                    f"{'not found' if word == 'out:' else 'unwanted'}: {wanted!r} in {ended}"

    # --- SQL ---
    def do_statement(self, step):
        """The statement becomes part of the project, if it is right."""
        outcome, _, message = step.args.partition(" ")
        assert outcome in ("ok", "error"), "statement ok | statement error MESSAGE"
        self.statements += 1
        name = f"statement{self.statements:03}.sql"
        self.project.write(name, self.configured(step.body) + ";\n")
        if self.configuration.get("restart"):
            self.do_restart(step)
        ended = self.project.run()
        if outcome == "ok":
            assert ended.code == 0, str(ended)
            return
        (self.project.folder / name).unlink()
        assert ended.code == 2, f"expected exit 2, got {ended}"
        assert message.strip() in ended.text, f"not found: {message!r} in {ended}"

    def do_query(self, step):
        words = step.args.split()
        types, sort = words[0], (words[1] if len(words) > 1 else "nosort")
        assert "----" in step.body, "a query has ---- before its rows"
        cut = step.body.index("----")
        sql = "\n".join(step.body[:cut])
        wanted = [line.split("\t") if "\t" in line else re.split(r" {2,}", line)
                  for line in step.body[cut + 1:]]
        with self.project.connect(sql) as connection:
            got = [list(row) for row in connection.execute(
                f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({sql})").fetchall()]
        got = [["NULL" if v is None else v or "(empty)" for v in row] for row in got]
        for row in got:
            assert len(row) == len(types), f"{len(row)} columns, types say {len(types)}: {row}"
        if sort == "rowsort":
            got.sort()
            wanted.sort()
        equal = len(got) == len(wanted) and all(
            len(a) == len(b) and all(map(_equal, a, b, types)) for a, b in zip(got, wanted))
        listed = "\n".join("\t".join(row) for row in got)
        assert equal, f"got\n{listed}"


def _equal(got: str, wanted: str, kind: str) -> bool:
    if kind != "R" or "NULL" in (got, wanted):
        return got == wanted
    a, b = float(got), float(wanted)
    return a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b))
