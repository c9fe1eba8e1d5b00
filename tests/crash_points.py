"""Killing `weir` at a chosen change of the disk.

A small library (crash_points.c), loaded into the process, counts the calls that change files and
kills the process with SIGKILL at the n-th, before it happens. So every point between two changes
can be tried, one after the other, where a random moment would mostly fall between the same two.
"""
import functools
import os
import pathlib
import subprocess

from weir_project import ROOT, Ended

SOURCE = pathlib.Path(__file__).parent / "crash_points.c"


@functools.lru_cache
def library() -> str:
    built = ROOT / "build/tests/crash_points.so"
    if not built.exists() or built.stat().st_mtime < SOURCE.stat().st_mtime:
        built.parent.mkdir(parents=True, exist_ok=True)
        part = built.with_suffix(f".{os.getpid()}")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-o", str(part), str(SOURCE),
                        "-ldl"], check=True)
        part.rename(built)
    return str(built)


def run_until_killed(project, args, after: int) -> Ended:
    """Runs the project; the run is killed at its `after`-th change of the disk, if it has so many.

    The exit code tells which: -9 or what the run itself gave."""
    return project.run(*args, env={"LD_PRELOAD": library(), "WEIR_TEST_KILL_AT": str(after)})
