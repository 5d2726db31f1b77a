#!/usr/bin/env bash
# Compiles each kernel to the PTX that is committed and embedded, a module for each. Needs clang-19 with its NVPTX target, no CUDA SDK.
# With --check nothing is written: fails when the committed PTX is not what the sources give.
# sm_75 and PTX ISA 6.3 at least, 7.8 at most: any driver from CUDA 11.8 on compiles it for its GPU.
set -euo pipefail
cd "$(dirname "$0")"
export CLANG=${CLANG:-clang-19}
export OUT
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT
if ! command -v "$CLANG" >/dev/null; then
    echo "build.sh: $CLANG is not installed" >&2
    exit 2
fi

compile() {
    # No contraction: results equal the C# code's, which rounds after every operation.
    "$CLANG" -x cuda --cuda-device-only --cuda-gpu-arch=sm_75 -nocudainc -nocudalib -Xclang -target-feature -Xclang +ptx75 \
        -std=c++17 -O3 -ffp-contract=off -fno-exceptions -Wall -Wextra -Wconversion -Wno-sign-conversion -Werror \
        "-DYZC_MODULE_$2=,YZC_ENTRY" -S "$1" -o "$OUT/$2.ptx"
}
export -f compile

# Lines of file:kernel. The first compiler that fails ends it.
grep -o '^YZC_KERNEL([a-z0-9_]*' ./*.cu | sed 's/:YZC_KERNEL(/ /' | xargs -P "$(nproc)" -n 2 bash -c 'compile "$@" || exit 255' compile
if [ "${1:-}" = --check ]; then
    if ! diff -rq ptx "$OUT"; then
        diff -r ptx "$OUT" | head -40 >&2 || true
        echo "ptx is not what the sources give with $("$CLANG" --version | head -1); run native/kernels/build.sh and commit the result" >&2
        exit 1
    fi
    echo "The committed PTX is what the sources give."
else
    rm -rf ptx
    mkdir ptx
    cp "$OUT"/*.ptx ptx
fi
