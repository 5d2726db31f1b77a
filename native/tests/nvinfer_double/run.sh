#!/usr/bin/env bash
# Builds the double for every major whose headers are here, with sanitizers, and runs its tests. Closes with `N passed, N failed, N skipped`.
#
#   native/tests/nvinfer_double/run.sh [HEADERS...]
#
# HEADERS are folders with NvInfer.h. Without them: include-10 and include-11 below YZC_TENSORRT_ASSETS, where that is set.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../setup.sh"
build=${YZC_NATIVE_BUILD:-$root/artifacts/native-tests}/nvinfer_double

includes=$(printf '%s;' "${headers[@]}")
if ! configure_and_build "$here" "$build" -DYZC_DOUBLE_SANITIZE=ON "-DTENSORRT_INCLUDE_DIRS=${includes%;}"; then
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
run_tests "$build"
echo "$tests passed, $failures failed, $skips skipped"
[ $failures -eq 0 ]
