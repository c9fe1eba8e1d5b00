"""The program as a person meets it: what it prints, asks and returns. Tables themselves are tested
in tests/sql."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from weir_project import Project  # noqa: E402


def new_shop(folder: pathlib.Path) -> Project:
    """The project that `weir init` writes, run once."""
    folder.mkdir(parents=True, exist_ok=True)
    Project(folder).weir("init", "shop")
    shop = Project(folder / "shop")
    shop.run_ok()
    return shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Project:
    """For tests that only look."""
    return new_shop(tmp_path_factory.mktemp("cli"))


@pytest.fixture
def own_shop(tmp_path) -> Project:
    """For tests that change something."""
    return new_shop(tmp_path)
