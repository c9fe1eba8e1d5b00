"""Killing `weir` at a chosen change of the disk.

A small library (crash_points.c), loaded into the process, counts the calls that change files and
kills the process with SIGKILL at the n-th, before it happens. So every point between two changes
can be tried, one after the other, where a random moment would mostly fall between the same two.
"""
import preloaded
from weir_project import Ended


def run_until_killed(project, args, after: int) -> Ended:
    """Runs the project; the run is killed at its `after`-th change of the disk, if it has so many.

    The exit code tells which: -9 or what the run itself gave."""
    return project.run(*args, env={"LD_PRELOAD": preloaded.library("crash_points.c"),
                                   "WEIR_TEST_KILL_AT": str(after)})
