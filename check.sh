#!/bin/sh
# Build with warnings as errors and run every test; ends with `N passed, N failed`.
set -eu
cd "$(dirname "$0")"
. tools/system.sh

need_packages build test
echo "building" >&2
build_into build --buildtype=release -Dtests=true -Dwerror=true
echo "testing" >&2
exec tools/run_tests.sh build
