#!/usr/bin/env bash
# Builds the double for every major whose headers are here, with sanitizers, and runs its tests. Closes with `N passed, N failed, N skipped`.
#
#   native/tests/nvinfer_double/run.sh [HEADERS...]
#
# HEADERS are folders with NvInfer.h. Without them: include-10 and include-11 below YZC_TENSORRT_ASSETS, where that is set.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
build=${YZC_NATIVE_BUILD:-$root/artifacts/native-tests}/nvinfer_double
headers=("$@")
for folder in include-10 include-11; do
    [ $# -eq 0 ] && [ -e "${YZC_TENSORRT_ASSETS:-/nowhere}/$folder/NvInfer.h" ] && headers+=("$YZC_TENSORRT_ASSETS/$folder")
done
if [ ${#headers[@]} -eq 0 ]; then
    echo "no TensorRT headers: name their folders, or set YZC_TENSORRT_ASSETS"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
for tool in cmake c++ awk; do
    if ! command -v $tool >/dev/null; then
        echo "$tool is missing"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
done

# ONNX Runtime: where a build of the repository has put it, unless the variable names another.
if [ -z "${YZC_ONNXRUNTIME:-}" ]; then
    for file in "$root"/artifacts/bin/*/*/runtimes/linux-x64/native/libonnxruntime.so* "$root"/eng/native-assets/node_modules/onnxruntime-node/bin/*/linux/x64/libonnxruntime.so*; do
        [ -e "$file" ] && export YZC_ONNXRUNTIME=$file && break
    done
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
folders=()
for folder in "${headers[@]}"; do
    folders+=("$(cd "$folder" && pwd)")
done
includes=$(printf '%s;' "${folders[@]}")
generator=()
command -v ninja >/dev/null && generator=(-G Ninja)
if ! { cmake -S "$here" -B "$build" "${generator[@]}" -DYZC_DOUBLE_SANITIZE=ON "-DTENSORRT_INCLUDE_DIRS=${includes%;}" && cmake --build "$build" -j "${YZC_NATIVE_JOBS:-$(nproc)}"; } >"$log" 2>&1; then
    tail -60 "$log"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi

(cd "$build" && ctest --verbose) >"$log" 2>&1
status=$?
[ $status -ne 0 ] && grep -vE '\[ +(OK|RUN) ' "$log" | tail -120
count() { sed -nE "s/.*$1.*/\1/p" "$log" | paste -sd+ - | sed 's/^$/0/'; }
passed=$(($(count '\[  PASSED  \] ([0-9]+) tests?')))
skipped=$(($(count '\[  SKIPPED \] ([0-9]+) tests?')))
failed=$(($(count '\[  FAILED  \] ([0-9]+) tests?, listed')))
[ $status -ne 0 ] && [ $failed -eq 0 ] && failed=1
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
