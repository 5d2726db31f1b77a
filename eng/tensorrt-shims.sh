#!/usr/bin/env bash
# Builds TensorRT shims into artifacts/native, from TensorRT's headers only.
#
#   eng/tensorrt-shims.sh             both majors from include-10 and include-11 in $YZC_TENSORRT_ASSETS; without these the one major whose headers CMake finds:
#                                     an installed TensorRT's, or those of NVIDIA's public repository
#   eng/tensorrt-shims.sh HEADERS...  folders with NvInfer.h, one for each major
set -euo pipefail
headers=()
for folder in "$@"; do
    headers+=("$(cd "$folder" && pwd)")
done
if [ $# = 0 ] && [ -n "${YZC_TENSORRT_ASSETS:-}" ]; then
    for major in 10 11; do
        [ -f "$YZC_TENSORRT_ASSETS/include-$major/NvInfer.h" ] && headers+=("$(cd "$YZC_TENSORRT_ASSETS/include-$major" && pwd)")
    done
fi
cd "$(dirname "$0")/.."
target=artifacts/native
mkdir -p "$target"

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
