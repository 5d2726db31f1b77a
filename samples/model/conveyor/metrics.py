"""Average precision as COCO defines it: precision at 101 recall points, at IoU 0.50 and over IoU 0.50 to 0.95."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .postprocess import iou_matrix

THRESHOLDS = np.linspace(0.5, 0.95, 10)
_RECALL_POINTS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class ClassFigures:
    objects: int
    ap50: float
    ap50_95: float


def match(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Which detections (best first) are right at each threshold, [K,10]. Both sides are of one class and picture.
    A detection takes the free truth box that it overlaps most; a truth box is taken once."""
    right = np.zeros((len(found), len(THRESHOLDS)), bool)
    if not len(found) or not len(truth):
        return right
    overlaps = iou_matrix(found, truth)
    for column, threshold in enumerate(THRESHOLDS):
        free = np.ones(len(truth), bool)
        for row in range(len(found)):
            candidate = np.where(free, overlaps[row], -1.0)
            best = int(candidate.argmax())
            if candidate[best] >= threshold:
                right[row, column] = True
                free[best] = False
    return right


def average_precision(scores: np.ndarray, right: np.ndarray, objects: int) -> np.ndarray:
    """AP at each threshold. `right` is [K,10], of all pictures together."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order], 0)
    recall = hits / objects
    precision = hits / np.arange(1, len(order) + 1)[:, None]
    # The best precision at this recall or any higher one.
    precision = np.maximum.accumulate(precision[::-1], 0)[::-1]
    result = np.zeros(len(THRESHOLDS))
    for column in range(len(THRESHOLDS)):
        place = np.searchsorted(recall[:, column], _RECALL_POINTS, side="left")
        reached = place < len(order)
        result[column] = precision[place[reached], column].sum() / len(_RECALL_POINTS)
    return result


class Tally:
    """Collects pictures, then gives the figures of each class."""

    def __init__(self, classes: int) -> None:
        self._scores: list[list[np.ndarray]] = [[] for _ in range(classes)]
        self._right: list[list[np.ndarray]] = [[] for _ in range(classes)]
        self._objects = [0] * classes

    def add(self, found: np.ndarray, truth_boxes: np.ndarray, truth_kinds: np.ndarray) -> None:
        """`found` is [K,6] as `postprocess.detections` gives it, with boxes in the truth's pixels."""
        for kind in range(len(self._objects)):
            mine = found[found[:, 5] == kind]
            truth = truth_boxes[truth_kinds == kind]
            self._objects[kind] += len(truth)
            self._scores[kind].append(mine[:, 4])
            self._right[kind].append(match(mine[:, :4], truth))

    def figures(self) -> list[ClassFigures]:
        result = []
        for scores, right, objects in zip(self._scores, self._right, self._objects):
            ap = average_precision(np.concatenate(scores), np.concatenate(right), objects) if objects else np.full(len(THRESHOLDS), np.nan)
            result.append(ClassFigures(objects, float(ap[0]), float(ap.mean())))
        return result
