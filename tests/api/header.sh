#!/bin/sh
# gatewright.h compiles alone, as C99, C11 and C++, with all warnings. Usage: header.sh INCLUDE_DIRECTORY COMPILER…
include=$1
shift
directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT
printf '#include "gatewright.h"\nint main(void) { return (int)gw_model_task_count(NULL); }\n' > "$directory/a.c"
echo 1..4
n=0
check() { # NAME COMPILER OPTION… FILE
    name=$1
    shift
    n=$((n + 1))
    if ! command -v "$1" > /dev/null; then
        echo "ok $n - $name # SKIP there is no $1"
    elif "$@" -fsyntax-only -Wall -Wextra -Werror -pedantic -I"$include" "$directory/a.c" 2> "$directory/log"; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        sed 's/^/# /' "$directory/log"
    fi
}
check 'C99' "$@" -std=c99
check 'C11' "$@" -std=c11
check 'C++11' c++ -std=c++11 -x c++
check 'C++20' c++ -std=c++20 -x c++
