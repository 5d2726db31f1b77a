#!/usr/bin/env bash
# Builds the check of the kernels: build.sh emulated|cuda OUTPUT
# emulated: any C++17 compiler, no GPU. cuda: needs the toolkit's cuda.h (CUDA_HOME, /usr/local/cuda by default) and a driver to run.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
output=$2
common=("$here"/main.cpp "$here"/check_preprocess.cpp "$here"/check_decode.cpp "$here"/check_activation.cpp "$here"/outputs.cpp "$here"/golden.cpp "$here"/measure.cpp)
flags=(-std=c++17 -O2 -ffp-contract=off -Wall -Wextra -Werror)
case "$1" in
emulated)
    "${CXX:-g++}" "${flags[@]}" -Wno-unknown-pragmas -I"$here" "${common[@]}" "$here/emulated_device.cpp" -x c++ -o "$output"
    ;;
cuda)
    home=${CUDA_HOME:-/usr/local/cuda}
    "${CXX:-g++}" "${flags[@]}" -I"$home/include" "${common[@]}" "$here/cuda_device.cpp" -o "$output" -L"$home/lib64/stubs" -lcuda
    ;;
*)
    echo "usage: build.sh emulated|cuda OUTPUT" >&2
    exit 2
    ;;
esac
