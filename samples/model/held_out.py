"""Draws the held-out pictures, and scores what any program found in them.

    python held_out.py draw --output held-out
    yzc detect --model M --input held-out/pictures --conf 0.001 --iou 0.7 --json found.jsonl
    python held_out.py score --truth held-out/truth.json --detections found.jsonl

To draw takes numpy and cv2. To score takes Python alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from conveyor.classes import NAMES
from conveyor.metrics import SMALL_AREA, ClassFigures, Tally

_NETWORK_SIDE = 640


def draw(output: Path, pictures: int, calibration: bool, jpeg: int | None) -> None:
    import cv2

    cv2.setNumThreads(1)
    (output / "pictures").mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context("fork").Pool() as pool:
        truth = dict(pool.starmap(_draw_one, ((output, index, calibration, jpeg) for index in range(pictures)), chunksize=4))
    (output / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    print(f"{len(truth)} pictures with {sum(len(one['objects']) for one in truth.values())} objects are in {output}")


def _draw_one(output: Path, index: int, calibration: bool, jpeg: int | None) -> tuple[str, dict[str, object]]:
    import cv2

    from conveyor.samples import CALIBRATION, HELD_OUT, held_out_sample

    picture, objects = held_out_sample(index, CALIBRATION if calibration else HELD_OUT)
    name, settings = (f"{index:03}.png", []) if jpeg is None else (f"{index:03}.jpg", [cv2.IMWRITE_JPEG_QUALITY, jpeg])
    if not cv2.imwrite(str(output / "pictures" / name), picture, settings):
        raise SystemExit(f"cannot write {output / 'pictures' / name}")
    height, width = picture.shape[:2]
    return name, {"width": width, "height": height, "objects": [{"class": o.kind, "box": o.box} for o in objects]}


def read_detections(path: Path) -> dict[str, list[Sequence[float]]]:
    """Detections by the picture's file name: x1, y1, x2, y2, score, class. The file has JSON lines, as `yzc detect --json` writes them, or is one object
    in COCO's format, as `--coco` writes it."""
    text = path.read_text(encoding="utf-8")
    pairs = list(_of_coco(text) if text.startswith('{"annotations"') else _of_lines(text))
    found = dict(pairs)
    if len(found) != len(pairs):
        raise SystemExit(f"{path} has a picture twice")
    return found


def _of_lines(text: str) -> Iterator[tuple[str, list[Sequence[float]]]]:
    for line in filter(str.strip, text.split("\n")):
        frame = json.loads(line)
        if "error" in frame:
            raise SystemExit(f"{frame['source']} has no detections: {frame['error']}")
        yield PurePath(frame["source"]).name, [(*one["box"], one["score"], one["class"]) for one in frame["detections"]]


def _of_coco(text: str) -> Iterator[tuple[str, list[Sequence[float]]]]:
    data = json.loads(text)
    found: dict[int, list[Sequence[float]]] = {image["id"]: [] for image in data["images"]}
    for one in data["annotations"]:
        x, y, width, height = one["bbox"]
        found[one["image_id"]].append((x, y, x + width, y + height, one["score"], one["category_id"]))
    for image in data["images"]:
        yield PurePath(image["file_name"]).name, found[image["id"]]


def score(truth: dict[str, dict], found: dict[str, list[Sequence[float]]]) -> tuple[Tally, Tally]:
    """Of all objects, and of small ones."""
    tallies = Tally(len(NAMES)), Tally(len(NAMES), SMALL_AREA)
    for name, picture in truth.items():
        if name not in found:
            raise SystemExit(f"the detections lack picture {name}")
        gain = _NETWORK_SIDE / max(picture["width"], picture["height"])
        objects = [(one["box"], one["class"]) for one in picture["objects"]]
        for tally in tallies:
            tally.add(found[name], objects, gain)
    return tallies


def report(tallies: tuple[Tally, Tally]) -> str:
    def row(name: str, everything: ClassFigures, small: ClassFigures) -> str:
        return f"{name:20}" + "".join(f" {f.objects:8d} {f.ap50:8.4f} {f.ap50_95:9.4f}" for f in (everything, small))

    every, small = tallies
    heads = f"{'objects':>8} {'mAP50':>8} {'mAP50-95':>9}"
    lines = [f"{'class':20} {heads} {heads}  (the second three: boxes under 32 x 32 in the network's input)"]
    lines += [row(*one) for one in zip(NAMES, every.figures(), small.figures())]
    return "\n".join([*lines, row("all", every.mean(), small.mean())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw", help="draw the pictures and write what is in them")
    drawing.add_argument("--output", type=Path, default=Path("held-out"))
    drawing.add_argument("--pictures", type=int, default=600)
    drawing.add_argument("--calibration", action="store_true", help="draw pictures of other seeds, for `yzc quantize`, which must not see the held-out ones")
    drawing.add_argument("--jpeg", type=int, metavar="QUALITY", help="write JPEG files, a tenth as large, and not PNG: figures then differ a little")
    scoring = commands.add_parser("score", help="compare detections with what is in the pictures")
    scoring.add_argument("--truth", type=Path, default=Path("held-out/truth.json"))
    scoring.add_argument("--detections", type=Path, required=True, help="JSON lines of `yzc detect --json`, or its --coco file")
    scoring.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()
    if args.command == "draw":
        draw(args.output, args.pictures, args.calibration, args.jpeg)
        return
    tallies = score(json.loads(args.truth.read_text()), read_detections(args.detections))
    print(report(tallies))
    if args.json:
        figures = {name: vars(tally.mean()) | {"classes": dict(zip(NAMES, map(vars, tally.figures())))} for name, tally in zip(("all", "small"), tallies)}
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
