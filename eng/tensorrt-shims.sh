#!/usr/bin/env bash
# Builds the TensorRT shims of both majors into artifacts/native, from TensorRT's headers only.
#
#   eng/tensorrt-shims.sh             headers from $YZC_TENSORRT_ASSETS, an installed TensorRT or NVIDIA's public repository, as CMake finds them
#   eng/tensorrt-shims.sh HEADERS...  folders with NvInfer.h, one for each major
set -euo pipefail
cd "$(dirname "$0")/.."
target=artifacts/native
mkdir -p "$target"

headers=("$@")
if [ ${#headers[@]} = 0 ] && [ -n "${YZC_TENSORRT_ASSETS:-}" ]; then
    for major in 10 11; do
        [ -f "$YZC_TENSORRT_ASSETS/include-$major/NvInfer.h" ] && headers+=("$YZC_TENSORRT_ASSETS/include-$major")
    done
fi

build() {
    local folder=$1
    shift
    cmake -S native -B "$folder" "$@"
    cmake --build "$folder" --target yzc_trt -j "$(nproc)"
    find "$folder" -name 'libyzc_trt1[0-9].so' -exec cp -v {} "$target/" \;
}

if [ ${#headers[@]} = 0 ]; then
    build artifacts/native/build
fi

number=0
for folder in "${headers[@]}"; do
    build "artifacts/native/build$number" "-DTENSORRT_INCLUDE_DIR=$folder"
    number=$((number + 1))
done
