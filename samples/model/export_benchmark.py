"""Makes the model that docs/performance.md measures with: YOLOv8's nano architecture, 80 classes, weights that nobody trained.

    python export_benchmark.py --output yolov8n-fp16.onnx --half

How fast an engine runs does not depend on what its weights say, but suppression does on how many candidates there are. So the class towers are scaled and shifted until noise, which is what
`yzc bench` fills its frames with, gives as many candidates as a full scene does: 270 of 8,400 anchors, in the mean of many frames.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch

from conveyor.network import Detector, flatten_levels
from export import export

CLASSES = 80
CANDIDATES = 270
SCORE_THRESHOLD = 0.25
SIZE = 640


def letterboxed_noise(pictures: int, generator: torch.Generator) -> torch.Tensor:
    """What preprocessing makes of 16:9 frames of random bytes: gray above and below, noise between."""
    images = torch.full((pictures, 3, SIZE, SIZE), 114 / 255)
    border = (SIZE - SIZE * 9 // 16) // 2
    images[:, :, border:-border] = torch.rand(pictures, 3, SIZE - 2 * border, SIZE, generator=generator)
    return images


def best_logits(detector: Detector, images: torch.Tensor) -> torch.Tensor:
    """The largest class logit of every anchor of every picture, in one row."""
    return torch.cat([flatten_levels(detector(few))[1].amax(1).flatten() for few in images.split(2)])


def calibrated_detector() -> Detector:
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(2)
    detector = Detector(CLASSES)
    with torch.no_grad():
        # Normalisation learns the mean and scale of each layer, as plain averages: activations then neither grow nor fade from layer to layer, and half precision tells them apart.
        for module in detector.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None
        detector.train()
        for _ in range(8):
            detector(letterboxed_noise(2, generator))
        detector.eval()
        # Anchors of one picture are much alike, so the number of candidates varies: it is the mean of many pictures that is set.
        images = letterboxed_noise(24, generator)
        for tower in detector.head.score:
            torch.nn.init.zeros_(tower[-1].bias)
        spread = best_logits(detector, images).std()
        for tower in detector.head.score:
            tower[-1].weight /= spread  # To a spread of 1: much less would drown in half precision.
        best = best_logits(detector, images)
        limit = best.sort(descending=True).values[CANDIDATES * len(images)]
        shift = math.log(SCORE_THRESHOLD / (1 - SCORE_THRESHOLD)) - limit
        for tower in detector.head.score:
            tower[-1].bias += shift
        print(f"best logits of the anchors: mean {best.mean():.3f}, spread {best.std():.3f}; biases set to {shift:.3f}")
    return detector


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("yolov8n.onnx"))
    parser.add_argument("--half", action="store_true", help="half precision (needs a GPU)")
    args = parser.parse_args()
    names = tuple(f"class{number}" for number in range(CLASSES))
    export(calibrated_detector(), names, args.output, "YOLOv8n architecture without training, for measuring speed", args.half)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
