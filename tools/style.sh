#!/bin/sh
# What a reader should never meet in the tree; each rule is one line of output, `ok` or `not ok` with the places.
set -eu
cd "$(dirname "$0")/.."
passed=0
failed=0

# rule TITLE COMMAND...: holds when the command prints nothing.
rule() {
    title=$1
    shift
    found=$("$@" 2>&1 | head -n 20) || true
    if [ -z "$found" ]; then
        passed=$((passed + 1))
        echo "ok $title"
    else
        failed=$((failed + 1))
        printf 'not ok %s\n%s\n' "$title" "$found"
    fi
}

all_files() { find . \( -name .git -o -path './build*' -o -path ./out -o -path ./data/census-income -o -name __pycache__ \) -prune -o -type f -print; }
c_files() { all_files | grep '\.[ch]$'; }

tabs() { c_files | xargs grep -nP '\t'; }
trailing_blanks() { c_files | xargs grep -nE ' +$'; }
long_lines() { c_files | xargs awk 'length($0) > 180 { print FILENAME ":" FNR ": " length($0) " characters" }'; }
unfinished() { c_files | xargs grep -nE '\b(TO[D]O|FI[X]ME|X[X]X|HA[C]K)\b'; }
twins() { c_files | sed 's|.*/||' | sort | uniq -d; }
library_files() { find src -name '*.c' ! -path 'src/cli/*'; }
printing() { library_files | xargs grep -nE '\b(printf|puts|putchar|perror|abort|exit|getenv|setlocale) *\('; }
included_upward() { tools/layers.py; }
bad_shell() { for script in demo.sh check.sh data/get.sh tools/*.sh; do sh -n "$script"; done; bash -n .ci/run; }
large() { all_files | while read -r f; do [ ! -f "$f" ] || [ "$(wc -c <"$f")" -le 1500000 ] || echo "$f"; done; }

rule "no tabs in C" tabs
rule "no blanks at line ends in C" trailing_blanks
rule "no line over 180 characters in C" long_lines
rule "nothing left unfinished" unfinished
rule "file names are unique" twins
rule "the library neither prints nor ends its host" printing
rule "a layer includes only layers below it" included_upward
rule "shell scripts parse" bad_shell
rule "no large file" large
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
