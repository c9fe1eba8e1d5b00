"""Options of the whole test run."""
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
    """Slow tests are not skipped one by one: they are not part of a fast run. Those that wait
    for clients come first: what computes then fills the time until the last of them has ended."""
    items.sort(key=lambda item: not {"kafka", "systems"} & set(item.path.parts))
    if config.getoption("--slow"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
