"""weir sql: one statement, a pipe, formats, and mistakes in them."""


def test_a_wrong_column_is_shown_where_it_stands(shop):
    ended = shop.weir("sql", "-c", "SELECT\n  custmer FROM orders")
    assert ended.code == 2
    assert "command line:2:3: " in ended.err
    assert "\n    custmer FROM orders\n    ^\n" in ended.err
    assert 'did you mean "customer"' in ended.err


def test_explain_analyze_knows_every_operator(shop):
    ended = shop.weir("sql", "-c",
                      "EXPLAIN ANALYZE SELECT country, count(*) FROM orders GROUP BY ALL")
    assert ended.code == 0
    assert "3 rows" in ended.out  # of the grouping
    assert "5 rows" in ended.out  # of the scan
