"""Which tests of others' suites are left out: docs/kafka-compatibility.md, with the reasons."""
import pathlib
import re

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/kafka-compatibility.md"
ROW = re.compile(r"^\| `([^`]+)` \| (classic|consumer|both|-) \| (\S.*) \|$", re.M)


def exclusions(section: str, protocol: str) -> dict:
    """{test: reason} of a section for a protocol: rows of `| `test` | protocol | reason |`."""
    text = PAGE.read_text()
    assert f"\n## {section}\n" in text, section
    body = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return {test: reason for test, of, reason in ROW.findall(body)
            if of in ("both", "-", protocol)}
