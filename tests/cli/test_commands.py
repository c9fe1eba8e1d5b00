"""The other commands, and what all do alike: names, flags, exit codes."""
import json
import re

import pytest
from weir_project import Project


# --- what all do alike ---

@pytest.mark.parametrize("wrong, says, hint", [
    (["rnu"], "weir knows no command 'rnu'", "did you mean 'run'?"),
    (["runs", "lst"], "weir runs knows no command 'lst'", "did you mean 'list'?"),
    (["run", "--formt", "json"], "weir run knows no option '--formt'", "did you mean '--format'?"),
    (["run", "--format", "xml"], "weir run: --format: xml not in {", "`weir run --help`"),
    (["run", "a", "b"], "weir run: the following argument was not expected: b", "--help`"),
    (["quarantine", "export", "orders"], "weir quarantine export: --to FILE or --to-", "--help`"),
    (["runs", "list", "elsewhere"], "no project 'elsewhere'", "a folder of .sql files"),
    (["run", "shop.sq"], "no project 'shop.sq'", "did you mean 'shop.sql'?")])
def test_wrong_arguments_are_errors_of_one_form(shop, wrong, says, hint):
    ended = shop.weir(*wrong)
    assert ended.code == 2
    assert ended.err.startswith("error: " + says) and "\n  fix: " in ended.err and hint in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("command", [
    ["run", "elsewhere"], ["explain", "elsewhere"], ["check", "elsewhere"],
    ["runs", "list", "elsewhere"], ["runs", "show", "nosuchrun"],
    ["quarantine", "list", "elsewhere"], ["flow", "list", "elsewhere"],
    ["sql", "-c", "SELECT wrong"], ["rnu"]])
def test_programs_get_errors_as_json_on_stdout(shop, command):
    ended = shop.weir(*command, "--format", "json")
    document = json.loads(ended.out)
    assert ended.code == document["exit_code"] == 2
    [error] = document["errors"]
    assert error["actor"] == "user" and error["exit_code"] == 2 and error["message"]
    assert error["message"] in ended.err


def test_help_and_version(shop):
    ended = shop.weir()
    assert ended.code == 2 and "quarantine" in ended.err and ended.out == ""
    ended = shop.weir("--help")
    assert ended.code == 0 and "quarantine" in ended.out
    for command in re.findall(r"^  ([a-z]+) ", ended.out.split("Subcommands:")[1], re.M):
        assert shop.weir(command, "--help").code == 0
    ended = shop.weir("--version")
    assert ended.code == 0
    assert re.match(r"weir \d+\.\d+\.\d+ \([0-9a-f]{12}.*\)\n", ended.out)
    for library in ("DuckDB 1.5.5", "simdjson ", "fmt ", "zstd "):
        assert library in ended.out


def test_a_project_given_as_dot_is_called_by_its_folder(shop):
    for path in (".", "", "../shop"):
        ended = shop.weir("explain", *[path] * bool(path))
        assert ended.code == 0, ended
        assert ended.out.splitlines()[0] == "shop"


# --- one by one ---

def test_init_writes_no_file_over_another(shop):
    ended = shop.weir("init", ".")
    assert ended.code == 2 and "shop.sql is there already" in ended.err


def test_explain_draws_sources_contracts_and_sinks(shop):
    ended = shop.weir("explain", "shop.sql")
    lines = ended.out.splitlines()
    assert lines[1] == "└─ table sales_daily: 4 columns"
    assert "   │  sink:" not in ended.out
    for part in ("├─ sink: tables/orders, rejected rows in orders__quarantine",
                 "├─ check has_customer: customer IS NOT NULL  QUARANTINE",
                 "├─ check positive: amount > 0  DROP ROW",
                 "├─ next run: up to date: no new input",
                 "└─ source orders_raw: filesystem csv data/orders-*.csv, 4 columns"):
        assert part in ended.out, ended
    flows = json.loads(shop.weir("explain", "--format", "json").out)["flows"]
    assert flows[0]["next_run"] == {"refresh": "up to date", "reason": "no new input"}
    assert [check["name"] for check in flows[0]["checks"]][:2] == ["has_customer", "positive"]


def test_explain_says_what_the_next_run_would_do(own_shop):
    own_shop.write("data/orders-2024-01-09.csv", "id,customer,amount,ordered_at\n")
    ended = own_shop.weir("explain")
    assert "next run: appended: 1 new file of orders_raw" in ended.out
    assert "next run: refreshed after orders" in ended.out


def test_check_finds_a_mistake_without_data(tmp_path):
    project = Project(tmp_path)
    project.write("p.sql", "CREATE TABLE raw (id INT) WITH ('connector' = 'filesystem',\n"
                           "  'path' = 'not/there.csv', 'format' = 'csv');\n"
                           "CREATE MATERIALIZED TABLE t AS SELECT idd FROM raw;\n")
    ended = project.weir("check")
    assert ended.code == 2
    assert "p.sql:3:39: " in ended.err and 'did you mean "id"?' in ended.err
    project.write("p.sql", project.path("p.sql").read_text().replace("idd", "id"))
    ended = project.weir("check")
    assert ended.code == 0, ended
    assert ended.out.endswith("ok: 1 source, 0 views, 1 flow, 0 checks, 0 queries\n")
    assert not project.path("tables").exists()


def test_infer_writes_a_statement_that_runs(shop, tmp_path):
    ended = shop.weir("infer", "data/orders-2024-01-02.csv", "--name", "o")
    assert ended.code == 0 and "ordered_at TIMESTAMP" in ended.out
    project = Project(tmp_path)
    project.write("p.sql", ended.out.replace("data/", f"{shop.folder}/data/") +
                  "CREATE MATERIALIZED TABLE t AS SELECT * FROM o;")
    project.run_ok()
    assert project.rows("SELECT id, customer FROM t ORDER BY id") == [(7, "bob"), (8, "dora")]


def test_a_projects_tests_pass_or_show_the_rows(own_shop):
    ended = own_shop.weir("test")
    assert ended.code == 0 and ended.out.endswith("1 of 1 test passed\n")
    own_shop.write("tests/rejects/expect/orders.csv", "id,customer\n1,bob\n")
    ended = own_shop.weir("test", "--only", "rejects")
    assert ended.code == 1
    assert "rejects: orders lacks 1 row:" in ended.out and "│ bob" in ended.out
    assert "rejects: orders has besides 1 row:" in ended.out and "│ ann" in ended.out
    assert "FAIL rejects" in ended.out and "0 of 1 test passed" in ended.out


def test_a_test_looks_at_the_rows_for_a_topic(tmp_path):
    """Without a cluster: they are in a table of the same name."""
    project = Project(tmp_path)
    project.write("p.sql", """
CREATE TOPIC sent WITH ('properties.bootstrap.servers' = 'localhost:1');
CREATE TABLE raw (id INT, name VARCHAR) WITH ('connector' = 'filesystem', 'path' = 'in/*.csv');
CREATE TABLE sent (id INT, h MAP<VARCHAR, BLOB> METADATA FROM 'headers',
  o BIGINT METADATA FROM 'offset' VIRTUAL, CONSTRAINT few EXPECT (id < 3) ON VIOLATION QUARANTINE)
  WITH ('connector' = 'kafka', 'topic' = 'sent', 'format' = 'json', 'flow.id' = 'mine',
        'properties.bootstrap.servers' = 'localhost:1');
INSERT INTO sent SELECT id, NULL FROM raw;
""")
    project.write("tests/one/input/raw.csv", "id,name\n1,a\n2,b\n3,c\n")
    project.write("tests/one/expect/sent.csv", "id,h\n1,\n2,\n")
    ended = project.weir("test")
    assert ended.code == 0 and ended.out.endswith("1 of 1 test passed\n"), str(ended)


def test_runs_are_listed_newest_first_shown_and_compared(own_shop):
    own_shop.write("data/orders-2024-01-03.csv", "id,customer,amount,ordered_at\n"
                                                 "9,bob,1.00,2024-01-03 00:00:00\n")
    own_shop.run_ok()
    runs = json.loads(own_shop.weir("runs", "list", "--format", "json").out)
    assert [run["rows_out"] for run in runs] == [7, 10]  # 1 + 6 recomputed; before 5 + 5
    newest = runs[0]["run"]
    listed = own_shop.weir("runs", "list").out.splitlines()
    assert [line.split()[0] for line in listed[1:]] == [run["run"][:8] for run in runs]
    for name in (newest, newest[:8], "last"):
        assert own_shop.weir("runs", "show", name).out.startswith(newest + " of project shop")
    compared = own_shop.weir("runs", "compare", "last~1", "last").out
    assert re.search(r"^orders +created -> appended +5 -> 1 +-80 % +3 -> 0", compared, re.M)
    assert re.search(r"^sales_daily +created -> recomputed +5 -> 6 +\+20 %", compared, re.M)
    tables = json.loads(own_shop.weir("runs", "compare", "last~1", "last", "--format", "json").out)
    assert tables["tables"][0]["rows_out"] == [5, 1]
    for wrong, says in (("last~9", "there are only 2 runs"), ("zz", "no run 'zz'")):
        ended = own_shop.weir("runs", "show", wrong)
        assert ended.code == 2 and says in ended.err


def test_flow_list(shop):
    assert [line.split()[:3] for line in shop.weir("flow", "list").out.splitlines()[1:]] == [
        ["orders", "orders", "1"], ["sales_daily", "sales_daily", "1"]]
    flows = json.loads(shop.weir("flow", "list", "--format", "json").out)
    assert flows[0]["state"] == "committed" and flows[0]["epoch"] == 1
