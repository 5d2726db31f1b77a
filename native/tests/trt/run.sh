#!/usr/bin/env bash
# Builds the TensorRT shims for every major whose headers are here, once as they ship and once with sanitizers, and runs their tests.
# Closes with `N passed, N failed, N skipped`; ends with 0 when nothing failed.
#
#   native/tests/trt/run.sh [HEADERS...]
#
# HEADERS are folders with NvInfer.h. Without them: include-10 and include-11 below YZC_TENSORRT_ASSETS, where that is set. The same folder may
# hold TensorRT for RTX (libtensorrt_rtx.so.1, libtensorrt_onnxparser_rtx.so.1, or these as .xz), with which the builder is tested.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
build=${YZC_NATIVE_BUILD:-$root/artifacts/native-tests/trt}
jobs=${YZC_NATIVE_JOBS:-$(nproc)}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

assets=${YZC_TENSORRT_ASSETS:-}
[ -n "$assets" ] && assets=$(cd "$assets" && pwd)
headers=("$@")
if [ ${#headers[@]} -eq 0 ] && [ -n "$assets" ]; then
    for folder in "$assets"/include-10 "$assets"/include-11; do
        [ -e "$folder/NvInfer.h" ] && headers+=("$folder")
    done
fi
if [ ${#headers[@]} -eq 0 ]; then
    echo "no TensorRT headers: name their folders, or set YZC_TENSORRT_ASSETS"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
for tool in cmake c++ nm; do
    if ! command -v $tool >/dev/null; then
        echo "$tool is missing"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
done

# Libraries that are stored packed are unpacked once, beside the build.
if [ -n "$assets" ]; then
    libraries=$assets
    for packed in "$assets"/libtensorrt_rtx.so.1.xz "$assets"/libtensorrt_onnxparser_rtx.so.1.xz; do
        name=$(basename "$packed" .xz)
        if [ -e "$packed" ] && [ ! -e "$assets/$name" ]; then
            libraries=$build/libraries
            mkdir -p "$libraries"
            [ "$libraries/$name" -nt "$packed" ] || { xz -dkc "$packed" >"$libraries/$name.part" && mv "$libraries/$name.part" "$libraries/$name"; }
        fi
    done
    export YZC_TENSORRT_ASSETS=$libraries
fi

# ONNX Runtime runs the test double's models.
if [ -z "${YZC_ONNXRUNTIME:-}" ]; then
    for file in "$root"/artifacts/bin/*/*/runtimes/linux-x64/native/libonnxruntime.so* \
        "$root"/eng/native-assets/node_modules/onnxruntime-node/bin/*/linux/x64/libonnxruntime.so*; do
        [ -e "$file" ] && export YZC_ONNXRUNTIME=$file && break
    done
fi

failed=0
passed=0
skipped=0
shims=()
generator=()
command -v ninja >/dev/null && generator=(-G Ninja)

compile() {
    local folder=$1
    shift
    if ! { cmake -S "$root/native" -B "$folder" "${generator[@]}" "$@" && cmake --build "$folder" -j "$jobs"; } >"$log" 2>&1; then
        tail -60 "$log"
        echo "build FAILED: $folder"
        failed=$((failed + 1))
        return 1
    fi
}

for folder in "${headers[@]}"; do
    name=$(echo "$folder" | tr -c 'A-Za-z0-9\n' _)
    compile "$build/$name/release" -DTENSORRT_INCLUDE_DIR="$folder" && shims+=("$build/$name/release"/trt/libyzc_trt1?.so)
    compile "$build/$name/sanitized" -DTENSORRT_INCLUDE_DIR="$folder" -DYZC_SANITIZE=ON -DYZC_NATIVE_TESTS=ON || continue
    (cd "$build/$name/sanitized" && ctest --verbose) >"$log" 2>&1
    status=$?
    if [ $status -ne 0 ]; then
        grep -vE '\[ +(OK|RUN) ' "$log" | tail -120
    fi
    # GoogleTest's own counts, then what ctest ran beside it.
    count() { sed -nE "s/.*$1.*/\1/p" "$log" | paste -sd+ - | sed 's/^$/0/'; }
    tests=$(($(count '\[  PASSED  \] ([0-9]+) tests?')))
    skips=$(($(count '\[  SKIPPED \] ([0-9]+) tests?')))
    failures=$(($(count '\[  FAILED  \] ([0-9]+) tests?, listed')))
    others=$(($(grep -cE 'Test +#[0-9]+: .*_(layout|exports) .* Passed' "$log")))
    [ $status -ne 0 ] && [ $failures -eq 0 ] && failures=1
    # Why tests were skipped, once each.
    awk '/: Skipped$/ { getline; sub(/^[0-9]+: /, ""); reasons[$0]++ } END { for (r in reasons) print "  skipped " reasons[r] ": " r }' "$log"
    echo "$folder: $((tests + others)) passed, $failures failed, $skips skipped"
    passed=$((passed + tests + others))
    failed=$((failed + failures))
    skipped=$((skipped + skips))
done

# As they ship, both majors have the same exports.
if [ ${#shims[@]} -gt 0 ] && "$here/exports.sh" "${shims[@]}"; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
