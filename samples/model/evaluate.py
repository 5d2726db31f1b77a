"""Measures a checkpoint or an ONNX file on the held-out pictures.

    python evaluate.py --model conveyor.onnx
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from conveyor.classes import NAMES
from conveyor.letterbox import Letterbox, letterbox
from conveyor.metrics import Tally
from conveyor.network import ExportableDetector
from conveyor.postprocess import detections
from conveyor.samples import held_out_sample
from conveyor.scenes import NETWORK_SIDE
from export import load_detector

_CONFIDENCE, _IOU, _LIMIT = 0.001, 0.7, 300
_BATCH = 16


def _prepare(index: int) -> tuple[np.ndarray, Letterbox, np.ndarray, np.ndarray]:
    picture, objects = held_out_sample(index)
    boxed, placed = letterbox(picture, NETWORK_SIDE)
    boxes = np.array([o.box for o in objects], np.float64).reshape(-1, 4)
    return boxed, placed, boxes, np.array([o.kind for o in objects], np.int64)


def to_tensor(pictures: list[np.ndarray]) -> np.ndarray:
    """BGR bytes to RGB planes in 0..1."""
    batch = np.stack(pictures)[..., ::-1].transpose(0, 3, 1, 2)
    return np.ascontiguousarray(batch, np.float32) / np.float32(255)


def runner(model: Path) -> Callable[[np.ndarray], np.ndarray]:
    if model.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        return lambda images: session.run(["output0"], {"images": images})[0]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    detector = ExportableDetector(load_detector(model)).eval().to(device)

    def run(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return detector(torch.from_numpy(images).to(device)).cpu().numpy()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("conveyor.onnx"))
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()

    # The pictures are drawn by forks, which must be over before CUDA starts.
    cv2.setNumThreads(1)
    with multiprocessing.get_context("fork").Pool() as pool:
        prepared = pool.map(_prepare, range(args.pictures), chunksize=8)
    run = runner(args.model)
    tally = Tally(len(NAMES))
    for start in range(0, len(prepared), _BATCH):
        chunk = prepared[start:start + _BATCH]
        for output, (_, placed, boxes, kinds) in zip(run(to_tensor([p[0] for p in chunk])), chunk):
            found = detections(output, _CONFIDENCE, _IOU, _LIMIT)
            found[:, :4] = placed.to_picture(found[:, :4])
            tally.add(found.tolist(), zip(boxes.tolist(), kinds.tolist()), placed.gain)
    figures, mean = tally.figures(), tally.mean()
    print(f"{'class':20} {'objects':>8} {'mAP50':>8} {'mAP50-95':>9}")
    for name, figure in zip(NAMES, figures):
        print(f"{name:20} {figure.objects:8d} {figure.ap50:8.4f} {figure.ap50_95:9.4f}")
    print(f"{'all':20} {mean.objects:8d} {mean.ap50:8.4f} {mean.ap50_95:9.4f}  ({args.pictures} pictures)")
    if args.json:
        report = {"pictures": args.pictures, "map50": mean.ap50, "map50_95": mean.ap50_95,
                  "classes": {name: vars(figure) for name, figure in zip(NAMES, figures)}}
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
