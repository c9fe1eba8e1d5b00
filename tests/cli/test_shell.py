"""weir sql on a terminal: what a person types and sees."""
import pytest
from terminal import Terminal
from weir_process import weir_bin


@pytest.fixture
def shell(shop, tmp_path):
    with Terminal([weir_bin(), "sql"], shop.folder, env={"XDG_STATE_HOME": str(tmp_path)}) as shell:
        shell.expect("project shop.*\r\nweir> ")
        yield shell


def test_help_and_tables(shell):
    shown = shell.ask(".help\r", r"\.quit")
    for command in (".tables", ".schema NAME", ".mode FORMAT", ".refresh"):
        assert command in shown
    shown = shell.ask(".tables\r", "sales_daily")
    assert "orders_raw     source  id, customer, amount, ordered_at" in shown
    shown = shell.ask(".schema customers_raw\r", "country")
    assert "VARCHAR" in shown


def test_a_statement_may_take_several_lines(shell):
    shell.ask("SELECT count(*) AS orders_kept\r", r" \.\.\.> ")
    shown = shell.ask("FROM orders;\r", "1 row in")
    assert "orders_kept" in shown and "│           5 │" in shown


def test_tab_completes_names(shell):
    shown = shell.ask("SELECT count(*) AS n FROM sales_d\t;\r", "1 row in")
    assert "│     5 │" in shown
    shown = shell.ask("SELECT max(ordered_\t) FROM orders;\r", "1 row in")
    assert "2024-01-02" in shown


def test_a_mistake_does_not_end_the_shell(shell):
    shown = shell.ask("SELECT * FROM ordrs;\r", "error: line:1:15")
    assert 'did you mean "orders"?' in shown
    shown = shell.ask(".tabels\r", "error")
    assert "did you mean '.tables'?" in shown
    shell.ask("SELECT 42 AS still_there;\r", "still_there")


def test_the_format_can_be_changed(shell):
    shell.ask(".mode csv\r", "csv")
    shown = shell.ask("SELECT 1 AS a, 'x' AS b;\r", "1 row in")
    assert "a,b\r\n1,x\r\n" in shown


def test_history_is_kept_between_sessions(shop, tmp_path):
    for expected in (None, "SELECT 6*7 AS answer;"):
        with Terminal([weir_bin(), "sql"], shop.folder,
                      env={"XDG_STATE_HOME": str(tmp_path)}) as shell:
            shell.expect("weir> ")
            if expected:
                # Behind .quit lies the statement, whole, though it was typed on two lines.
                shown = shell.ask("\x1b[A\x1b[A\r", "1 row in")
                assert "answer" in shown and "42" in shown
            else:
                shell.ask("SELECT 6*7\r", r" \.\.\.> ")
                shell.ask("AS answer;\r", "1 row in")
            shell.type(".quit\r")
            assert shell.end() == 0


def test_interrupt_stops_the_statement_only(shell):
    shell.wait_until_it_reads()
    shell.type("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b;\r")
    shell.expect("b;\r\n")
    shell.wait_until_it_reads(False)
    shell.type("\x03")
    shell.expect("interrupted\r\nweir> ")
    shell.ask("SELECT 1 AS again;\r", "again")
    shell.wait_until_it_reads()
    shell.type("\x04")  # Ctrl-D
    assert shell.end() == 0
