#!/usr/bin/env bash
# Compiles the kernels to the PTX that is committed and embedded. Needs clang-19 with its NVPTX target, no CUDA SDK.
# With --check nothing is written: fails when the committed PTX is not what the sources give.
# sm_75 and PTX ISA 6.3 at least, 7.8 at most: any driver from CUDA 11.8 on compiles it for its GPU.
set -euo pipefail
cd "$(dirname "$0")"
clang=${CLANG:-clang-19}
out=ptx
if [ "${1:-}" = --check ]; then
    if ! command -v "$clang" >/dev/null; then
        echo "build.sh --check: $clang is not installed" >&2
        exit 2
    fi
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
fi
mkdir -p "$out"
kernels="preprocess decode activation layers"
for name in $kernels; do
    # No contraction: results equal the C# code's, which rounds after every operation.
    "$clang" -x cuda --cuda-device-only --cuda-gpu-arch=sm_75 -nocudainc -nocudalib -Xclang -target-feature -Xclang +ptx75 \
        -std=c++17 -O3 -ffp-contract=off -fno-exceptions -Wall -Wextra -Wconversion -Wno-sign-conversion -Werror -S "$name.cu" -o "$out/$name.ptx"
done
if [ "$out" != ptx ]; then
    for name in $kernels; do
        if ! cmp -s "ptx/$name.ptx" "$out/$name.ptx"; then
            echo "ptx/$name.ptx is not what $name.cu gives with $("$clang" --version | head -1); run native/kernels/build.sh and commit the result" >&2
            diff "ptx/$name.ptx" "$out/$name.ptx" | head -20 >&2 || true
            exit 1
        fi
    done
    echo "The committed PTX is what the sources give."
fi
