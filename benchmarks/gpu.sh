#!/usr/bin/env bash
# Runs what is measured on a GPU, and writes a result file of each piece. Needs bash, and `yzc`; nothing of .NET where that is published as one file.
#
#   benchmarks/gpu.sh --yzc PROGRAM --model FILE [--half FILE] [--h264 FILE] [--hevc FILE] [--peers PROGRAM --pictures FOLDER]
#                     [--output FOLDER] [--limit SECONDS] [--again] [--list] [PIECE...]
#
# --model   a model in single precision, as samples/model/export_benchmark.py writes it
# --half    the same in half precision, for the pieces of ONNX Runtime
# --h264, --hevc   elementary streams for the pieces of video
# --peers   benchmarks/YoloZeroCopy.Peers, published as one file, and the sample's pictures; it runs --peers-model, or --model
# --output  where files go: benchmarks/results/gpu. One that is there stays, but with --again
# --limit   begins no piece that would end later than so many seconds after the start, by the times of the list
# --list    only tells the pieces, in the order of their worth, with the seconds that each takes about
# PIECE     only these
#
# ONNX Runtime's CUDA build and NVIDIA's libraries are found as by yzc itself: YZC_ONNXRUNTIME, YZC_CUDNN, LD_LIBRARY_PATH.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
output=$here/results/gpu
yzc= model= half= h264= hevc= peers= peers_model= pictures=
limit=86400 again=false list=false
chosen=()
whole() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }
while [ $# -gt 0 ]; do
    case $1 in
        --yzc) yzc=$(whole "$2"); shift ;;
        --model) model=$(whole "$2"); shift ;;
        --half) half=$(whole "$2"); shift ;;
        --h264) h264=$(whole "$2"); shift ;;
        --hevc) hevc=$(whole "$2"); shift ;;
        --peers) peers=$(whole "$2"); shift ;;
        --peers-model) peers_model=$(whole "$2"); shift ;;
        --pictures) pictures=$(whole "$2"); shift ;;
        --output) output=$(whole "$2"); shift ;;
        --limit) limit=$2; shift ;;
        --again) again=true ;;
        --list) list=true ;;
        -*) sed -n '2,18s/^# \{0,1\}//p' "$0"; exit 2 ;;
        *) chosen+=("$1") ;;
    esac
    shift
done

# Name, seconds that it takes about, file, arguments of `yzc bench`. The most telling first.
short="--seconds 2 --single-frames 300 --quick"
brief="--seconds 1 --single-frames 20 --quick"
pieces="
batch8|15|model|--batch 8 $short
batch32-nv12|17|model|--batch 32 --format nv12 $short
batch1-spin|13|model|--batch 1 --wait spin $short
batch1-inline|13|model|--batch 1 --wait spin --inline $short
batch32|18|model|--batch 32 $short
720p-batch8|12|model|--batch 8 --frame 1280x720 --format nv12 $short
720p-batch1|11|model|--batch 1 --frame 1280x720 --format nv12 $short
720p-batch32|15|model|--batch 32 --frame 1280x720 --format nv12 $short
processor-1|16|model|--batch 8 --seconds 3 --single-frames 20 --quick
processor-2|16|model|--batch 8 --seconds 3 --single-frames 20 --quick
processor-3|16|model|--batch 8 --seconds 3 --single-frames 20 --quick
external-batch32-nv12|22|model|--batch 32 --format nv12 --external $brief
external-batch8|18|model|--batch 8 --external $brief
profile-batch8|14|model|--batch 8 --profile $brief
profile-batch1|12|model|--batch 1 --profile $brief
profile-batch32|16|model|--batch 32 --profile $brief
lanes6-batch8-nv12|11|model|--batch 8 --format nv12 --lanes 6 $brief
lanes4-batch8-nv12|11|model|--batch 8 --format nv12 --lanes 4 $brief
lanes8-batch8-nv12|12|model|--batch 8 --format nv12 --lanes 8 $brief
lanes2-batch8-nv12|10|model|--batch 8 --format nv12 --lanes 2 $brief
lanes6-batch1|10|model|--batch 1 --lanes 6 $brief
lanes12-batch1|12|model|--batch 1 --lanes 12 $brief
lanes8-batch1|11|model|--batch 1 --lanes 8 $brief
lanes4-batch1|10|model|--batch 1 --lanes 4 $brief
wait-spin|15|model|--batch 8 --wait spin $short
wait-yield|15|model|--batch 8 --wait yield $short
4k-batch8|16|model|--batch 8 --frame 3840x2160 $brief
peers|60|peers|
transfer|110|model|--batch 8 --seconds 1 --single-frames 200 --quick --transfer-modes
npp-1080p|12|model|--seconds 0.5 --single-frames 20 --quick --npp
npp-4k|12|model|--seconds 0.5 --single-frames 20 --quick --npp --frame 3840x2160
video-h264|75|h264|--batch 32 --seconds 2 --single-frames 20 --streams 1,7,32,64
video-hevc|75|hevc|--batch 32 --seconds 2 --single-frames 20 --streams 1,7,32,64
profile-onnxruntime-half|15|half|--batch 8 --precision single --profile $brief
profile-onnxruntime-single|15|model|--batch 8 --precision single --profile $brief
onnxruntime-batch8|35|half|--batch 8 --precision single $short
onnxruntime-batch1|30|half|--batch 1 --precision single $short
onnxruntime-batch32|45|half|--batch 32 --precision single $short
"

if $list; then
    echo "$pieces" | awk -F'|' 'NF == 4 { printf "%-24s %3d s  %s\n", $1, $2, $4; all += $2 } END { printf "%d s in all\n", all }'
    exit 0
fi
for name in "${chosen[@]}"; do
    if ! grep -q "^$name|" <<<"$pieces"; then echo "There is no piece '$name': see --list."; exit 2; fi
done
if [ -z "$yzc" ] || [ -z "$model" ]; then echo "--yzc and --model are needed."; exit 2; fi
for file in "$yzc" "$model" $half $h264 $hevc $peers $peers_model $pictures; do
    if ! [ -e "$file" ]; then echo "There is no $file."; exit 2; fi
done
mkdir -p "$output" || exit 2

failed=0
while IFS='|' read -r -u 3 name about kind arguments; do
    [ -n "$name" ] || continue
    if [ ${#chosen[@]} -gt 0 ] && [[ " ${chosen[*]} " != *" $name "* ]]; then continue; fi
    file=$output/$name.json
    if [ -e "$file" ] && ! $again; then echo "$name: is there"; continue; fi
    if [ -z "${!kind}" ]; then echo "$name: left out, --$kind is not given"; continue; fi
    if [ $((SECONDS + about)) -gt "$limit" ]; then echo "$name: left out, $about s more would be over $limit s"; continue; fi
    start=$SECONDS
    read -r -a words <<<"$arguments"
    from=$model
    case $kind in
        half) from=$half ;;
        h264 | hevc) words+=(--video "${!kind}") ;;
    esac
    if [ "$kind" = peers ]; then
        words=("$peers" --model "${peers_model:-$model}" --pictures "$pictures" --device cuda --result "$file.unfinished")
        said=$file.log
    else
        words=("$yzc" bench -m "$(basename "$from")" --device cuda:0 "${words[@]}" --json)
        said=$file.unfinished
    fi
    # From the model's folder, so that a result file names no other. What hangs must not take the time of all that follows.
    (cd "$(dirname "$from")" && timeout $((60 + 4 * about)) "${words[@]}") >"$said" 2>"$file.log"
    if [ $? -eq 0 ]; then
        mv "$file.unfinished" "$file"
        rm -f "$file.log"
        echo "$name: $((SECONDS - start)) s"
    else
        rm -f "$file.unfinished"
        echo "$name: FAILED after $((SECONDS - start)) s: $(tail -1 "$file.log")"
        failed=$((failed + 1))
    fi
done 3<<<"$pieces"
echo "$SECONDS s in all, $failed failed, files in $output"
[ $failed -eq 0 ]
