#!/bin/sh
# The shared library exports exactly the functions that gatewright.h declares. Usage: symbols.sh LIBRARY HEADER
library=$1 header=$2
echo 1..2
declared=$(grep -v '^ *[*/]' "$header" | grep -A1 '^GW_API' | grep -o 'gw_[a-z_]*(' | tr -d '(' | sort -u)
# A build for fuzzing has its counters besides.
exported=$(nm -D --defined-only "$library" | awk '{print $NF}' | sed 's/@.*//' | grep -v sancov | sort -u)
if [ "$(echo "$declared" | wc -l)" -ge 25 ]; then echo "ok 1 - the header declares functions"; else echo "not ok 1 - the header declares functions"; fi
if [ "$declared" = "$exported" ]; then
    echo "ok 2 - exported symbols are the declared functions"
else
    echo "not ok 2 - exported symbols are the declared functions"
    printf '%s\n' "$declared" "$exported" | sort | uniq -u | sed 's/^/# on one side only: /'
fi
