#!/usr/bin/env python3
"""Checks every #include of src/weir against tools/layers.txt.

    python3 tools/check_layers.py [ROOT]     # exits 1 and names file, line and rule
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')


def read_rules(text: str):
    layers, only, free, generated = {}, [], [], []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        kind, _, rest = line.partition(" ")
        if kind == "layer" and ":" in rest:
            name, _, below = rest.partition(":")
            layers[name.strip()] = set(below.split())
        elif kind == "only" and " in " in rest:
            prefix, _, allowed = rest.partition(" in ")
            only.append((prefix.strip(), set(allowed.split())))
        elif kind == "free":
            free.append(rest.strip())
        elif kind == "generated":
            generated.append(rest.strip())
        else:
            sys.exit(f"tools/layers.txt:{number}: not a rule: {line}")
    return layers, only, free, tuple(generated)


def check(root: pathlib.Path) -> list:
    layers, only, free, generated = read_rules((root / "tools/layers.txt").read_text())
    wrong = []
    for name, below in layers.items():
        for other in below:
            if other not in layers:
                wrong.append(f"tools/layers.txt: {name} may include {other}, which is no layer")
            elif name in layers[other]:
                wrong.append(f"tools/layers.txt: {name} and {other} may include each other")
    source = root / "src/weir"
    for file in sorted(p for p in source.rglob("*") if p.suffix in (".h", ".cc", ".in")):
        where = file.relative_to(root)
        layer = file.relative_to(source).parts[0]
        if layer not in layers:
            wrong.append(f"{where}: {layer} is no layer of tools/layers.txt")
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            header = match.group(1)
            if header.startswith("weir/"):
                other = header.split("/")[1]
                if other != layer and other not in layers[layer]:
                    wrong.append(f"{where}:{number}: {layer} may not include {other}/ "
                                 f"({header}); it may include: {' '.join(sorted(layers[layer]))}")
                elif not (header.startswith(generated) or (root / "src" / header).exists()):
                    wrong.append(f"{where}:{number}: {header} does not exist")
                continue
            if line.lstrip().startswith("#include \"") and (file.parent / header).exists():
                wrong.append(f"{where}:{number}: write the path from src/: "
                             f"weir/{file.relative_to(source).parent}/{header}")
            if any(header.startswith(prefix) for prefix in free):
                header = ""
            for prefix, allowed in only:
                if header.startswith(prefix) and layer not in allowed:
                    wrong.append(f"{where}:{number}: {match.group(1)} may only be included in "
                                 f"{' '.join(sorted(allowed))}")
    return wrong


def main() -> None:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    wrong = check(root if root.is_dir() else root.parent.parent)
    print("\n".join(wrong) if wrong else "layers: ok")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
