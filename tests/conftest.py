"""Options of the whole test run."""
import os

import weir_process


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true",
                     help="also what takes minutes: every configuration, many seeds, Spark")
    parser.addoption("--configuration", action="append",
                     help="run the SQL tests so (tests/sql/README.md; default: 'default', with "
                          "--slow all)")


def pytest_configure(config):
    weir_process.starts_afresh = config.getoption("--slow")
    config.addinivalue_line("markers", "slow: runs only with --slow (./dev test slow)")


def pytest_collection_modifyitems(config, items):
    """Slow tests are not skipped one by one: they are not part of a fast run. Those that wait for
    clients come first: what computes then fills the time until the last of them has ended."""
    waiting = [item for item in items if {"kafka", "systems"} & set(item.path.parts)]
    computing = [item for item in items if item not in waiting]
    if config.getoption("--slow"):
        items[:] = waiting + computing
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
    waiting, computing = ([item for item in kind if item not in slow]
                          for kind in (waiting, computing))
    # Each of xdist's workers begins with a part of the list: all have some of both.
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = [item for worker in range(workers) for item in
                waiting[worker::workers] + computing[worker * len(computing) // workers:
                                                     (worker + 1) * len(computing) // workers]]
