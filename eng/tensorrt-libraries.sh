#!/usr/bin/env bash
# Lays TensorRT's libraries from the assets' folder into another one: links to those that lie there, unpacked copies of those that lie there as .xz.
#
#   eng/tensorrt-libraries.sh ASSETS FOLDER
set -euo pipefail
mkdir -p "$2"
assets=$(cd "$1" && pwd)
target=$(cd "$2" && pwd)
if [ "$assets" -ef "$target" ]; then
    exit 0
fi
for library in libtensorrt_rtx.so.1 libtensorrt_onnxparser_rtx.so.1 libnvinfer_lean.so.10 libnvinfer_lean.so.11; do
    if [ -f "$assets/$library" ]; then
        ln -sf "$assets/$library" "$target/$library"
    elif [ -f "$assets/$library.xz" ] && [ ! "$target/$library" -nt "$assets/$library.xz" ]; then
        xz -dkc "$assets/$library.xz" >"$target/$library.part"
        mv "$target/$library.part" "$target/$library"
    fi
done
