#!/bin/sh
# Fetch the peers into a directory of their own, outside of the repository: bench/peers/setup.sh DIR. Several gigabytes; never part of the tests.
#   DIR/venv   PyTorch (with MKL), ONNX Runtime and pandas from PyPI, in a virtual environment
#   DIR/root   OpenBLAS and BLIS from Debian's packages, unpacked and not installed, so that the system's choice of a BLAS stays as it is
# Debian's own PyTorch (python3-torch) is used when it is installed.
set -eu
[ $# = 1 ] || { echo "usage: bench/peers/setup.sh DIR" >&2; exit 2; }
mkdir -p "$1"
cd "$1"

[ -x venv/bin/python ] || python3 -m venv venv
venv/bin/pip install --quiet torch numpy pandas onnxruntime onnx onnxscript ||
    echo "PyPI's PyTorch could not be installed; its rows will be left out" >&2

if command -v apt-get >/dev/null 2>&1; then
    mkdir -p packages
    for package in libopenblas0-pthread libopenblas0-openmp libblis4-openmp; do
        (cd packages && apt-get download -qq "$package") || echo "$package could not be fetched; its rows will be left out" >&2
    done
    for file in packages/*.deb; do
        [ ! -e "$file" ] || dpkg -x "$file" root
    done
fi
