"""The program as a person meets it: what it prints, asks and returns. Tables themselves are tested
in tests/sql."""
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from weir_project import Project  # noqa: E402


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Project:
    """The project that `weir init` writes, run once. For tests that only look."""
    folder = tmp_path_factory.mktemp("cli")
    Project(folder).weir("init", "shop")
    shop = Project(folder / "shop")
    shop.run_ok()
    return shop


@pytest.fixture
def own_shop(shop, tmp_path) -> Project:
    """A copy, for tests that change something: a project may be moved with its tables."""
    return Project(shutil.copytree(shop.folder, tmp_path / "shop"))
