#!/usr/bin/env python3
"""The main job, measured: lineitem CSV -> filter, cast, derive, three expectations -> table.

    ./dev bench etl                              # scale 1, 5 rounds, every system
    ./dev bench etl --scale 10 --systems weir --memory 512MB --job sort
    ./dev bench etl --systems weir-unchecked,weir,weir-ten-checks    # what checks cost

Every system does the same transformation in a process of its own, in the same rounds, one after
the other; only Weir checks rows and writes a Delta table, the others write Parquet (Snappy), all
partitioned by year. Wall, CPU (user + system) and peak resident memory come from the kernel (wait4)
for the process and those it leaves behind. Each result is one JSON line in build/bench/etl.jsonl;
the medians are printed as a table. The answers of all systems are compared: rows, and the sum of a
derived column.
"""
import argparse
import ctypes
import json
import os
import pathlib
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build/bench"
SYSTEMS = ("weir", "duckdb", "polars", "pandas", "pyspark")

# What tpchgen-cli writes: name and type of each column.
COLUMNS = {
    "l_orderkey": "BIGINT", "l_partkey": "BIGINT", "l_suppkey": "BIGINT", "l_linenumber": "INTEGER",
    "l_quantity": "DECIMAL(15,2)", "l_extendedprice": "DECIMAL(15,2)",
    "l_discount": "DECIMAL(15,2)", "l_tax": "DECIMAL(15,2)", "l_returnflag": "VARCHAR",
    "l_linestatus": "VARCHAR", "l_shipdate": "DATE", "l_commitdate": "DATE",
    "l_receiptdate": "DATE", "l_shipinstruct": "VARCHAR", "l_shipmode": "VARCHAR",
    "l_comment": "VARCHAR",
}
DECLARED = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
SELECT = """SELECT *, CAST(l_extendedprice * (1 - l_discount) AS DOUBLE) AS revenue,
  CAST(l_receiptdate - l_shipdate AS INTEGER) AS days,
  CAST(year(l_shipdate) AS INTEGER) AS ship_year
FROM {source} WHERE l_shipdate >= DATE '1993-01-01'"""
CHECKS = """
  CONSTRAINT counted   EXPECT (l_quantity > 0)                    ON VIOLATION QUARANTINE,
  CONSTRAINT discount  EXPECT (l_discount BETWEEN 0 AND 0.10)     ON VIOLATION WARN,
  CONSTRAINT delivered EXPECT (l_receiptdate > l_shipdate)        ON VIOLATION DROP ROW
"""
TEN_CHECKS = CHECKS + """,
  CONSTRAINT taxed     EXPECT (l_tax BETWEEN 0 AND 0.08)          ON VIOLATION WARN,
  CONSTRAINT priced    EXPECT (l_extendedprice > 0)               ON VIOLATION QUARANTINE,
  CONSTRAINT line      EXPECT (l_linenumber BETWEEN 1 AND 7)      ON VIOLATION FAIL,
  CONSTRAINT flagged   EXPECT (l_returnflag IN ('A', 'N', 'R'))   ON VIOLATION FAIL,
  CONSTRAINT status    EXPECT (l_linestatus IN ('O', 'F'))        ON VIOLATION QUARANTINE,
  CONSTRAINT shipped   EXPECT (l_shipmode IN ('AIR', 'FOB', 'MAIL', 'RAIL', 'REG AIR', 'SHIP',
                                              'TRUCK'))           ON VIOLATION QUARANTINE,
  CONSTRAINT commented EXPECT (length(l_comment) <= 44)           ON VIOLATION WARN
"""
# What Weir is asked to do: `--job` names one, for runs under little memory.
JOBS = {
    "etl": f"CREATE MATERIALIZED TABLE out ({CHECKS}) PARTITIONED BY (ship_year) AS "
           + SELECT.format(source="lineitem"),
    "etl-ten-checks": f"CREATE MATERIALIZED TABLE out ({TEN_CHECKS}) PARTITIONED BY (ship_year) AS "
                      + SELECT.format(source="lineitem"),
    "etl-unchecked": "CREATE MATERIALIZED TABLE out PARTITIONED BY (ship_year) AS "
                     + SELECT.format(source="lineitem"),
    "sort": "CREATE MATERIALIZED TABLE out AS SELECT * FROM lineitem "
            "ORDER BY l_extendedprice, l_orderkey, l_linenumber",
    "group": "CREATE MATERIALIZED TABLE out AS SELECT l_orderkey, l_linenumber, count(*) AS n, "
             "sum(l_quantity) AS quantity FROM lineitem GROUP BY l_orderkey, l_linenumber",
    "join": "CREATE MATERIALIZED TABLE out AS SELECT a.l_orderkey, a.l_linenumber, b.l_comment "
            "FROM lineitem a JOIN lineitem b "
            "ON a.l_orderkey = b.l_orderkey AND a.l_linenumber = b.l_linenumber",
}


def csv_of(scale: float) -> pathlib.Path:
    folder = WORK / f"lineitem-{scale:g}"
    file = folder / "lineitem.csv"
    if not file.exists():
        part = WORK / f"lineitem-{scale:g}.part"
        shutil.rmtree(part, ignore_errors=True)
        tool = pathlib.Path(sys.executable).parent / "tpchgen-cli"
        subprocess.run([tool, "csv", "-s", f"{scale:g}", "--tables=lineitem",
                        f"--output-dir={part}"], check=True, stdout=subprocess.DEVNULL)
        part.rename(folder)
    return file


# --- one measured run each; every function runs in a process of its own ---

def run_duckdb(file, out, memory):
    import duckdb
    config = {"memory_limit": memory} if memory else {}
    kinds = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    source = f"read_csv('{file}', header = true, columns = {{{kinds}}})"
    duckdb.connect(config=config).execute(
        f"COPY ({SELECT.format(source=source)}) TO '{out}' "
        "(FORMAT parquet, PARTITION_BY ship_year)")


def run_polars(file, out, memory):
    import polars as pl
    kinds = {"BIGINT": pl.Int64, "INTEGER": pl.Int32, "DECIMAL(15,2)": pl.Decimal(15, 2),
             "VARCHAR": pl.String, "DATE": pl.Date}
    price = pl.col("l_extendedprice").cast(pl.Float64)
    frame = (pl.scan_csv(file, schema={name: kinds[kind] for name, kind in COLUMNS.items()})
             .filter(pl.col("l_shipdate") >= pl.date(1993, 1, 1))
             .with_columns(
                 revenue=price * (1 - pl.col("l_discount").cast(pl.Float64)),
                 days=(pl.col("l_receiptdate") - pl.col("l_shipdate")).dt.total_days()
                 .cast(pl.Int32),
                 ship_year=pl.col("l_shipdate").dt.year()))
    frame.sink_parquet(pl.PartitionBy(out, key="ship_year"), compression="snappy", mkdir=True)


def run_pandas(file, out, memory):
    import pandas as pd
    kinds = {"BIGINT": "int64", "INTEGER": "int32", "DECIMAL(15,2)": "float64", "VARCHAR": "str"}
    dates = [name for name, kind in COLUMNS.items() if kind == "DATE"]
    frame = pd.read_csv(file, engine="pyarrow", parse_dates=dates,
                        dtype={n: kinds[k] for n, k in COLUMNS.items() if k != "DATE"})
    frame = frame[frame.l_shipdate >= "1993-01-01"]
    frame = frame.assign(revenue=frame.l_extendedprice * (1 - frame.l_discount),
                         days=(frame.l_receiptdate - frame.l_shipdate).dt.days.astype("int32"),
                         ship_year=frame.l_shipdate.dt.year)
    frame.to_parquet(out, partition_cols=["ship_year"], compression="snappy")


def run_pyspark(file, out, memory):
    from pyspark.sql import SparkSession
    spark = (SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false")
             .config("spark.driver.memory", "4g").config("spark.log.level", "ERROR").getOrCreate())
    schema = DECLARED.replace("VARCHAR", "STRING")
    spark.read.csv(str(file), schema=schema, header=True).createOrReplaceTempView("lineitem")
    select = SELECT.format(source="lineitem").replace(
        "CAST(l_receiptdate - l_shipdate AS INTEGER)", "datediff(l_receiptdate, l_shipdate)")
    (spark.sql(select).write.option("compression", "snappy").partitionBy("ship_year")
     .parquet(str(out)))
    spark.stop()


def job_of(system, args) -> str:
    """"weir-unchecked" is Weir with another job than the one named."""
    return "etl" + system.removeprefix("weir") if system.startswith("weir-") else args.job


def weir_command(file, out, job, args):
    out.mkdir(parents=True)
    sql = (f"CREATE TABLE lineitem ({DECLARED}) WITH ('connector' = 'filesystem', "
           f"'path' = '{file}', 'format' = 'csv');\n{JOBS[job]};\n")
    (out / "etl.sql").write_text(sql)
    command = [os.environ.get("WEIR_BIN", str(ROOT / "build/dev/bin/weir")), "run", str(out)]
    return command + (["--memory", args.memory] if args.memory else [])


def adopt_orphans() -> None:
    """Processes that a measured one leaves behind become ours: Spark's JVM outlives its driver."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def orphans() -> list:
    usages = []
    while True:
        try:
            usages.append(os.wait3(0)[2])
        except ChildProcessError:
            return usages


def measure(system, file, args) -> dict:
    out = WORK / f"out-{system}"
    shutil.rmtree(out, ignore_errors=True)
    job = job_of(system, args)
    if system.startswith("weir"):
        command = weir_command(file, out, job, args)
    else:
        command = [sys.executable, __file__, "--child", system, str(file), str(out),
                   "--memory", args.memory]
    with open(WORK / f"{system}.log", "wb") as log:
        started = time.perf_counter()
        child = subprocess.Popen(command, stdout=log, stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
    usages = [usage, *orphans()]
    result = {"system": system, "job": job, "scale": args.scale, "memory": args.memory,
              "ok": child.returncode == 0, "wall_s": round(wall, 3),
              "cpu_s": round(sum(u.ru_utime + u.ru_stime for u in usages), 3),
              "peak_mb": round(sum(u.ru_maxrss for u in usages) / 1000, 1)}
    if not result["ok"]:
        result["error"] = (WORK / f"{system}.log").read_text(errors="replace")[-500:]
    elif job.startswith("etl"):
        result.update(answer(system, out))
    shutil.rmtree(out, ignore_errors=True)
    return result


def answer(system, out) -> dict:
    """What was written, read by DuckDB; Weir's Delta table through its log."""
    import duckdb
    if system.startswith("weir"):
        import deltalake
        files = deltalake.DeltaTable(out / "tables/out").file_uris()
    else:
        files = [str(path) for path in out.rglob("*.parquet")]
    rows, revenue = duckdb.sql(
        "SELECT count(*), round(sum(revenue)) FROM read_parquet($files, hive_partitioning = true)",
        params={"files": files}).fetchone()
    return {"rows": rows, "revenue": int(revenue),
            "written_mb": round(sum(os.path.getsize(f) for f in files) / 1e6, 1)}


def machine() -> dict:
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    versions = {}
    import importlib.metadata
    for name in ("duckdb", "polars", "pandas", "pyspark", "tpchgen-cli"):
        versions[name] = importlib.metadata.version(name)
    weir = os.environ.get("WEIR_BIN", str(ROOT / "build/dev/bin/weir"))
    versions["weir"] = subprocess.run([weir, "--version"], capture_output=True,
                                      text=True).stdout.splitlines()[0]
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gb": round(memory / 1e9, 1),
            "kernel": platform.release(), "load": os.getloadavg()[0], "versions": versions}


def table(results) -> str:
    lines = ["| system | wall s | CPU s | peak MB | written MB |", "|---|---|---|---|---|"]
    for system in dict.fromkeys(r["system"] for r in results):
        runs = [r for r in results if r["system"] == system and r["ok"]]
        if not runs:
            lines.append(f"| {system} | failed | | | |")
            continue
        median = {key: statistics.median(r[key] for r in runs)
                  for key in ("wall_s", "cpu_s", "peak_mb")}
        written = runs[0].get("written_mb", "")
        lines.append(f"| {system} | {median['wall_s']:.2f} | {median['cpu_s']:.2f} "
                     f"| {median['peak_mb']:.0f} | {written} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--memory", default="", help="limit for weir and duckdb, e.g. 512MB")
    parser.add_argument("--job", choices=sorted(JOBS), default="etl")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        system, file, out = args.child
        globals()[f"run_{system}"](file, out, args.memory)
        return
    systems = args.systems.split(",")
    if args.job != "etl" and systems != ["weir"]:
        parser.error("--job is for --systems weir")
    WORK.mkdir(parents=True, exist_ok=True)
    adopt_orphans()
    file = csv_of(args.scale)
    about = machine()
    print(json.dumps(about))
    with open(file, "rb") as data:  # every round finds the file in the page cache
        while data.read(1 << 24):
            pass
    results = []
    with open(WORK / "etl.jsonl", "a") as log:
        log.write(json.dumps({"machine": about}) + "\n")
        for number in range(args.rounds):
            for system in systems:
                result = {"round": number, **measure(system, file, args)}
                results.append(result)
                log.write(json.dumps(result) + "\n")
                log.flush()
                print(json.dumps(result), flush=True)
    print(table(results))
    answers = {(r["rows"], r["revenue"]) for r in results if "rows" in r}
    failed = [r["system"] for r in results if not r["ok"]]
    if failed or len(answers) > 1:
        sys.exit(f"failed: {sorted(set(failed))}; answers: {sorted(answers)}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
