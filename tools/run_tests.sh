#!/bin/sh
# Run the tests of a build directory and add up the TAP lines of all programs: tools/run_tests.sh BUILD [OPTION...]; options are meson test's.
set -eu
build=$1
shift
rm -f "$build/meson-logs/testlog.json"
meson test -C "$build" --no-rebuild --timeout-multiplier "${GW_TEST_TIMEOUT_MULTIPLIER:-1}" "$@" >"$build/meson-logs/run.txt" 2>&1 || true
exec python3 "$(dirname "$0")/tally.py" "$build/meson-logs/testlog.json" "$build/meson-logs/run.txt"
