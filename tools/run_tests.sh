#!/bin/sh
# Run all tests of a build directory and add up the TAP lines of all programs: tools/run_tests.sh BUILD
set -eu
rm -f "$1/meson-logs/testlog.json"
meson test -C "$1" --no-rebuild --timeout-multiplier "${GW_TEST_TIMEOUT_MULTIPLIER:-1}" >"$1/meson-logs/run.txt" 2>&1 || true
exec python3 "$(dirname "$0")/tally.py" "$1/meson-logs/testlog.json" "$1/meson-logs/run.txt"
