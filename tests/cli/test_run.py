"""weir run: the report, its other forms, the progress line, Ctrl-C."""
import json
import signal
import subprocess
import time

import pytest
from terminal import Terminal
from weir_process import weir_bin
from weir_project import Project

SLOW = """
CREATE TABLE raw (v BIGINT) WITH ('connector' = 'filesystem', 'path' = 'data/*.csv',
                                  'format' = 'csv');
CREATE MATERIALIZED TABLE quick AS SELECT v FROM raw WHERE v < 10;
CREATE MATERIALIZED TABLE slow (CONSTRAINT even EXPECT (v % 2 = 0) ON VIOLATION DROP ROW)
AS SELECT v, sha256(repeat(CAST(v AS VARCHAR), {work})) AS h FROM raw;
"""


def slow_project(folder, rows: int, work: int) -> Project:
    """Row by row, about {work} / 50 microseconds of work for each."""
    project = Project(folder)
    project.write("slow.sql", SLOW.format(work=work))
    project.write("data/1.csv", "v\n" + "".join(f"{i}\n" for i in range(rows)))
    return project


def test_the_report_says_what_was_done_and_why(own_shop):
    own_shop.write("data/orders-2024-01-03.csv", "id,customer,amount,ordered_at\n"
                                                 "9,bob,,2024-01-03 00:00:00\n"
                                                 "10,ann,2.00,2024-01-03 01:00:00\n")
    ended = own_shop.run_ok()
    lines = ended.err.splitlines()
    assert lines[0].split() == ["table", "rows", "in", "out", "rejected", "read", "written",
                                "seconds", "CPU", "s", "I/O", "wait", "memory"]
    assert lines[1].split()[:5] == ["orders", "appended", "2", "1", "1"]
    assert lines[2].split()[:2] == ["sales_daily", "recomputed"]
    assert "orders  appended: 1 new file of orders_raw" in ended.err
    assert "positive: 1 of 2 rows broke it, DROP ROW (data/orders-2024-01-03.csv line 2, at byte " \
           "30: amount = NULL)" in ended.err
    assert "sales_daily  recomputed: new rows in orders; not row-wise: an aggregate" in ended.err
    assert "\nbottleneck: " in ended.err and "\nrun " in ended.err
    assert "│ 2024-01-03 │ DE" in ended.out  # the project's own SELECT, on stdout
    again = own_shop.run_ok()
    assert "orders  up to date: no new input" in again.err


def test_json_metrics_and_lineage(tmp_path):
    project = Project(tmp_path / "shop")
    project.weir("init", ".")
    ended = project.run_ok("--format", "json", "--metrics-file", "run.prom",
                           "--lineage", "run.jsonl")
    document = json.loads(ended.out)
    assert document["exit_code"] == 0 and document["errors"] == []
    report = document["report"]
    orders, daily = report["tables"]
    assert (orders["table"], orders["rows_in"], orders["rows_out"], orders["rows_dropped"],
            orders["rows_quarantined"], orders["rows_unparsed"]) == ("orders", 7, 5, 1, 2, 1)
    assert [(c["name"], c["failed"]) for c in orders["checks"]] == [
        ("has_customer", 1), ("positive", 1), ("plausible", 1), ("parses", 1)]
    assert set(orders["bottleneck"]) == {"resource", "evidence", "change"}
    assert document["queries"][0]["columns"][0] == {"name": "day", "type": "DATE"}
    assert document["queries"][0]["rows"][0] == ["2024-01-01", "DE", 1, 19.9]
    # The run that was kept is the same report.
    assert json.loads(project.weir("runs", "show", "last", "--format", "json").out) == report

    metrics = dict(line.rsplit(" ", 1) for line in project.path("run.prom").read_text().splitlines()
                   if not line.startswith("#"))
    assert metrics['weir_table_rows_out{project="shop",table="orders"}'] == "5"
    assert metrics['weir_check_failed_rows{action="DROP ROW",check="positive",project="shop",'
                   'table="orders"}'] == "1"
    assert metrics['weir_run_exit_code{project="shop"}'] == "0"

    events = [json.loads(line) for line in project.path("run.jsonl").read_text().splitlines()]
    assert [(e["eventType"], e["job"]["name"]) for e in events] == [
        ("START", "orders"), ("COMPLETE", "orders"),
        ("START", "sales_daily"), ("COMPLETE", "sales_daily")]
    output = events[1]["outputs"][0]
    assert output["namespace"] == "file" and output["name"] == str(project.folder / "tables/orders")
    lineage = output["facets"]["columnLineage"]["fields"]
    [country] = lineage["country"]["inputFields"]
    assert country["name"] == str(project.folder / "data/customers.csv")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 5
    assertions = output["facets"]["dataQualityAssertions"]["assertions"]
    assert [(a["name"], a["success"], a["severity"], a["actual"]) for a in assertions] == [
        ("has_customer", False, "error", "1 of 7"), ("positive", False, "error", "1 of 7"),
        ("plausible", False, "warn", "1 of 7"), ("parses", False, "error", "1 of 8")]


def test_a_file_that_cannot_be_written_does_not_undo_the_run(own_shop):
    ended = own_shop.run("--metrics-file", "no/such/m.prom", "--lineage", "no/such/l.jsonl")
    assert ended.code == 0
    assert "warning: no metrics written: " in ended.err
    assert "warning: lineage was not sent: " in ended.err


def test_a_person_sees_the_run_go_on(tmp_path):
    project = slow_project(tmp_path, 80_000, 300)
    with Terminal([weir_bin(), "run", "--threads", "1"], project.folder) as terminal:
        terminal.expect(r"\r\x1b\[Kslow  [0-9,]+ rows")
        terminal.expect(r"slow  [0-9,]+ rows  [0-9.]+ .?B/s  [0-9,]+ rejected  [0-9]+ %")
        assert terminal.end() == 0
        # The line is wiped before the report.
        assert "\r\x1b[Ktable" in terminal.screen


def test_an_interrupted_run_keeps_what_was_committed_and_goes_on_later(tmp_path):
    project = slow_project(tmp_path, 200_000, 3_000)
    run = subprocess.Popen([weir_bin(), "run"], cwd=project.folder, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 20
    while project.version("quick") < 0:  # its commit
        assert time.monotonic() < until and run.poll() is None
        time.sleep(0.02)
    time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=20)
    assert run.returncode == 130, err
    assert "interrupted: committed before it: quick; nothing of the others; the next run goes on " \
           "from there" in err
    assert project.tables() == ["quick"]
    assert "interrupted" in project.weir("runs", "list").out

    project.write("slow.sql", SLOW.format(work=1))
    project.run_ok()
    assert project.rows("SELECT count(*), sum(v) FROM slow") == [(100_000, 9_999_900_000)]
    assert project.rows("SELECT count(*) FROM quick") == [(10,)]


@pytest.mark.parametrize("flags, says", [
    (["--memory", "lots"], "'lots' is not an amount of bytes"),
    (["--full-refresh", "ordrs"], "did you mean 'orders'?"),
    (["--backfill", "id = 3"], "--table")])
def test_wrong_values(shop, flags, says):
    ended = shop.run(*flags)
    assert ended.code == 2 and says in ended.err, ended
