"""tools/check_layers.py and tools/tidy.py find what they are there to find."""
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def run(tool: str, root: pathlib.Path):
    done = subprocess.run([sys.executable, ROOT / "tools" / tool, root],
                          capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/layers.txt", tmp_path / "tools")
    write(tmp_path, "src/weir/base/a.h", "// A.\n#pragma once\n")
    write(tmp_path, "src/weir/lake/b.cc", '#include "weir/base/a.h"\n')
    write(tmp_path, "src/weir/log/c.cc", '#include "weir/log/kafka/messages/made.h"\n')
    return tmp_path


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.mark.parametrize("tool", ["check_layers.py", "tidy.py"])
def test_a_good_tree_passes(tree, tool):
    assert run(tool, tree)[0] == 0, run(tool, tree)[1]


@pytest.mark.parametrize("path,line,says", [
    ("src/weir/base/x.cc", '#include "weir/lake/b.h"', "base may not include lake/"),
    ("src/weir/guard/x.cc", '#include "weir/lake/b.h"', "guard may not include lake/"),
    ("src/weir/base/x.cc", '#include "duckdb.hpp"', "duckdb.hpp may only be included in"),
    ("src/weir/lake/x.cc", '#include "duckdb/parser/parser.hpp"', "may only be included in sql"),
    ("src/weir/sql/x.cc", "#include <curl/curl.h>", "may only be included in connect"),
    ("src/weir/lake/x.cc", '#include "weir/base/gone.h"', "does not exist"),
    ("src/weir/lake/x.cc", '#include "weir/log/kafka/messages/fetch.h"', "may not include log/"),
    ("src/weir/extra/x.cc", "", "extra is no layer"),
])
def test_layers(tree, path, line, says):
    write(tree, path, line + "\n")
    status, out = run("check_layers.py", tree)
    assert status == 1 and says in out, out


@pytest.mark.parametrize("path,text,says", [
    ("src/weir/lake/x.cc", "//" + "x" * 99, "x.cc:1: line: 101 characters"),
    ("src/weir/lake/x.cc", "\n" * 1001, "more than 1000 lines"),
    ("src/weir/lake/x.cc", "auto t = std::chrono::steady_clock::now();", "clock: "),
    ("src/weir/lake/x.cc", "std::thread t;", "thread: "),
    ("src/weir/lake/x.cc", 'int f = ::open("x", 0);', "file: "),
    ("src/weir/lake/x.cc", "if (std::filesystem::exists(p)) return;", "file: "),
    ("src/weir/lake/x.cc", 'auto v = getenv("HOME");', "environment: "),
    ("src/weir/lake/x_test.cc", "std::random_device seed;", "seed: "),
    ("src/weir/lake/x.cc", "std::mt19937 random(7);", "random: "),
    ("src/weir/lake/x.cc", "// TO" "DO: later", "todo: "),
    ("src/weir/lake/string_utils.cc", "", "name: "),
    ("src/weir/lake/x.h", "// X.\n#pragma once", "dead-header: "),
    ("src/weir/lake/x.h", "int x;", "pragma: "),
    ("README.md", "see `src/weir/lake/gone.cc`", "gone.cc does not exist"),
    ("README.md", "see [the page](docs/gone.md)", "docs/gone.md does not exist"),
])
def test_tidy(tree, path, text, says):
    write(tree, path, text + "\n")
    status, out = run("tidy.py", tree)
    assert status == 1 and says in out, out


@pytest.mark.parametrize("line", [
    "auto f = env.OpenFile(path, mode);",
    "file->open(path); fs.rename(a, b);",
    "std::filesystem::path p;",
    "// no std::thread here",
    'auto text = "std::thread t;";',
    "// TO" "DO(ada): measure",
])
def test_tidy_lets_pass(tree, line):
    write(tree, "src/weir/lake/x.cc", line + "\n")
    status, out = run("tidy.py", tree)
    assert status == 0, out


def test_an_excuse_must_excuse_something(tree):
    write(tree, "src/weir/lake/x.cc", "std::thread t;\n")
    write(tree, "tools/tidy_excused.txt", "src/weir/lake/x.cc thread it wraps a library\n")
    assert run("tidy.py", tree)[0] == 0
    write(tree, "src/weir/lake/x.cc", "int t;\n")
    status, out = run("tidy.py", tree)
    assert status == 1 and "excuses nothing any more" in out
