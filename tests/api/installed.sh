#!/bin/sh
# What `meson install` leaves is whole: the command runs, and a program builds against the library by pkg-config alone, and scores.
#   installed.sh BUILD EXAMPLE.c TABLE.csv
set -u
export LC_ALL=C
n=0 failed=0
ok() { # ok STATUS WHAT
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; fi
}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
meson install -C "$1" --no-rebuild --quiet --destdir "$root/system" >"$root/log" 2>&1
status=$?
[ $status = 0 ] || sed 's/^/# /' "$root/log"
ok $status "is installed"
pc=$(find "$root/system" -name gatewright.pc)
lib=$(dirname "$(find "$root/system" -name 'libgatewright.so' | head -n 1)")
command=$(find "$root/system" -type f -name gatewright -perm -u+x)
export PKG_CONFIG_PATH="${pc%/*}" PKG_CONFIG_SYSROOT_DIR="$root/system" LD_LIBRARY_PATH="$lib"
cd "$root" || exit 1
"$command" init "$3" --task clicked -o first.yaml >log 2>&1 && "$command" train first.yaml --set train.epochs=1 -o first.gw >>log 2>&1
status=$?
[ $status = 0 ] || sed 's/^/# /' log
ok $status "the command trains"
cc "$2" $(pkg-config --cflags --libs gatewright) -o score >log 2>&1
status=$?
[ $status = 0 ] || sed 's/^/# /' log
ok $status "a program is built by pkg-config"
./score first.gw >log 2>&1
status=$?
[ $status = 0 ] || sed 's/^/# /' log
ok $status "and scores"
[ "$(pkg-config --modversion gatewright)" = "$("$command" --version | sed -n '1s/.* //p')" ]
ok $? "one version"
echo "1..$n"
exit $failed
