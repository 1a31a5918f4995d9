#!/bin/sh
# Few machines of CI can run the kernels for AVX-512, so that their tests there are those of vectors of 16 in general (tests/kern). That the compiler
# makes of them what they are for is seen in the object: multiply-adds on 512-bit registers, some with their operand spread from memory.
set -eu
cd "$(dirname "$0")/.."
passed=0 failed=0

has() { # has TITLE PATTERN
    if [ "$(printf '%s\n' "$code" | grep -cE "$2")" -ge 100 ]; then
        passed=$((passed + 1))
        echo "ok $1"
    else
        failed=$((failed + 1))
        echo "not ok $1"
    fi
}

if [ "$(uname -m)" = x86_64 ]; then
    code=$(objdump -d --no-show-raw-insn build/src/kern/libgw_kern_avx512.a)
    has "multiply-adds on zmm registers" 'vfmadd[0-9]*ps.*zmm'
    has "operands spread from memory" 'vfmadd.*\{1to16\}'
fi
echo "$passed passed, $failed failed"
