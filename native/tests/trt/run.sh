#!/usr/bin/env bash
# Builds the TensorRT shims for every major whose headers are here, once as they ship and once with sanitizers, and runs their tests.
# Closes with `N passed, N failed, N skipped`; ends with 0 when nothing failed.
#
#   native/tests/trt/run.sh [HEADERS...]
#
# HEADERS are folders with NvInfer.h. Without them: include-10 and include-11 below YZC_TENSORRT_ASSETS, where that is set. The same folder may
# hold TensorRT for RTX, with which the builder is tested, and the lean runtimes (as they are, or as .xz; see eng/tensorrt-libraries.sh).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../setup.sh"
build=${YZC_NATIVE_BUILD:-$root/artifacts/native-tests}/trt

if [ -n "${YZC_TENSORRT_ASSETS:-}" ]; then
    # The folder that eng/tensorrt-test-assets.sh fills too: what it has unpacked is not unpacked again.
    "$root/eng/tensorrt-libraries.sh" "$YZC_TENSORRT_ASSETS" "$root/artifacts/native/libraries"
    export YZC_TENSORRT_ASSETS=$root/artifacts/native/libraries
fi

failed=0
passed=0
skipped=0
shims=()

# As they ship. What eng/tensorrt-test-assets.sh has built before is not built again.
if "$root/eng/tensorrt-shims.sh" "${headers[@]}" >"$log" 2>&1; then
    for number in "${!headers[@]}"; do
        shims+=("$root/artifacts/native/build$number"/trt/libyzc_trt1?.so)
    done
else
    tail -60 "$log"
    failed=$((failed + 1))
fi
for folder in "${headers[@]}"; do
    name=$(echo "$folder" | tr -c 'A-Za-z0-9\n' _)
    if ! configure_and_build "$root/native" "$build/$name/sanitized" -DTENSORRT_INCLUDE_DIR="$folder" -DYZC_SANITIZE=ON -DYZC_NATIVE_TESTS=ON; then
        failed=$((failed + 1))
        continue
    fi
    run_tests "$build/$name/sanitized"
    # What ctest ran beside GoogleTest.
    tests=$((tests + $(grep -cE 'Test +#[0-9]+: .*_(layout|exports) .* Passed' "$log")))
    echo "$folder: $tests passed, $failures failed, $skips skipped"
    passed=$((passed + tests))
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
