#!/usr/bin/env python3
"""A text file as a C header: embed.py NAME FILE > HEADER declares `static const char NAME[]` with the file's text."""
import sys

name, path = sys.argv[1:3]
print(f"/* Made from {path.rsplit('/', 1)[-1]} by tools/embed.py. */\nstatic const char {name}[] =")
with open(path, encoding="utf-8") as file:
    for line in file:
        text = line.rstrip("\n").replace("\\", "\\\\").replace('"', '\\"')
        print(f'    "{text}\\n"')
print("    ;")
