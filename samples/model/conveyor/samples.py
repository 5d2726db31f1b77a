"""Pictures for training and evaluation. The two draw from different seeds, so no picture is in both."""

from __future__ import annotations

import math

import numpy as np

from .letterbox import letterbox
from .scenes import SceneObject, scene

TRAINING, HELD_OUT, MEDIA, CALIBRATION = 1, 2, 3, 4  # first member of every seed

MOST_OBJECTS = 32

_HELD_OUT_SIZES = ((640, 640), (640, 480), (480, 640), (800, 600), (1280, 720), (1280, 960), (1000, 1600), (1920, 1080))


def training_sample(seed: tuple[int, ...], side: int) -> tuple[np.ndarray, np.ndarray]:
    """An RGB picture [side,side,3] and its labels [MOST_OBJECTS,5]: class (-1 = none), box in pixels."""
    rng = np.random.default_rng((*seed, 0))
    width = height = side
    kind = rng.random()
    if kind > 0.4:
        # Cameras are seldom square, and seldom as large as the network's input.
        long = side if kind < 0.82 else int(side * math.exp(rng.uniform(math.log(0.25), 0))) if kind < 0.92 else int(side * rng.uniform(1, 2))
        short = max(16, int(long * rng.uniform(0.42, 1.0)))
        width, height = (long, short) if rng.random() < 0.75 else (short, long)
    picture, objects = scene((*seed, 1), width, height)
    picture, placed = letterbox(picture, side)
    labels = np.full((MOST_OBJECTS, 5), -1, np.float32)
    for row, found in zip(labels, objects):
        row[0] = found.kind
        row[1:] = placed.to_input(np.array(found.box))
    return picture[..., ::-1], labels


def held_out_sample(index: int, split: int = HELD_OUT) -> tuple[np.ndarray, list[SceneObject]]:
    """A BGR picture as a camera gives it, half of them square, and its objects."""
    width, height = _HELD_OUT_SIZES[0] if index % 2 == 0 else _HELD_OUT_SIZES[index // 2 % len(_HELD_OUT_SIZES)]
    return scene((split, index), width, height)
