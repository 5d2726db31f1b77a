"""Aspect-preserving resize with centred padding of value 114, and the way back for boxes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

PADDING = 114


@dataclass(frozen=True)
class Letterbox:
    """How a picture was laid into the network's square input."""

    width: int   # of the original picture
    height: int
    gain: float
    left: int
    top: int

    def to_input(self, boxes: np.ndarray) -> np.ndarray:
        return boxes * self.gain + np.array((self.left, self.top) * 2)

    def to_picture(self, boxes: np.ndarray) -> np.ndarray:
        boxes = (boxes - np.array((self.left, self.top) * 2)) / self.gain
        return np.clip(boxes, 0, np.array((self.width, self.height) * 2))


def letterbox(picture: np.ndarray, side: int) -> tuple[np.ndarray, Letterbox]:
    height, width = picture.shape[:2]
    gain = min(side / height, side / width)
    inner_width, inner_height = round(width * gain), round(height * gain)
    spare_x, spare_y = (side - inner_width) / 2, (side - inner_height) / 2
    # The tenth decides where an odd pixel of padding goes: right and below.
    left, right = round(spare_x - 0.1), round(spare_x + 0.1)
    top, bottom = round(spare_y - 0.1), round(spare_y + 0.1)
    if (width, height) != (inner_width, inner_height):
        picture = cv2.resize(picture, (inner_width, inner_height), interpolation=cv2.INTER_LINEAR)
    picture = cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(PADDING,) * 3)
    return picture, Letterbox(width, height, gain, left, top)
