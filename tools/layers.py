#!/usr/bin/env python3
"""The dependency law: prints every #include that points upward or sideways. Silent when the law holds."""
import glob
import re

# A layer may include itself and what stands in its row; the public header is open to all (ARCHITECTURE.md).
LAW = {
    "base": "",
    "kern": "base",
    "file": "base",
    "data": "base",
    "metric": "base kern",
    "spec": "base kern metric",
    "feat": "base kern file data spec",
    "model": "base kern file data spec feat",
    "train": "base kern file data spec feat model metric",
    "serve": "base kern file data spec feat model",
    "interop": "base kern file data spec feat model",
    "lab": "base kern file data spec feat model metric train",
    "api": "base kern file data spec feat model metric train serve interop lab",
    "cli": "base",
}

for path in sorted(glob.glob("src/*/*.[ch]")):
    layer = path.split("/")[1]
    allowed = set(LAW.get(layer, "").split()) | {layer}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            found = re.match(r'\s*#\s*include\s+"([a-z]+)/', line)
            if found and found.group(1) not in allowed:
                print(f"{path}:{number}: {layer} includes {found.group(1)}")
