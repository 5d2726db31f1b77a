"""From the network's output to detections: threshold, then non-maximum suppression within each class."""

from __future__ import annotations

import numpy as np

# Boxes that enter the suppression at most, best first.
_CANDIDATES = 30000


def detections(output: np.ndarray, confidence: float, iou: float, limit: int) -> np.ndarray:
    """`output` is one picture's [4+C,A]. Returns [K,6] in float64, best first: x1, y1, x2, y2 in pixels of the input, score, class."""
    scores, kinds = output[4:].max(0), output[4:].argmax(0)
    chosen = np.flatnonzero(scores > confidence)
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")][:_CANDIDATES]
    x, y, w, h = output[:4, chosen].astype(np.float64)
    boxes = np.stack((x - w / 2, y - h / 2, x + w / 2, y + h / 2), 1)
    kept = suppress(boxes, kinds[chosen], iou)[:limit]
    return np.column_stack((boxes[kept], scores[chosen][kept].astype(np.float64), kinds[chosen][kept]))


def suppress(boxes: np.ndarray, kinds: np.ndarray, threshold: float) -> np.ndarray:
    """Indices of the boxes that no better box of their class overlaps by more than `threshold`. `boxes` come best first."""
    kept = []
    for kind in np.unique(kinds):
        rest = np.flatnonzero(kinds == kind)
        while len(rest):
            kept.append(rest[0])
            overlaps = iou_matrix(boxes[rest[:1]], boxes[rest[1:]])[0]
            rest = rest[1:][overlaps <= threshold]
    return np.sort(np.array(kept, np.int64))


def iou_matrix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    near = np.maximum(a[:, None, :2], b[None, :, :2])
    far = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.maximum(far - near, 0), -1)
    area_a, area_b = np.prod(a[:, 2:] - a[:, :2], -1), np.prod(b[:, 2:] - b[:, :2], -1)
    return shared / np.maximum(area_a[:, None] + area_b[None] - shared, 1e-12)
