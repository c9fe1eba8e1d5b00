#!/usr/bin/env python3
"""Resolves tools/deps/NAME.in and writes NAME.txt: every package by version and SHA-256.

    python3 tools/deps/pin.py python-tests     # then commit the result
"""
import json
import pathlib
import subprocess
import sys


def main() -> None:
    here = pathlib.Path(__file__).parent
    for name in sys.argv[1:]:
        source = here / f"{name}.in"
        report = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed",
             "--report", "-", "-r", str(source)],
            check=True, capture_output=True, text=True).stdout
        lines = []
        for item in json.loads(report)["install"]:
            meta = item["metadata"]
            sha = item["download_info"]["archive_info"]["hash"].removeprefix("sha256=")
            lines.append(f"{meta['name']}=={meta['version']} --hash=sha256:{sha}")
        text = f"# Written by tools/deps/pin.py from {source.name} (Python 3.11, Linux x86-64).\n"
        (here / f"{name}.txt").write_text(text + "\n".join(sorted(lines, key=str.lower)) + "\n")


if __name__ == "__main__":
    main()
