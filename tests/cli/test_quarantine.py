"""weir quarantine: rejected rows looked at, mended by hand and sent back."""
import json


def test_list_and_show(shop):
    listed = shop.weir("quarantine", "list").out.splitlines()
    assert listed[0].split() == ["table", "broke", "rows", "since", "(UTC)", "last", "(UTC)"]
    assert [line.split()[:3] for line in listed[1:]] == [["orders", "has_customer", "1"],
                                                         ["orders", "parses", "1"]]
    found = json.loads(shop.weir("quarantine", "list", "--format", "json").out)
    assert [(row["table"], row["constraints"], row["rows"]) for row in found] == [
        ("orders", "has_customer", 1), ("orders", "parses", 1)]

    shown = shop.weir("quarantine", "show", "orders").out
    assert "data/orders-2024-01-01.csv at byte 93\n  has_customer: EXPECT (customer IS NOT NULL) " \
           "but customer = NULL\n" in shown
    assert "\n  5,cem,twelve,2024-01-01 18:00:00\n" in shown
    assert shown.endswith("2 of 2 rows\n")
    rows = json.loads(shop.weir("quarantine", "show", "orders", "--format", "json", "--where",
                                "list_contains(constraints, 'parses')").out)
    assert [(row["position"], row["row"]) for row in rows] == [
        (154, "5,cem,twelve,2024-01-01 18:00:00")]


def test_nothing_in_quarantine_is_said_in_words(shop):
    assert shop.weir("quarantine", "show", "sales_daily").out == \
        "no row of sales_daily is in quarantine\n"


def test_mistakes(shop):
    ended = shop.weir("quarantine", "show", "ordes")
    assert ended.code == 2 and "did you mean 'orders'?" in ended.err
    ended = shop.weir("quarantine", "show", "orders", "--where", "id = 3")
    assert ended.code == 2
    assert 'error: --where: Referenced column "id" not found' in ended.err
    assert '"row"->>\'$.column\'' in ended.err


def test_rows_mended_by_hand_go_back_once(own_shop):
    ended = own_shop.weir("quarantine", "export", "orders", "--to", "mend.jsonl")
    assert ended.code == 0 and "weir quarantine replay orders --from mend.jsonl" in ended.out
    rows = [json.loads(line) for line in own_shop.path("mend.jsonl").read_text().splitlines()]
    rows[0]["row"]["customer"] = "ann"
    rows[1]["row"] = {"id": 5, "customer": "cem", "amount": 12,
                      "ordered_at": "2024-01-01 18:00:00", "country": "TR"}
    own_shop.write("mend.jsonl", "\n".join(json.dumps(row) for row in rows))
    ended = own_shop.weir("quarantine", "replay", "orders", "--from", "mend.jsonl")
    assert ended.out == "2 of 2 rows went back into orders\n"
    assert own_shop.rows("SELECT id, customer FROM orders ORDER BY id") == [
        (1, "ann"), (2, "bob"), (3, "ann"), (5, "cem"), (6, "cem"), (7, "bob"), (8, "dora")]
    assert own_shop.weir("quarantine", "list").out == "no row is in quarantine\n"
    ended = own_shop.weir("quarantine", "replay", "orders", "--from", "mend.jsonl")
    assert ended.out.startswith("0 of 0 rows")
    assert len(own_shop.rows("SELECT * FROM orders")) == 7
