# What the run.sh scripts of the native tests share; they source it, with their own arguments.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
jobs=${YZC_NATIVE_JOBS:-$(nproc)}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Folders with TensorRT's headers: the arguments, otherwise include-10 and include-11 below YZC_TENSORRT_ASSETS.
headers=()
for folder in "$@"; do
    headers+=("$(cd "$folder" && pwd)")
done
for folder in include-10 include-11; do
    [ $# -eq 0 ] && [ -e "${YZC_TENSORRT_ASSETS:-/nowhere}/$folder/NvInfer.h" ] && headers+=("$(cd "$YZC_TENSORRT_ASSETS/$folder" && pwd)")
done
if [ ${#headers[@]} -eq 0 ]; then
    echo "no TensorRT headers: name their folders, or set YZC_TENSORRT_ASSETS"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
for tool in cmake c++ nm awk; do
    if ! command -v $tool >/dev/null; then
        echo "$tool is missing"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
done

# ONNX Runtime runs the test double's models: where a build of the repository has put it, unless the variable names another.
if [ -z "${YZC_ONNXRUNTIME:-}" ]; then
    for file in "$root"/artifacts/bin/*/*/runtimes/linux-x64/native/libonnxruntime.so; do
        [ -e "$file" ] && export YZC_ONNXRUNTIME=$file && break
    done
fi

# configure_and_build SOURCE BUILD [CMAKE ARGUMENTS...]: what went wrong is printed.
configure_and_build() {
    local source=$1 build=$2 generator=()
    shift 2
    command -v ninja >/dev/null && generator=(-G Ninja)
    if ! { cmake -S "$source" -B "$build" "${generator[@]}" "$@" && cmake --build "$build" -j "$jobs"; } >"$log" 2>&1; then
        tail -60 "$log"
        echo "build FAILED: $build"
        return 1
    fi
}

# run_tests BUILD: runs ctest and sets tests, failures and skips from GoogleTest's own counts; $log keeps the output, of which failures are printed.
run_tests() {
    (cd "$1" && ctest --verbose) >"$log" 2>&1
    local status=$?
    [ $status -ne 0 ] && grep -vE '\[ +(OK|RUN) ' "$log" | tail -120
    count() { sed -nE "s/.*$1.*/\1/p" "$log" | paste -sd+ - | sed 's/^$/0/'; }
    tests=$(($(count '\[  PASSED  \] ([0-9]+) tests?')))
    skips=$(($(count '\[  SKIPPED \] ([0-9]+) tests?')))
    failures=$(($(count '\[  FAILED  \] ([0-9]+) tests?, listed')))
    [ $status -ne 0 ] && [ $failures -eq 0 ] && failures=1
    # Why tests were skipped, once each.
    awk '/: Skipped$/ { getline; sub(/^[0-9]+: /, ""); reasons[$0]++ } END { for (r in reasons) print "  skipped " reasons[r] ": " r }' "$log"
}
