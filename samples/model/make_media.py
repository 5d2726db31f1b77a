"""Draws the sample clip and the sample pictures, with their ground truth.

    python make_media.py --output ../media --ffmpeg ffmpeg
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from conveyor.classes import DEFECTS, NAMES
from conveyor.parts import draw_part
from conveyor.samples import MEDIA
from conveyor.scenes import NETWORK_SIDE, Placed, SceneObject, belt, compose, scene

_WIDTH, _HEIGHT, _RATE, _FRAMES = 1280, 720, 25, 300
_SPEED = 6          # pixels a frame, left to right; whole pixels, so that the truth is exact
_CLIP_SEED = 16
_LANES = (150, 360, 570)
_SPACING = (200, 300)
_SIZES = (105, 175)
# In the clip's truth even slivers at the edges are listed; `visible` tells them apart.
_LEAST_VISIBLE = 0.03


@dataclass(frozen=True)
class PictureFile:
    name: str
    width: int
    height: int
    seed: int
    quality: int = 92
    subsampling: int = 2   # Pillow's numbers: 0 = 4:4:4, 2 = 4:2:0
    progressive: bool = False
    grey: bool = False


# Scenes with many parts of which the model scores none near the default threshold: two correct implementations
# that differ in the last bit must agree on what is in the pictures.
_PICTURES = (
    PictureFile("0.jpg", 640, 480, 16),
    PictureFile("1.png", 333, 777, 16),
    PictureFile("2.jpg", 1000, 1600, 12, progressive=True),
    PictureFile("3.jpg", 1920, 1080, 12),
    PictureFile("4.jpg", 1280, 720, 10, grey=True),
    PictureFile("5.jpg", 97, 61, 19, subsampling=0),
    PictureFile("6.jpg", 3840, 2160, 12, quality=85),
    PictureFile("7.jpg", 800, 600, 12, subsampling=0),
)


def lay_out(rng: np.random.Generator) -> list[Placed]:
    """Parts in three lanes, none touching another. Positions are those in frame 0: most wait left of the picture."""
    travel = _SPEED * (_FRAMES - 1)
    light = rng.uniform(0, 2 * math.pi)
    middles = []
    for lane in _LANES:
        x = _WIDTH - rng.uniform(0, 200)
        while x > -travel - 100:
            # No part may stand near the counting line when the clip begins or ends: whether it crosses must be beyond doubt.
            if min(abs(x - _WIDTH / 2), abs(x + travel - _WIDTH / 2)) > 60:
                middles.append((x, lane + rng.uniform(-18, 18)))
            x -= rng.uniform(*_SPACING)
    kinds = np.resize(np.arange(len(NAMES)), len(middles))
    rng.shuffle(kinds)
    placed = []
    # Tracks count in the order in which the parts appear.
    for track, ((x, y), kind) in enumerate(zip(sorted(middles, reverse=True), kinds)):
        size = rng.uniform(*_SIZES)
        part = draw_part(rng, int(kind), size, rng.uniform(0, 2 * math.pi), light, detail=size * NETWORK_SIDE / _WIDTH)
        side = part.alpha.shape[0]
        placed.append(Placed(part, round(x - side / 2), round(y - side / 2), track))
    return placed


def make_clip(output: Path, ffmpeg: str) -> None:
    rng = np.random.default_rng((MEDIA, _CLIP_SEED))
    placed = lay_out(rng)
    tile = belt(rng, _WIDTH, _HEIGHT)
    tiles = math.ceil((_WIDTH + _SPEED * _FRAMES) / _WIDTH)
    strip = np.concatenate([tile if i % 2 else tile[:, ::-1] for i in range(tiles)], 1)  # mirrored, so that no seam shows
    lamps = cv2.resize(rng.uniform(0.85, 1.15, (3, 3)).astype(np.float32), (_WIDTH, _HEIGHT), interpolation=cv2.INTER_CUBIC)[..., None]
    # BT.601 limited range, said and meant: decoders that ignore the tag and those that heed it agree.
    command = [ffmpeg, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{_WIDTH}x{_HEIGHT}", "-r", str(_RATE), "-i", "-",
               "-vf", "scale=out_color_matrix=bt601:out_range=tv,format=yuv420p", "-c:v", "libx264", "-preset", "slow", "-crf", "21", "-g", "50",
               "-colorspace", "smpte170m", "-color_primaries", "smpte170m", "-color_trc", "smpte170m", "-color_range", "tv",
               "-movflags", "+faststart", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-threads", "1", str(output / "conveyor.mp4")]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder, open(output / "conveyor.truth.jsonl", "w") as truth:
        assert encoder.stdin is not None
        for frame in range(_FRAMES):
            moved = _SPEED * frame
            start = strip.shape[1] - _WIDTH - moved
            now = [Placed(p.part, p.x + moved, p.y, p.track) for p in placed]
            picture, objects = compose(strip[:, start:start + _WIDTH], now, (4.0, 5.0, 0.4), _LEAST_VISIBLE)
            seconds = frame / _RATE
            light = 1 + 0.10 * math.sin(2 * math.pi * seconds / 7) + 0.03 * math.sin(2 * math.pi * seconds / 1.9)
            tint = np.array((1 + 0.03 * math.sin(seconds), 1.0, 1 - 0.03 * math.sin(seconds)), np.float32)
            picture = picture * (lamps * light * tint)
            picture = cv2.GaussianBlur(picture, (0, 0), 0.7) + rng.standard_normal(picture.shape, np.float32) * 1.5
            encoder.stdin.write(np.clip(np.rint(picture), 0, 255).astype(np.uint8).tobytes())
            truth.write(json.dumps({"frame": frame, "width": _WIDTH, "height": _HEIGHT, "objects": [o.as_json() for o in objects]}) + "\n")
        encoder.stdin.close()
    if encoder.returncode:
        raise SystemExit(f"{ffmpeg} failed with {encoder.returncode}")
    middles = ((p, p.x + p.part.alpha.shape[1] / 2) for p in placed)
    crossing = [p for p, x in middles if x < _WIDTH / 2 < x + _SPEED * (_FRAMES - 1)]
    defective = sum(p.part.kind in DEFECTS for p in crossing)
    print(f"{len(placed)} parts, {len(crossing)} cross the middle, {defective} of them defective")


def make_pictures(output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    truth: dict[str, object] = {}
    for file in _PICTURES:
        picture, objects = scene((MEDIA, 1000 + file.seed), file.width, file.height)
        save(picture, file, output / file.name)
        truth[file.name] = {"width": file.width, "height": file.height, "objects": [_without_track(o) for o in objects]}
    (output / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")


def _without_track(found: SceneObject) -> dict[str, object]:
    fields = found.as_json()
    del fields["track"]
    return fields


def save(picture: np.ndarray, file: PictureFile, path: Path) -> None:
    image = Image.fromarray(np.ascontiguousarray(picture[..., ::-1]))
    if file.grey:
        image = image.convert("L")
    if path.suffix == ".png":
        image.save(path, optimize=True)
    else:
        image.save(path, quality=file.quality, subsampling=file.subsampling, progressive=file.progressive)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "media")
    parser.add_argument("--ffmpeg", default="ffmpeg", help="a program with libx264")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    make_pictures(args.output / "pictures")
    make_clip(args.output, args.ffmpeg)


if __name__ == "__main__":
    main()
