#!/bin/sh
# Build for 64-bit ARM (build-aarch64/) and run the tests under qemu that are programs of C and not long. Ends with `N passed, N failed`. The libraries
# come as Debian packages of that architecture, which are unpacked into build-aarch64-system/ and not installed: nothing of this system changes, and
# no package has to get along with its twin.
set -eu
cd "$(dirname "$0")/.."
. tools/system.sh

system=build-aarch64-system
libraries='libyaml-dev libyaml-0-2 zlib1g-dev zlib1g liblzma-dev liblzma5 libzstd-dev libzstd1 libcmocka-dev libcmocka0 libjansson-dev libjansson4'

# apt-get for the other architecture, with lists of its own.
apt_foreign() {
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::Lists="$PWD/lists" -o Dir::State::status="$PWD/status" \
        -o Dir::Cache="$PWD/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

fetch_libraries() {
    rm -rf "$system"
    mkdir -p "$system/apt/lists/partial" "$system/apt/cache/archives/partial"
    (
        cd "$system/apt"
        : >status
        quietly apt_foreign update
        quietly apt_foreign download $libraries
        for package in *.deb; do dpkg-deb -x "$package" ..; done
    )
    # Links that name a place of a whole system mean one in here.
    find "$PWD/$system" -type l -lname '/*' | while read -r link; do ln -sf "$PWD/$system$(readlink "$link")" "$link"; done
    printf "[constants]\nsystem = '%s'\n" "$PWD/$system" >"$system/place.cross"
    rm -rf "$system/apt"
}

if [ "$(uname -m)" = aarch64 ]; then
    echo "this machine is one; its tests are those of ./check.sh"
    echo "0 passed, 0 failed"
    exit
fi
# The tests that qemu runs: what was built here, not what starts it from a script of this system; and nothing of the suite `long`.
foreign_tests() {
    meson introspect build-aarch64 --tests | python3 -c '
import json, os, sys
for test in json.load(sys.stdin):
    if test["cmd"][0].startswith(os.path.abspath("build-aarch64")) and not any(suite.endswith("long") for suite in test["suite"]): print(test["name"])'
}

need_packages build test arm
[ -e "$system/place.cross" ] || fetch_libraries
echo "building" >&2
build_into build-aarch64 --cross-file "$system/place.cross" --cross-file tools/aarch64.cross --buildtype=release -Dtests=true -Dwerror=true
echo "testing" >&2
GW_TEST_TIMEOUT_MULTIPLIER=10 exec tools/run_tests.sh build-aarch64 $(foreign_tests)
