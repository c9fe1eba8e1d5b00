"""Every acknowledged reading is in the table or in its quarantine, exactly once.

    verify.py PROJECT ACKNOWLEDGED

Reads the Delta tables with DuckDB, not with Weir.
"""
import json
import os
import pathlib
import sys

import duckdb


def main():
    project, acknowledged = sys.argv[1:]
    tables = pathlib.Path(project) / "tables"
    db = duckdb.connect(config={"autoinstall_known_extensions": False})
    db.execute(f"LOAD '{os.environ['DELTA_EXTENSION']}'")
    db.execute("CREATE TABLE sent AS SELECT part, pos, sensor, seq, sensor = '-' AS cut_off "
               f"FROM read_csv('{acknowledged}', delim=' ', header=false, columns="
               "{'part': 'BIGINT', 'pos': 'BIGINT', 'sensor': 'VARCHAR', 'seq': 'VARCHAR'})")
    db.execute("CREATE TABLE kept AS SELECT sensor, seq::VARCHAR AS seq "
               f"FROM delta_scan('{tables}/readings')")
    db.execute("CREATE TABLE aside AS "
               "SELECT split_part(source, '/', -1)::BIGINT AS part, position AS pos "
               f"FROM delta_scan('{tables}/readings__quarantine')")
    # Where each acknowledged record ended. A repeated reading is where its first one is.
    db.execute("""
        CREATE TABLE ended AS
        SELECT sent.*, kept.sensor IS NOT NULL AS in_table, aside.pos IS NOT NULL AS in_quarantine
        FROM sent LEFT JOIN (SELECT DISTINCT * FROM kept) kept USING (sensor, seq)
        LEFT JOIN (SELECT DISTINCT * FROM aside) aside USING (part, pos)""")

    def count(sql):
        return db.execute(f"SELECT count(*) FROM {sql}").fetchone()[0]

    faults = {
        "acknowledged and nowhere": count("ended WHERE NOT in_table AND NOT in_quarantine"),
        "in the table and in the quarantine": count("ended WHERE in_table AND in_quarantine"),
        "in the table twice": count("kept") - count("(SELECT DISTINCT * FROM kept)"),
        "in the quarantine twice": count("aside") - count("(SELECT DISTINCT * FROM aside)"),
        "in the table, never acknowledged": count("kept ANTI JOIN sent USING (sensor, seq)"),
        "in the quarantine, never acknowledged": count("aside ANTI JOIN sent USING (part, pos)"),
        "cut off and in the table": count("ended WHERE cut_off AND in_table"),
    }
    print(json.dumps({
        "records acknowledged": count("sent"),
        "of them sent again": count("sent WHERE NOT cut_off")
        - count("(SELECT DISTINCT sensor, seq FROM sent WHERE NOT cut_off)"),
        "of them cut off": count("sent WHERE cut_off"),
        "readings in the table": count("kept"),
        "records in the quarantine": count("aside"),
    }, indent=1))
    wrong = {what: n for what, n in faults.items() if n}
    if wrong:
        raise SystemExit("WRONG: " + json.dumps(wrong))
    print("Every acknowledged reading is in the table or in its quarantine, exactly once.")


if __name__ == "__main__":
    main()
