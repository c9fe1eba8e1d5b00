"""Collects *.test files: one pytest item for each file and configuration.

Without workers (pytest -n) the selected ones run two at a time, in the background, from the moment
that pytest has chosen them; an item waits for its own."""
import concurrent.futures
import pathlib
import sys
import zlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from text_test import CONFIGURATIONS, Wrong, execute, parse  # noqa: E402

PARALLEL = 2
SAMPLED_EVERY = 50


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".test":
        return TextFile.from_parent(parent, path=file_path)
    return None


class TextFile(pytest.File):
    def collect(self):
        config = self.config
        asked = config.getoption("--configuration")
        expected_failure = parse(self.path)[1]
        for number, name in enumerate(CONFIGURATIONS):
            if asked and name not in asked:
                continue
            item = TextItem.from_parent(self, name=f"{self.path.stem}[{name}]", configuration=name)
            if expected_failure:
                item.add_marker(pytest.mark.xfail(reason=expected_failure, strict=False))
            # Fast runs see every file once, and a few of them under each other configuration.
            if not asked and name != "default" and not self.sampled(number):
                item.add_marker(pytest.mark.slow)
            yield item

    def sampled(self, number: int) -> bool:
        return (zlib.crc32(self.path.stem.encode()) + number) % SAMPLED_EVERY == 0


class TextItem(pytest.Item):
    def __init__(self, *, configuration, **kwargs):
        super().__init__(**kwargs)
        self.configuration = configuration
        self.result = None

    def start(self, pool):
        self.result = pool.submit(execute, self.path, self.configuration)

    def runtest(self):
        self.result.result() if self.result else execute(self.path, self.configuration)

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, Wrong):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, None, self.name


def pytest_collection_finish(session):
    # A worker collects all tests and is given some of them: it runs those as they come.
    if session.config.option.collectonly or hasattr(session.config, "workerinput"):
        return
    pool = concurrent.futures.ThreadPoolExecutor(PARALLEL)
    for item in session.items:
        if isinstance(item, TextItem):
            item.start(pool)
    session.config.add_cleanup(lambda: pool.shutdown(cancel_futures=True))
