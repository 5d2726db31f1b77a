#!/usr/bin/env bash
# Packs the packages and publishes a program that uses them with the NuGet package of ONNX Runtime for GPUs, for a machine that has a GPU and no SDK:
#
#   eng/gpu-package.sh FOLDER [VERSION OF Microsoft.ML.OnnxRuntime.Gpu.Linux]
#
# FOLDER gets program.tar.xz (the program, a model, a picture and run.sh) and the runtime's CUDA provider, which has 284 MB, in parts: provider.a, provider.b and so on.
# There: `tar -xJf program.tar.xz && program/run.sh FOLDER`.
set -euo pipefail
mkdir -p "$1"
out=$(cd "$1" && pwd)
runtime=${2:-1.31.0}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=0.0.0-gpu.$(date -u +%Y%m%d%H%M%S)

for project in YoloZeroCopy.Cuda YoloZeroCopy YoloZeroCopy.Imaging; do
    dotnet pack "src/$project" -c Release -o "$work/feed" --artifacts-path "$work/artifacts" -p:Version="$version" -p:RunAnalyzers=false -nodeReuse:false >"$work/log" || { cat "$work/log"; exit 1; }
done

# Outside the repository, where its settings do not reach.
cp -r tests/YoloZeroCopy.Package.Tests/gpu-consumer "$work/consumer"
dotnet publish "$work/consumer" -c Release -r linux-x64 --self-contained -o "$work/program" -p:PublishSingleFile=true -p:PublishTrimmed=true \
    -p:PackedVersion="$version" -p:OnnxRuntimeGpuVersion="$runtime" -p:RestoreAdditionalProjectSources="$work/feed" -p:RestorePackagesPath="$work/packages" \
    -p:RestoreFallbackFolders="${NUGET_PACKAGES:-$HOME/.nuget/packages}" -nodeReuse:false >"$work/log" || { cat "$work/log"; exit 1; }
find "$work/program" -name '*.pdb' -delete
rm -f "$work/program/libonnxruntime_providers_tensorrt.so"
cp samples/model/conveyor.onnx samples/media/pictures/0.jpg "$work/program/"

provider=$work/program/libonnxruntime_providers_cuda.so
# Little is gained by compressing more: the kernels in it are compressed.
xz -1 -T0 "$provider"
split -b 60000000 -a 1 "$provider.xz" "$out/provider."
rm "$provider.xz"
cat >"$work/program/run.sh" <<'RUN'
#!/usr/bin/env bash
# Puts the CUDA provider together, from its parts in the folder given (default: the parent of this one), and runs the program with it:
# without it, with it and with no other library of NVIDIA's, without cuDNN, and with everything. NVIDIA's libraries: LD_LIBRARY_PATH, or the wheels of python3.
set -u
here=$(cd "$(dirname "$0")" && pwd)
parts=${1:-$here/..}
cd "$here"
if [ -z "${LD_LIBRARY_PATH:-}" ]; then
    LD_LIBRARY_PATH=$(python3 -c '
import os, nvidia
print(":".join(root for base in nvidia.__path__ for root, _, _ in os.walk(base) if os.path.basename(root) == "lib"))')
fi
libraries=$LD_LIBRARY_PATH
unset LD_LIBRARY_PATH

# A folder that has of those libraries all but some.
without() {
    local folder
    folder=$(mktemp -d)
    IFS=:
    for path in $libraries; do
        find "$path" -maxdepth 1 -name 'lib*.so*' ! -name "$1" -exec ln -sf {} "$folder/" \;
    done
    unset IFS
    echo "$folder"
}

try() {
    echo "== $1"
    LD_LIBRARY_PATH=$2 ./Consumer conveyor.onnx 0.jpg
    echo "-> ended with $?"
}

try "no CUDA provider (wanted: 4)" "$libraries"
cat "$parts"/provider.? | xz -dc >libonnxruntime_providers_cuda.so
try "no library of NVIDIA's but the driver (wanted: 4)" ""
try "no cuDNN (wanted: 4)" "$(without 'libcudnn*')"
try "everything (wanted: 0)" "$libraries"
RUN
chmod +x "$work/program/run.sh"
tar -C "$work" -cf - program | xz -T0 -9 >"$out/program.tar.xz"
ls -l "$out"
