#!/bin/sh
# The exports of built shims are those of the version script, and those are the functions of the header: exports.sh SHIM...
set -eu
root=$(cd "$(dirname "$0")/../../trt" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
grep -oE '\byzc_trt_[a-z_]+\(' "$root/include/yzc_trt.h" | tr -d '(' | sort -u >"$work/header"
grep -oE '\byzc_trt_[a-z_]+;' "$root/yzc_trt.map" | tr -d ';' | sort -u >"$work/map"
diff "$work/header" "$work/map"
for shim in "$@"; do
    nm -D --defined-only "$shim" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | sort -u >"$work/shim"
    diff "$work/header" "$work/shim"
    if nm -D --undefined-only "$shim" | grep -E 'Infer|Onnx|nvinfer|cuda'; then
        echo "$shim leaves symbols of TensorRT or CUDA open" >&2
        exit 1
    fi
    echo "$shim: $(wc -l <"$work/shim") exports"
done
