#!/usr/bin/env bash
# Runs what is measured on the processor, and writes a result file of each piece to benchmarks/results/cpu and the tables of docs/performance.md:
#
#   benchmarks/cpu.sh [--again] [--output FOLDER] [PIECE...]
#
# Files that are there stay, but with --again. With --output the files go to FOLDER and the tables stay as they are.
# Needs the SDK, and for the piece `video` ffmpeg (YZC_FFMPEG names another).
set -euo pipefail
cd "$(dirname "$0")/.."
again=()
output=benchmarks/results/cpu
pieces=()
while [ $# -gt 0 ]; do
    case $1 in
        --again) again=(--again) ;;
        --output) output=$2; shift ;;
        -*) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2 ;;
        *) pieces+=("$1") ;;
    esac
    shift
done

bench_pieces="batch1-thread1 batch1 batch8"
suites="pool dispatcher completion preprocessing decoding suppression interop tracker sources video conveniences results"
for piece in "${pieces[@]}"; do
    case " $bench_pieces $suites peers " in
        *" $piece "*) ;;
        *) echo "There is no piece '$piece'. There are: $bench_pieces $suites peers"; exit 2 ;;
    esac
done
wanted() { [ ${#pieces[@]} -eq 0 ] || [[ " ${pieces[*]} " == *" $1 "* ]]; }

for project in src/YoloZeroCopy.Cli benchmarks/YoloZeroCopy.Benchmarks benchmarks/YoloZeroCopy.Peers benchmarks/YoloZeroCopy.Results; do
    dotnet build -c Release "$project" -v quiet -nologo
done
mkdir -p "$output"
output=$(cd "$output" && pwd)
programs=$PWD/artifacts/bin

# One run of `yzc bench`, from the model's folder, so that its file names no other.
bench() {
    local name=$1
    shift
    wanted "$name" || return 0
    if [ ${#again[@]} -eq 0 ] && [ -e "$output/$name.json" ]; then echo "$name: $output/$name.json is there"; return 0; fi
    local start=$SECONDS
    (cd samples/model && "$programs/YoloZeroCopy.Cli/release/yzc" bench -m conveyor.onnx --device cpu --frame 1920x1080 "$@" --json) \
        >"$output/$name.unfinished"
    mv "$output/$name.unfinished" "$output/$name.json"
    echo "$name: $output/$name.json, $((SECONDS - start)) s"
}

bench batch1-thread1 --batch 1 --threads 1 --seconds 5
bench batch1 --batch 1 --seconds 5
bench batch8 --batch 8 --seconds 8

chosen=()
for suite in $suites; do if wanted "$suite"; then chosen+=("$suite"); fi; done
if [ ${#chosen[@]} -gt 0 ]; then
    "$programs/YoloZeroCopy.Benchmarks/release/YoloZeroCopy.Benchmarks" --results "$output" "${again[@]}" "${chosen[@]}"
fi

if wanted peers && { [ ${#again[@]} -gt 0 ] || ! [ -e "$output/peers.json" ]; }; then
    "$programs/YoloZeroCopy.Peers/release/YoloZeroCopy.Peers" --model samples/model/conveyor.onnx --pictures samples/media/pictures \
        --result "$output/peers.json"
fi

if [ "$output" = "$PWD/benchmarks/results/cpu" ]; then
    "$programs/YoloZeroCopy.Results/release/YoloZeroCopy.Results" tables docs/performance.md benchmarks/results
fi
