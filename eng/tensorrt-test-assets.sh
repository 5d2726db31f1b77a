#!/usr/bin/env bash
# Makes everything that the tests of TensorRT look for, in artifacts/native, and env.sh there, which names it to them: both shims, the test double of TensorRT of both majors, and the
# libraries of the assets' folder, unpacked where they are .xz.
#
#   eng/tensorrt-test-assets.sh ASSETS && . artifacts/native/env.sh && dotnet test -c Release
#
# ASSETS has include-10 and include-11 (TensorRT's headers), and perhaps libtensorrt_rtx.so.1, libtensorrt_onnxparser_rtx.so.1, libnvinfer_lean.so.10 and .11.
set -euo pipefail
assets=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
target=$PWD/artifacts/native
mkdir -p "$target"

headers=()
for major in 10 11; do
    [ -f "$assets/include-$major/NvInfer.h" ] && headers+=("$assets/include-$major")
done
eng/tensorrt-shims.sh "${headers[@]}"

eng/tensorrt-libraries.sh "$assets" "$target/libraries"

{
    echo "export YZC_TENSORRT_SHIM='$target'"
    echo "export YZC_TENSORRT_ASSETS='$target/libraries'"
} >"$target/env.sh"

list=$(IFS=';'; echo "${headers[*]}")
cmake -S native/tests/nvinfer_double -B "$target/double" "-DTENSORRT_INCLUDE_DIRS=$list" -DYZC_DOUBLE_TESTS=OFF
cmake --build "$target/double" -j "$(nproc)"
echo "export YZC_TRT_DOUBLE='$target/double'" >>"$target/env.sh"
