#!/usr/bin/env bash
# Builds the check of the kernels: build.sh emulated|cuda OUTPUT
# emulated: any C++17 compiler, no GPU. cuda: needs the toolkit's cuda.h (CUDA_HOME, /usr/local/cuda by default) and a driver to run.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
output=$2
sources=(main check_preprocess check_decode check_head check_activation outputs golden)
# The emulated threads are contexts that jump between stacks, which the checks of _FORTIFY_SOURCE, on by default in some distributions, take for damage.
flags=(-std=c++17 -U_FORTIFY_SOURCE -O1 -ffp-contract=off -Wall -Wextra -Werror)
libraries=()
case "$1" in
emulated)
    sources+=(emulated_device)
    flags+=(-Wno-unknown-pragmas -I"$here")
    ;;
cuda)
    home=${CUDA_HOME:-/usr/local/cuda}
    sources+=(cuda_device measure)
    flags+=(-I"$home/include")
    libraries=(-L"$home/lib64/stubs" -lcuda)
    ;;
*)
    echo "usage: build.sh emulated|cuda OUTPUT" >&2
    exit 2
    ;;
esac

# One compiler a source and a processor at a time; the first that fails ends it.
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -I{} "${CXX:-g++}" "${flags[@]}" -c "$here/{}.cpp" -o "$objects/{}.o"
"${CXX:-g++}" "$objects"/*.o -o "$output" "${libraries[@]}"
