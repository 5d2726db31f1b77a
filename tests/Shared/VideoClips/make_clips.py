#!/usr/bin/env python3
"""Makes the clips of this folder, and what ffmpeg decodes them to: python3 make_clips.py, with an ffmpeg that has libx264 and libx265.
Names of clips behind it make only these.

A clip is an elementary stream. Beside it, NAME.txt has a line `packet TIMESTAMP BYTES` for each packet, in the order of decoding, and one for each
frame, in the order of display: `frame TIMESTAMP WIDTH HEIGHT SHA256`, the hash over the NV12, or with 10 bits P010, of ffmpeg's own decoder, rows
without padding. Timestamps count the frames of a part, from 0, 1000, 2000 ...
"""

import os
import subprocess
import sys
import tempfile

SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../samples/media/conveyor.mp4")
X264 = ["-c:v", "libx264", "-preset", "veryslow", "-x264-params", "threads=1:keyint={keyint}:bframes={b}:b-adapt=0:slices=1"]
X265 = ["-c:v", "libx265", "-preset", "slow", "-x265-params", "repeat-headers=1:keyint={keyint}:bframes={b}:b-adapt=0:pools=1:log-level=error"]
CROP = "_metadata=crop_left={}:crop_top={}:crop_right={}:crop_bottom={}"

# name, encoder (None: the beginning of the sample clip as it is), pixel format, frames, B-frames between two others, frames between two key frames,
# sizes of the parts, bitstream filters: one for all parts, or one for each
CLIPS = [
    ("h264-b-1080", X264, "yuv420p", 10, 3, 30, ["1920x1080"], None),
    # Takes a device's decoders long, and a processor no longer than a smaller one.
    ("h264-4k", X264, "yuv420p", 3, 0, 30, ["4096x2304"], None),
    ("h264-odd", X264, "yuv420p", 8, 0, 4, ["638x362"], None),
    ("h264-crop", X264, "yuv420p", 6, 2, 30, ["640x368"], "h264" + CROP.format(12, 6, 4, 2)),
    # The size of what is shown changes with the left and the top offset alone.
    ("h264-crops", X264, "yuv420p", 4, 2, 30, ["640x368"] * 3, ["h264" + CROP.format(*crop, 4, 2) for crop in [(12, 6), (0, 0), (30, 10)]]),
    ("h264-10", X264, "yuv420p10le", 5, 2, 30, ["320x240"], None),
    ("hevc-b-1080", X265, "yuv420p", 10, 3, 30, ["1920x1080"], None),
    ("hevc-odd", X265, "yuv420p", 8, 0, 4, ["638x362"], None),
    ("hevc-crop", X265, "yuv420p", 6, 2, 30, ["640x368"], "hevc" + CROP.format(12, 6, 4, 2)),
    ("hevc-crops", X265, "yuv420p", 4, 2, 30, ["640x368"] * 3, ["hevc" + CROP.format(*crop, 4, 2) for crop in [(12, 6), (0, 0), (30, 10)]]),
    ("hevc-10", X265, "yuv420p10le", 8, 0, 4, ["638x362"], None),
    ("hevc-10-b", X265, "yuv420p10le", 10, 3, 30, ["1280x720"], None),
    ("h264-sizes", X264, "yuv420p", 5, 2, 30, ["640x360", "320x240", "1280x720", "640x360"], None),
    ("h264-conveyor", None, "yuv420p", 20, 0, 0, ["1280x720"], None),
    ("hevc-sizes", X265, "yuv420p", 5, 2, 30, ["640x360", "320x240", "1280x720", "640x360"], None),
]


def run(*arguments):
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout


def rows(text):
    return [line.replace(" ", "").split(",") for line in text.splitlines() if not line.startswith("#")]


def part(folder, encoder, pixels, frames, b, keyint, size, bsf, number):
    """One part: its elementary stream, and the lines about it."""
    ffmpeg = ["ffmpeg", "-v", "error", "-y", "-threads", "1"]
    mp4 = os.path.join(folder, f"{number}.mp4")
    if encoder is None:
        run(*ffmpeg, "-i", SAMPLE, "-frames:v", str(frames), "-c", "copy", mp4 + ".whole.mp4")
    else:
        encode = [word.format(b=b, keyint=keyint) for word in encoder]
        source = f"testsrc2=size={size}:rate=25,noise=alls=12:allf=t:all_seed=7"
        run(*ffmpeg, "-f", "lavfi", "-i", source, "-frames:v", str(frames), "-pix_fmt", pixels, *encode, "-crf", "36", "-an", mp4 + ".whole.mp4")
    run(*ffmpeg, "-i", mp4 + ".whole.mp4", "-c", "copy", *(["-bsf:v", bsf] if bsf else []), mp4)
    name = "hevc" if encoder is X265 else "h264"
    stream = os.path.join(folder, f"{number}.{name}")
    annexb = ["-i", mp4, "-c", "copy", "-bsf:v", f"{name}_mp4toannexb"]
    run(*ffmpeg, *annexb, "-f", name, stream)
    packets = [(int(row[2]), int(row[4])) for row in rows(run(*ffmpeg, *annexb, "-f", "framecrc", "-"))]
    out = "p010le" if "10" in pixels else "nv12"
    hashes = run(*ffmpeg, "-flags", "unaligned", "-i", mp4, "-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", out, "-f", "framehash", "-")
    shown = [row[5] for row in rows(hashes)]
    width, height = next(line for line in hashes.splitlines() if line.startswith("#dimensions")).split(":")[1].strip().split("x")
    # The two count in time bases of their own; the order is the same.
    rank = {pts: order for order, pts in enumerate(sorted(pts for pts, _ in packets))}
    with open(stream, "rb") as file:
        data = file.read()
    assert len(shown) == len(packets) == frames and len(data) == sum(size for _, size in packets), name
    base = 1000 * number
    lines = [f"packet {base + rank[pts]} {size}" for pts, size in packets]
    return data, lines, [f"frame {base + order} {width} {height} {value}" for order, value in enumerate(shown)]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    for name, encoder, pixels, frames, b, keyint, sizes, bsf in CLIPS:
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        filters = bsf if isinstance(bsf, list) else [bsf] * len(sizes)
        with tempfile.TemporaryDirectory() as folder:
            parts = [part(folder, encoder, pixels, frames, b, keyint, size, filters[i], i) for i, size in enumerate(sizes)]
        with open(os.path.join(here, name + "." + name.split("-")[0]), "wb") as file:
            file.write(b"".join(data for data, _, _ in parts))
        with open(os.path.join(here, name + ".txt"), "w", encoding="ascii") as file:
            file.write("\n".join(line for _, packets, shown in parts for line in packets + shown) + "\n")
        print(name, os.path.getsize(os.path.join(here, name + "." + name.split("-")[0])))


main()
