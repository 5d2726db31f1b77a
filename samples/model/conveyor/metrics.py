"""Average precision as COCO defines it: precision at 101 recall points, at IoU 0.50 and over IoU 0.50 to 0.95; and the same for small objects alone.

Plain Python, so that it scores wherever Python is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

THRESHOLDS = tuple(0.5 + 0.05 * i for i in range(10))
SMALL_AREA = 32.0 * 32.0  # of a box in pixels of the network's input

_RECALL_POINTS = tuple(i / 100 for i in range(101))

Box = Sequence[float]  # x1, y1, x2, y2


@dataclass(frozen=True)
class ClassFigures:
    objects: int
    ap50: float
    ap50_95: float


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def iou(a: Box, b: Box) -> float:
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    return shared / max(area(a) + area(b) - shared, 1e-12)


def match(found: Sequence[Box], truth: Sequence[Box], least: float, largest: float | None = None) -> list[bool | None]:
    """Which detections (best first) are right where boxes must overlap by `least`. Both sides are of one class and picture.

    A detection takes the free truth box that it overlaps most; a truth box is taken once. With a largest area, truth from that size on is nobody's
    aim: a detection takes it only where no smaller one is left, and then counts neither as right nor as wrong (None), as does one of that size
    that takes nothing.
    """
    free = [True] * len(truth)
    wanted = [largest is None or area(box) < largest for box in truth]
    result: list[bool | None] = []
    for box in found:
        taken = None
        for aim in (True, False):
            overlaps = [(iou(box, other), -index) for index, other in enumerate(truth) if free[index] and wanted[index] == aim]
            if taken is None and overlaps and max(overlaps)[0] >= least:
                taken = -max(overlaps)[1]
        if taken is not None:
            free[taken] = False
            result.append(True if wanted[taken] else None)
        else:
            result.append(False if largest is None or area(box) < largest else None)
    return result


def average_precision(scored: Iterable[tuple[float, bool | None]], objects: int) -> float:
    """`scored` is every detection of a class, of all pictures together: its score, and whether it is right."""
    counted = sorted(((score, right) for score, right in scored if right is not None), key=lambda one: -one[0])
    recall, precision, hits = [], [], 0
    for rank, (_, right) in enumerate(counted, 1):
        hits += bool(right)
        recall.append(hits / objects)
        precision.append(hits / rank)
    # The best precision at this recall or any higher one.
    for rank in range(len(precision) - 2, -1, -1):
        precision[rank] = max(precision[rank], precision[rank + 1])
    places = (bisect_left(recall, point) for point in _RECALL_POINTS)
    return sum(precision[place] for place in places if place < len(precision)) / len(_RECALL_POINTS)


class Tally:
    """Collects pictures, then gives the figures of each class."""

    def __init__(self, classes: int, largest: float | None = None) -> None:
        """With a largest area in pixels of the network's input, only smaller objects count."""
        self._largest = largest
        self._scored: list[list[list[tuple[float, bool | None]]]] = [[[] for _ in THRESHOLDS] for _ in range(classes)]
        self._objects = [0] * classes

    def add(self, found: Iterable[Sequence[float]], truth: Iterable[tuple[Box, int]], gain: float) -> None:
        """One picture. `found` is x1, y1, x2, y2, score, class; `truth` is boxes with their classes, both in the picture's pixels, which the network's
        input shows `gain` times as large."""
        found, truth = sorted(found, key=lambda one: -one[4]), list(truth)
        largest = None if self._largest is None else self._largest / gain ** 2
        for kind in range(len(self._objects)):
            mine = [one for one in found if one[5] == kind]
            boxes = [box for box, of in truth if of == kind]
            self._objects[kind] += sum(largest is None or area(box) < largest for box in boxes)
            for scored, threshold in zip(self._scored[kind], THRESHOLDS):
                scored.extend(zip((one[4] for one in mine), match(mine, boxes, threshold, largest)))

    def figures(self) -> list[ClassFigures]:
        """A class without objects has figures that are no number."""
        result = []
        for scored, objects in zip(self._scored, self._objects):
            ap = [average_precision(at, objects) if objects else float("nan") for at in scored]
            result.append(ClassFigures(objects, ap[0], sum(ap) / len(ap)))
        return result

    def mean(self) -> ClassFigures:
        """Over the classes that have objects."""
        figures = [figure for figure in self.figures() if figure.objects] or [ClassFigures(0, float("nan"), float("nan"))]
        return ClassFigures(sum(f.objects for f in figures), sum(f.ap50 for f in figures) / len(figures),
                            sum(f.ap50_95 for f in figures) / len(figures))
