#!/usr/bin/env python3
"""Checks the source tree's own habits (CONTRIBUTING.md says why each rule is there).

    python3 tools/tidy.py [ROOT]     # exits 1 and names file, line and rule

A line that must break a rule for a good reason is excused in tools/tidy_excused.txt.
"""
import pathlib
import re
import subprocess
import sys

LINE_CHARACTERS_MAX = 100
FILE_LINES_MAX = 1000
CODE = {".cc", ".h", ".py", ".cmake", ".sh", ".in"}

# Rule -> (pattern, what to do). Outside src/weir/base and tests, Env is the door to the machine.
BANNED = {
    "clock": (r"std::chrono::\w+_clock\b|\bclock_gettime\(|\bgettimeofday\("
              r"|\btime\((NULL|nullptr|0)\)|Timestamp::GetCurrentTimestamp\(",
              "take the time from Env"),
    "sleep": (r"this_thread::sleep_|\b(u|nano)?sleep\(", "use Env::SleepMicros"),
    "random": (r"std::mt19937", "use Env::RandomU64"),
    "seed": (r"std::random_device|(?<![\w.>:])s?rand\(", "use Env::RandomU64, or a fixed seed"),
    "thread": (r"std::(thread|jthread|async)\b|\bpthread_create\(", "use Env::StartThread"),
    "file": (r"std::(o|i)?fstream|\bfopen\(|std::filesystem::(?!path\b)"
             r"|(?<![\w.>:])(::)?(open|openat|creat|unlink|rename|mkdir|rmdir|fsync|fdatasync"
             r"|pread|pwrite|opendir|stat)\(", "use Env's files"),
    "environment": (r"\bgetenv\(|\bsetenv\(", "use Env::Variable"),
    "process": (r"(?<![\w.>:])(::)?(fork|vfork|execvp?|popen|system)\(",
                "Weir starts no processes"),
}
# In tests the machine is fair game, except what makes a failure impossible to repeat.
BANNED_IN_TESTS = ("seed", "sleep")
SHAPELESS = re.compile(r"(^|_)(utils?|helpers?|common|misc|manager)(_|$)")
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")


def tracked(root: pathlib.Path) -> list:
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                         cwd=root, capture_output=True, text=True)
    if out.returncode != 0:
        return sorted(p.relative_to(root) for p in root.rglob("*") if p.is_file())
    return sorted(pathlib.Path(p) for p in out.stdout.split("\0") if p and (root / p).is_file())


def read_excuses(root: pathlib.Path) -> dict:
    """PATH RULE REASON..., one a line; an excuse that excuses nothing is an error itself."""
    excuses = {}
    file = root / "tools/tidy_excused.txt"
    for line in file.read_text().splitlines() if file.exists() else []:
        if line.strip() and not line.startswith("#"):
            path, rule, _reason = line.split(None, 2)
            excuses[(path, rule)] = False
    return excuses


def without_comment(line: str) -> str:
    return re.sub(r'"(\\.|[^"\\])*"', '""', line).split("//")[0]


def check_cpp(path: pathlib.Path, lines: list, say) -> None:
    if path.suffix == ".h":
        if "#pragma once" not in lines:
            say(1, "pragma", "a header has #pragma once")
        if not lines or not lines[0].startswith("//"):
            say(1, "opening", "a header opens with a comment that says what it is")
    if path.parts[:3] == ("src", "weir", "base"):
        return
    in_tests = (path.parts[0] != "src"
                or re.search(r"_(test|fuzz|bench)\.cc$|/testing/", str(path)))
    for number, line in enumerate(lines, 1):
        code = without_comment(line)
        for rule, (pattern, instead) in BANNED.items():
            if (not in_tests or rule in BANNED_IN_TESTS) and re.search(pattern, code):
                say(number, rule, f"{instead}: {line.strip()}")


def check_headers(root: pathlib.Path, files: list, say_at) -> None:
    """A header that only its own .cc includes is dead, or should be part of that .cc."""
    included = {}
    for path in files:
        if path.suffix in (".h", ".cc", ".in", ".cmake"):
            for name in re.findall(r"weir/[\w/]+\.h", (root / path).read_text()):
                included.setdefault(name, set()).add(path)
    for path in files:
        if path.suffix == ".h" and path.parts[:2] == ("src", "weir"):
            own = {path, path.with_suffix(".cc"), path.with_suffix(".cc.in")}
            if not included.get(str(path.relative_to("src")), set()) - own:
                say_at(path, 1, "dead-header", "no other file includes this header")


def check_paths_named(root: pathlib.Path, path: pathlib.Path, lines: list, say) -> None:
    """Every path that a document names in backquotes or links to exists."""
    roots = {p.name for p in root.iterdir() if p.is_dir() and p.name not in ("build", ".git")}
    layers = {p.name for p in (root / "src/weir").glob("*")}
    fenced = False
    for number, line in enumerate(lines, 1):
        if line.startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        names = [(name, False) for name in re.findall(r"`([^`\s]+)`", line)]
        names += [(name, True)
                  for name in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line) if "://" not in name]
        for name, is_link in names:
            name = re.sub(r"(:\d+)?$", "", name)
            if re.search(r"[<>*{}$…()=]|\.\.\.", name):
                continue
            if is_link or name in DOCUMENTS:
                candidates = [(root / path).parent / name if is_link else root / name]
            else:
                first = name.removeprefix("./").split("/")[0]
                if "/" not in name or first not in roots | layers:
                    continue
                candidates = [root / name, root / "src/weir" / name]
            if not any(c.exists() for c in candidates):
                say(number, "path", f"{name} does not exist")


def check(root: pathlib.Path) -> list:
    excuses = read_excuses(root)
    wrong = []

    def say_at(path, number, rule, text):
        key = (str(path), rule)
        if key in excuses:
            excuses[key] = True
        else:
            wrong.append(f"{path}:{number}: {rule}: {text}")

    files = tracked(root)
    for path in files:
        def say(number, rule, text, path=path):
            say_at(path, number, rule, text)

        is_document = path.suffix == ".md"
        if not (path.suffix in CODE or path.name in ("CMakeLists.txt", "dev") or is_document):
            continue
        lines = (root / path).read_text().splitlines()
        if is_document:
            if str(path) in DOCUMENTS or path.parts[0] == "docs":
                check_paths_named(root, path, lines, say)
            continue
        if len(lines) > FILE_LINES_MAX:
            say(len(lines), "length", f"more than {FILE_LINES_MAX} lines: more than one idea?")
        for number, line in enumerate(lines, 1):
            if len(line) > LINE_CHARACTERS_MAX and path.suffix in (".cc", ".h", ".py"):
                say(number, "line", f"{len(line)} characters (max {LINE_CHARACTERS_MAX})")
            if path.name != "tidy.py" and re.search(r"\b(TODO|FIXME|XXX)\b(?!\(\w+\))", line):
                say(number, "todo", "a TODO has an owner: TODO(name): …")
        if path.parts[0] == "src" and SHAPELESS.search(path.stem):
            say(1, "name", "a file's name says what is in it")
        if path.suffix in (".cc", ".h"):
            check_cpp(path, lines, say)
    check_headers(root, files, say_at)
    wrong += [f"tools/tidy_excused.txt: {path} {rule} excuses nothing any more"
              for (path, rule), used in excuses.items() if not used]
    return wrong


def main() -> None:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    wrong = check(root if root.is_dir() else root.parent.parent)
    print("\n".join(wrong) if wrong else "tidy: ok")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
