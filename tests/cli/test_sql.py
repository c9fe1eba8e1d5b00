"""weir sql: one statement, a pipe, formats, and mistakes in them."""
import json
import subprocess

import pytest
from weir_process import run_weir, weir_bin
from weir_project import Ended, Project


def pipe(project, text: str, *flags: str) -> Ended:
    done = run_weir("sql", *flags, cwd=project.folder, input=text.encode())
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_wrong_column_is_shown_where_it_stands(shop):
    ended = shop.weir("sql", "-c", "SELECT\n  custmer FROM orders")
    assert ended.code == 2
    assert "command line:2:3: " in ended.err
    assert "\n    custmer FROM orders\n    ^\n" in ended.err
    assert 'did you mean "customer"' in ended.err


def steps_of(plan: dict) -> list:
    return [plan["step"]] + [step for of in plan["inputs"] for step in steps_of(of)]


def test_explain_analyze_tells_rows_time_memory_and_spill(shop):
    query = "EXPLAIN ANALYZE SELECT country, count(*) FROM orders GROUP BY ALL"
    ended = shop.weir("sql", "-c", query)
    assert ended.code == 0, ended
    head, group, *_, scan, total = ended.out.splitlines()
    assert head.split() == ["step", "rows", "expected", "seconds"]
    assert group.startswith("hash group by  count_star()") and group.split()[-3] == "3"
    assert "scan  orders; country" in scan and scan.split()[-3] == "5"
    assert "of CPU, peak memory" in total and "nothing spilled" in total

    plan = json.loads(shop.weir("sql", "--format", "json", "-c", query).out)
    assert steps_of(plan["plan"][0]) == ["hash group by", "projection", "scan"]
    assert {"seconds", "cpu_seconds", "peak_memory_bytes", "spill_bytes"} <= set(plan)


def test_explain_shows_the_plan_without_running_it(shop):
    ended = shop.weir("sql", "-c", "EXPLAIN SELECT o.id FROM orders o, orders_raw r, range(9000000)"
                                   " WHERE o.id = r.id")
    assert ended.code == 0, ended
    assert ended.out.splitlines()[0].split() == ["step", "rows", "expected"]
    assert "orders_raw" in ended.out and "hash join" in ended.out


ROWS = "SELECT id, customer FROM orders_raw WHERE id < 4 ORDER BY id"


def test_rows_as_csv_json_markdown_and_table(shop):
    def rows(form):
        return shop.weir("sql", "-c", ROWS, "--format", form).out
    assert rows("csv") == "id,customer\n1,ann\n2,bob\n3,\n"
    assert json.loads(rows("json")) == [{"id": 1, "customer": "ann"}, {"id": 2, "customer": "bob"},
                                        {"id": 3, "customer": None}]
    assert rows("markdown") == ("| id | customer |\n|---:|---|\n| 1 | ann |\n| 2 | bob |\n"
                                "| 3 | NULL |\n")
    assert "│     3 │ NULL     │" in rows("table")


def test_a_pipe_runs_statements_as_they_end(shop):
    ended = pipe(shop, "SELECT 1 AS a;\nSELECT 2\n  AS b;\n.mode csv\nSELECT 3 AS c",
                 "--format", "csv")
    assert ended.code == 0, ended
    assert ended.out == "a\n1\nb\n2\nc\n3\n"


def test_a_pipe_stops_at_the_first_mistake_and_names_its_line(shop):
    ended = pipe(shop, "SELECT 1 AS a;\nSELECT id,\n  custmer FROM orders;\nSELECT 2;",
                 "--format", "csv")
    assert ended.code == 2
    assert ended.out == "a\n1\n"
    assert "stdin:3:3: " in ended.err


def test_mistakes_are_told_the_near_name(shop):
    for query, hint in (("SELECT * FROM order", "did you mean 'orders'?"),
                        ("SELECT * FROM ordrs", 'did you mean "orders"?'),
                        ("SELEC 1", "did you mean 'SELECT'?"),
                        ("SELECT sumx(id) FROM orders", 'did you mean "sum"?'),
                        ("EXPLAIN SELECT idd FROM orders", 'did you mean "id"')):
        ended = shop.weir("sql", "-c", query)
        assert ended.code == 2, query
        assert "error: command line:1:" in ended.err and hint in ended.err, ended.err
    # The nearest of all names, if far, is no help.
    ended = shop.weir("sql", "-c", "SELECT * FROM table_changes('orders', 0, 1)")
    assert ended.code == 2 and "did you mean" not in ended.err


def test_declarations_belong_into_files(shop):
    for statement in ("CREATE MATERIALIZED TABLE x AS SELECT 1", "INSERT INTO orders VALUES (1)",
                      "SET 'source.rewritten' = 'reprocess'"):
        ended = shop.weir("sql", "-c", statement)
        assert ended.code == 2 and "belongs into a .sql file" in ended.err, ended.err


def test_files_need_no_project(shop, tmp_path):
    Project(tmp_path).write("a.csv", "x,y\n1,2\n")
    ended = Project(tmp_path).weir("sql", "-c", "SELECT sum(x + y) AS s FROM read_csv('a.csv')",
                                   "--format", "csv")
    assert (ended.code, ended.out) == (0, "s\n3\n"), ended


def test_tables_can_be_asked_when_a_source_is_gone(own_shop):
    (own_shop.folder / "data").rename(own_shop.folder / "elsewhere")
    ended = own_shop.weir("sql", "--format", "csv", "-c", "SELECT count(*) AS n FROM orders")
    assert (ended.code, ended.out) == (0, "n\n5\n"), ended
    ended = own_shop.weir("sql", "-c", "SELECT * FROM orders_raw")
    assert ended.code == 2
    assert "no file matches" in ended.err and "data/orders-*.csv" in ended.err


def test_delta_tables_by_path_and_version(own_shop):
    own_shop.write("data/orders-2024-01-03.csv", "id,customer,amount,ordered_at\n"
                                                 "9,bob,1.00,2024-01-03 00:00:00\n")
    own_shop.run_ok()
    counts = ("SELECT (SELECT count(*) FROM delta_scan('tables/orders')) AS newest, "
              "count(*) AS first FROM delta_scan('tables/orders', version => 0)")
    for folder in (own_shop, Project(own_shop.folder / "elsewhere")):
        query = counts.replace("tables", str(own_shop.warehouse))
        ended = folder.weir("sql", "--format", "csv", "-c", query)
        assert (ended.code, ended.out) == (0, "newest,first\n6,5\n"), ended
    ended = own_shop.weir("sql", "-c", "SELECT idd FROM delta_scan('tables/orders')")
    assert "command line:1:8: " in ended.err and 'did you mean "id"' in ended.err
    for wrong in ("'tables/ordrs'", "'tables/orders', version => 7"):
        ended = own_shop.weir("sql", "-c", f"SELECT 1 FROM delta_scan({wrong})")
        assert ended.code == 2 and "error: command line:1:26: " in ended.err, ended


def test_a_table_that_no_run_has_made_is_not_taken_for_an_empty_one(tmp_path):
    Project(tmp_path).weir("init", "shop")
    shop = Project(tmp_path / "shop")
    ended = shop.weir("sql", "--format", "csv", "-c", "SELECT count(*) AS n FROM orders")
    assert (ended.code, ended.out) == (0, "n\n0\n")
    assert ended.err == "note: no run has made orders yet: `weir run`\n"
    assert "orders         table, not made yet  id, customer" in pipe(shop, ".tables\n").out
    shop.run_ok()
    assert shop.weir("sql", "-c", "SELECT count(*) FROM orders").err == ""


def test_only_names_of_the_project_are_shown(shop):
    ended = shop.weir("sql", "--format", "csv", "-c", "SHOW TABLES; SET threads = 1")
    assert ended.out.split() == ["name", "customers_raw", "orders", "orders__quarantine",
                                 "orders_raw", "sales_daily", "sales_daily__quarantine"]


@pytest.mark.parametrize("rows", [1, 100_000])
def test_output_that_is_lost_is_no_success(shop, rows):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [weir_bin(), "sql", "--format", "csv", "-c", f"FROM range({rows})"],
            cwd=shop.folder, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 3
    assert b"standard output: cannot write" in done.stderr


def test_strings_with_escapes_and_dollars_hold_semicolons(shop):
    statements = "SELECT E'it\\'s; x' AS a;\nSELECT $$b;\nc$$ AS b, $t$;$$;$t$ AS c;\n"
    ended = pipe(shop, statements, "--format", "csv")
    assert ended.code == 0, ended
    assert ended.out == "a\nit's; x\nb,c\n\"b;\nc\",;$$;\n"
    ended = pipe(shop, "SELECT $$b;\n")
    assert ended.code == 2 and "stdin:1:8: this string is never closed" in ended.err


def test_a_line_of_markdown_is_one_row(shop):
    ended = pipe(shop, "SELECT 'a' || chr(13) || chr(10) || 'b|c' AS v;", "--format", "markdown")
    assert ended.out.splitlines()[2:] == ["| a  b\\|c |"]
