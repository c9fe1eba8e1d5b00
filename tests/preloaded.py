"""Libraries that tests load into `weir` (LD_PRELOAD), built of one C file each."""
import functools
import os
import pathlib
import subprocess

TESTS = pathlib.Path(__file__).resolve().parent


@functools.lru_cache
def library(source: str) -> str:
    """The library of `source`, a path below tests/; built anew where the source is newer."""
    source = TESTS / source
    built = TESTS.parent / "build/tests" / f"{source.stem}.so"
    if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
        built.parent.mkdir(parents=True, exist_ok=True)
        part = built.with_suffix(f".{os.getpid()}")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-o", part, source,
                        "-ldl"], check=True)
        part.rename(built)
    return str(built)
