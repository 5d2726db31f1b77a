"""Writes what a correct implementation must find in the sample pictures: the network run by PyTorch in float32 on the CPU.

    python reference.py --model conveyor.onnx --pictures ../media/pictures

Nothing of this runs in ONNX Runtime: the ONNX file only carries the weights here. Pictures are read and resized by OpenCV.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from onnx import numpy_helper

from conveyor.classes import NAMES
from conveyor.letterbox import letterbox
from conveyor.network import Detector, ExportableDetector
from conveyor.postprocess import detections
from conveyor.scenes import NETWORK_SIDE

_CONFIDENCE, _IOU, _LIMIT = 0.25, 0.7, 300


def load_weights(model: Path) -> ExportableDetector:
    """The network with the weights of the exported file, whose tensors keep their PyTorch names."""
    stored = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in onnx.load(str(model)).graph.initializer}
    network = ExportableDetector(Detector(len(NAMES)).fold()).eval()
    network.load_state_dict({name: stored[name] for name in network.state_dict()})
    return network


def detect(network: ExportableDetector, picture: np.ndarray) -> np.ndarray:
    boxed, placed = letterbox(picture, NETWORK_SIDE)
    planes = np.ascontiguousarray(boxed[..., ::-1].transpose(2, 0, 1), np.float32) / np.float32(255)
    with torch.no_grad():
        output = network(torch.from_numpy(planes)[None])[0].numpy()
    found = detections(output, _CONFIDENCE, _IOU, _LIMIT)
    found[:, :4] = placed.to_picture(found[:, :4])
    return found


def main() -> None:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=here / "conveyor.onnx")
    parser.add_argument("--pictures", type=Path, default=here.parent / "media" / "pictures")
    args = parser.parse_args()
    network = load_weights(args.model)
    reference: dict[str, object] = {}
    for path in sorted(p for p in args.pictures.iterdir() if p.suffix in (".jpg", ".png")):
        picture = cv2.imread(str(path))
        found = detect(network, picture)
        reference[path.name] = {
            "width": picture.shape[1], "height": picture.shape[0],
            "detections": [{"class": int(kind), "name": NAMES[int(kind)], "score": round(score, 5), "box": [round(v, 3) for v in box]}
                           for *box, score, kind in found.tolist()],
        }
    (args.pictures / "reference.json").write_text(json.dumps(reference, indent=1) + "\n")


if __name__ == "__main__":
    main()
