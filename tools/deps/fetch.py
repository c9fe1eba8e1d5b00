#!/usr/bin/env python3
"""Fetches a group of tools/deps/artifacts.lock, or a Python environment, into the download cache.

    fetch.py duckdb            # prints the folder that holds it
    fetch.py python-tests      # a virtual environment from python-tests.txt

The cache is ${WEIR_DEPS:-${XDG_CACHE_HOME:-~/.cache}/weir/deps} and is shared by all clones. A
folder's name carries the hash of its pins, so two versions live side by side; a lock makes
concurrent calls safe; a folder appears under its name only when it is whole.
"""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

HERE = pathlib.Path(__file__).parent
LAYOUT = 1  # raise it when what is laid out from the same artifacts changes
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


def cache_root() -> pathlib.Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(os.environ.get("WEIR_DEPS") or f"{base}/weir/deps")


def run(*command: str, cwd: pathlib.Path) -> None:
    # DuckDB's build system asks for a newer CMake than Debian's even for reading its metadata.
    env = {**os.environ, "SKBUILD_CMAKE_VERSION": ">=3.15"}
    done = subprocess.run(command, cwd=cwd, env=env, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nfetch.py: failed ({done.returncode}): {' '.join(command)}")


def make_venv(folder: pathlib.Path, *requirements: str) -> None:
    run(PYTHON, "-m", "venv", str(folder), cwd=HERE)
    for name in requirements:
        run(str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--require-hashes", "--no-build-isolation", "-r", str(HERE / name),
            cwd=HERE)


def download(row: dict, work: pathlib.Path) -> pathlib.Path:
    """Fetches one artifact with its registry's own client and checks its SHA-256."""
    if row["registry"] == "npm":
        run("npm", "pack", "--silent", f"{row['package']}@{row['version']}", cwd=work)
    elif row["registry"] == "pip":
        venv = work / "venv"
        source = row["file"].endswith(".tar.gz")
        pip = [PYTHON, "-m", "pip"]
        if source or subprocess.run([*pip, "--version"], capture_output=True).returncode != 0:
            # pip reads a source package's metadata through its build system: ours, pinned.
            if not venv.exists():
                make_venv(venv, "source-packages.txt")
            pip = [str(venv / "bin/python"), "-m", "pip"]
        pins = work / "pin.txt"
        pins.write_text(f"{row['package']}=={row['version']} --hash=sha256:{row['sha256']}\n")
        kind = (["--no-binary", ":all:", "--no-build-isolation"] if source
                else ["--only-binary", ":all:"])
        run(*pip, "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--require-hashes", *kind, "-d", str(work), "-r", str(pins), cwd=work)
    else:
        sys.exit(f"fetch.py: artifacts.lock names an unknown registry: {row['registry']}")
    file = work / row["file"]
    if not file.exists():
        sys.exit(f"fetch.py: {row['package']} {row['version']} did not bring {row['file']}")
    sha = hashlib.sha256(file.read_bytes()).hexdigest()
    if sha != row["sha256"]:
        sys.exit(f"fetch.py: {row['file']}: SHA-256 is {sha}, artifacts.lock says {row['sha256']}")
    return file


def unpack(file: pathlib.Path, folder: pathlib.Path) -> None:
    if file.name.endswith((".tar.gz", ".tgz")):
        with tarfile.open(file) as archive:
            archive.extractall(folder)
    else:
        with zipfile.ZipFile(file) as archive:
            archive.extractall(folder)


# DuckDB's own headers include these parts of its third_party folder. Its fmt is left out on
# purpose: it would hide the fmt that our code uses.
THIRD_PARTY = ("utf8proc/include", "fast_float", "fsst", "yyjson/include", "re2", "concurrentqueue",
               "fastpforlib", "pcg", "tdigest", "hyperloglog", "skiplist", "pdqsort",
               "jaro_winkler", "libpg_query/include")


def copy_headers(source: pathlib.Path, target: pathlib.Path) -> None:
    for file in sorted(source.rglob("*.h*")):
        if file.suffix in (".h", ".hpp") and file.is_file():
            to = target / file.relative_to(source)
            if not to.exists():
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, to)


def lay_out_duckdb(files: list, work: pathlib.Path, out: pathlib.Path) -> None:
    unpacked = work / "unpacked"
    for file in files:
        unpack(file, unpacked)
    library = unpacked / "package/libduckdb.so"
    source = next(unpacked.glob("duckdb-*/external/duckdb"))
    (out / "lib").mkdir(parents=True)
    shutil.copyfile(library, out / "lib/libduckdb.so")
    copy_headers(source / "src/include", out / "include")
    for part in THIRD_PARTY:
        copy_headers(source / "third_party" / part, out / "include")
    shutil.copyfile(source / "LICENSE", out / "LICENSE")
    (out / "version").write_text(source.parent.parent.name.removeprefix("duckdb-") + "\n")


def lay_out_extensions(files: list, work: pathlib.Path, out: pathlib.Path) -> None:
    out.mkdir()
    for file in files:
        unpack(file, work / "unpacked")
    for extension in (work / "unpacked").rglob("*.duckdb_extension"):
        shutil.copyfile(extension, out / extension.name)


def lay_out_plain(files: list, work: pathlib.Path, out: pathlib.Path) -> None:
    for file in files:
        unpack(file, out)


LAY_OUT = {"duckdb": lay_out_duckdb, "extensions": lay_out_extensions,
           "test-extensions": lay_out_extensions}


def fetch_artifacts(name: str, rows: list, folder: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder.parent) as temporary:
        work = pathlib.Path(temporary)
        files = [download(row, work) for row in rows]
        out = work / "out"
        LAY_OUT.get(name, lay_out_plain)(files, work, out)
        os.rename(out, folder)


def main() -> None:
    name = sys.argv[1]
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    requirements = HERE / f"{name}.txt"
    columns = ("group", "registry", "package", "version", "file", "sha256")
    lock = [dict(zip(columns, line.split())) for line in
            (HERE / "artifacts.lock").read_text().splitlines() if line and line[0] != "#"]
    rows = [row for row in lock if row["group"] == name]
    if not rows and not requirements.exists():
        sys.exit(f"fetch.py: neither artifacts.lock nor {requirements.name} knows {name}")
    pins = repr(rows) if rows else requirements.read_text()
    key = hashlib.sha256((pins + str(LAYOUT)).encode()).hexdigest()[:12]
    folder = root / f"{name}-{key}"
    whole = folder if rows else folder / ".whole"
    with open(root / f".{name}.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not whole.exists():
            print(f"fetching {name} into {folder}", file=sys.stderr)
            if rows:
                fetch_artifacts(name, rows, folder)
            else:
                # An environment can't be renamed; the mark says that it is whole.
                shutil.rmtree(folder, ignore_errors=True)
                make_venv(folder, "source-packages.txt", requirements.name)
                whole.touch()
    print(folder)


if __name__ == "__main__":
    main()
