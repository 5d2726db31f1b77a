"""Composes parts on a belt into pictures with exact boxes. The same seed gives the same picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .classes import DEFECTS, NAMES, SOUND
from .parts import SMALLEST_DEFECTIVE, SMALLEST_PART, Part, draw_part

LARGEST_PART = 250.0
NETWORK_SIDE = 640          # sizes of parts are meant in a picture whose longer side is this
LEAST_VISIBLE = 0.3         # of a part, for it to be labelled
_LEAST_DEFECT_VISIBLE = 0.6  # of the defect's surroundings, for the part to count as defective
_EDGE = 0.1                 # coverage from which a pixel belongs to a part


@dataclass(frozen=True)
class SceneObject:
    kind: int
    box: tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels of the picture
    visible: float                          # visible share of the part
    track: int = -1

    def as_json(self) -> dict[str, object]:
        return {
            "track": self.track, "class": self.kind, "name": NAMES[self.kind], "defect": self.kind in DEFECTS,
            "box": [round(v, 2) for v in self.box], "visible": round(self.visible, 3),
        }


@dataclass(frozen=True)
class Placed:
    part: Part
    x: int  # of the part's left edge; may lie outside the picture
    y: int
    track: int = -1


def tight_box(coverage: np.ndarray) -> tuple[float, float, float, float] | None:
    """Box around what is covered. A border pixel that is covered by a quarter counts as a quarter pixel."""
    columns, rows = coverage.max(0), coverage.max(1)
    x, y = np.flatnonzero(columns > _EDGE), np.flatnonzero(rows > _EDGE)
    if not len(x):
        return None
    return (float(x[0] + 1 - columns[x[0]]), float(y[0] + 1 - rows[y[0]]),
            float(x[-1] + columns[x[-1]]), float(y[-1] + rows[y[-1]]))


def compose(background: np.ndarray, placed: list[Placed], shadow: tuple[float, float, float],
            least_visible: float = LEAST_VISIBLE) -> tuple[np.ndarray, list[SceneObject]]:
    """Lays the parts on the background in order, later ones on top. `shadow` is its offset x, y and its strength.
    Returns the float picture and the objects of which enough is visible."""
    height, width = background.shape[:2]
    picture = background.astype(np.float32)
    owner = np.full((height, width), -1, np.int32)
    windows = [_window(p, width, height) for p in placed]
    for index, (item, window) in enumerate(zip(placed, windows)):
        if window is None:
            continue
        if shadow[2] > 0:
            _cast_shadow(picture, item, shadow)
        y1, y2, x1, x2 = window
        inside = (slice(y1 - item.y, y2 - item.y), slice(x1 - item.x, x2 - item.x))
        alpha = item.part.alpha[inside]
        target = picture[y1:y2, x1:x2]
        target += (item.part.colour[inside] - target) * alpha[..., None]
        owner[y1:y2, x1:x2][alpha > 0.5] = index
    objects = []
    for index, (item, window) in enumerate(zip(placed, windows)):
        if window is not None:
            found = _visible_object(item, index, window, owner)
            if found is not None and found.visible >= least_visible:
                objects.append(found)
    return picture, objects


def _window(item: Placed, width: int, height: int) -> tuple[int, int, int, int] | None:
    h, w = item.part.alpha.shape
    y1, y2, x1, x2 = max(item.y, 0), min(item.y + h, height), max(item.x, 0), min(item.x + w, width)
    return (y1, y2, x1, x2) if y1 < y2 and x1 < x2 else None


def _cast_shadow(picture: np.ndarray, item: Placed, shadow: tuple[float, float, float]) -> None:
    blur = max(1.0, 0.03 * item.part.alpha.shape[0])
    pad = int(math.ceil(blur * 2 + max(abs(shadow[0]), abs(shadow[1])))) + 1
    dark = cv2.copyMakeBorder(item.part.alpha, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    dark = cv2.GaussianBlur(dark, (0, 0), blur)
    x, y = item.x - pad + round(shadow[0]), item.y - pad + round(shadow[1])
    y1, y2 = max(y, 0), min(y + dark.shape[0], picture.shape[0])
    x1, x2 = max(x, 0), min(x + dark.shape[1], picture.shape[1])
    if y1 < y2 and x1 < x2:
        picture[y1:y2, x1:x2] *= 1 - shadow[2] * dark[y1 - y:y2 - y, x1 - x:x2 - x, None]


def _visible_object(item: Placed, index: int, window: tuple[int, int, int, int], owner: np.ndarray) -> SceneObject | None:
    y1, y2, x1, x2 = window
    part = item.part
    inside = (slice(y1 - item.y, y2 - item.y), slice(x1 - item.x, x2 - item.x))
    above = owner[y1:y2, x1:x2] > index  # pixels that a later part covers
    coverage = np.where(above, 0.0, part.alpha[inside])
    visible = float(coverage.sum() / part.alpha.sum())
    box = tight_box(coverage)
    if box is None:
        return None
    kind = part.kind
    if part.defect is not None:
        seen = np.count_nonzero(part.defect[inside] & ~above) / max(1, np.count_nonzero(part.defect))
        if seen < _LEAST_DEFECT_VISIBLE:
            kind = SOUND[kind]
    return SceneObject(kind, (box[0] + x1, box[1] + y1, box[2] + x1, box[3] + y1), visible, item.track)


def belt(rng: Generator, width: int, height: int) -> np.ndarray:
    """A conveyor belt: rubber, weave or links, dirt, sometimes rails along the sides."""
    scale = max(width, height) / NETWORK_SIDE
    base = rng.uniform(35, 150) * np.array([rng.uniform(0.9, 1.12) for _ in range(3)], np.float32)
    if rng.random() < 0.2:
        base = base * np.array(((0.7, 1.1, 0.7), (1.25, 0.95, 0.7))[rng.integers(2)], np.float32)  # green or blue belts
    field = np.ones((height, width), np.float32)
    field += _clouds(rng, width, height, 5) * rng.uniform(0.0, 0.18)
    field += _clouds(rng, width, height, 24) * rng.uniform(0.0, 0.12)
    x = np.arange(width, dtype=np.float32)[None, :]
    y = np.arange(height, dtype=np.float32)[:, None]
    style = rng.integers(5)
    strength = rng.uniform(0.03, 0.16)
    pitch = rng.uniform(6, 26) * scale
    if style == 1:
        field += strength * np.sin(x * (2 * math.pi / pitch))
    elif style == 2:
        field += strength * (np.sin(x * (2 * math.pi / pitch)) * np.sin(y * (2 * math.pi / pitch)))
    elif style == 3:
        field -= strength * 2 * ((x % (pitch * 4)) < max(1.0, pitch * 0.2))
    elif style == 4:
        field += strength * np.sin((x + y) * (2 * math.pi / pitch))
    picture = field[..., None] * base
    if rng.random() < 0.35:
        rail = int(min(height, width) * rng.uniform(0.02, 0.09))
        bright = rng.uniform(60, 190)
        for rows in (slice(0, rail), slice(height - rail, height)):
            if rail:
                picture[rows] = bright * (1 + 0.2 * _clouds(rng, width, rail, 9)[..., None])
    for _ in range(int(rng.integers(0, 9))):
        # Scratches, oil and crumbs: things that are not parts.
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        tone = (base * rng.uniform(0.5, 1.5)).tolist()
        if rng.random() < 0.5:
            axes = (1 + int(rng.integers(1, 14) * scale), 1 + int(rng.integers(1, 7) * scale))
            cv2.ellipse(picture, centre, axes, float(rng.uniform(0, 180)), 0, 360, tone, -1, cv2.LINE_AA)
        else:
            end = (centre[0] + int(rng.normal(0, 90) * scale), centre[1] + int(rng.normal(0, 40) * scale))
            cv2.line(picture, centre, end, tone, max(1, int(scale * rng.integers(1, 3))), cv2.LINE_AA)
    return picture


def _clouds(rng: Generator, width: int, height: int, cells: int) -> np.ndarray:
    coarse = rng.standard_normal((cells, cells), np.float32)
    return cv2.resize(coarse, (max(1, width), max(1, height)), interpolation=cv2.INTER_CUBIC)


def illuminate(rng: Generator, picture: np.ndarray) -> np.ndarray:
    """Uneven lamps, a colour cast and the exposure."""
    height, width = picture.shape[:2]
    light = cv2.resize(rng.uniform(0.7, 1.25, (3, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    cast = np.array([rng.uniform(0.92, 1.08) for _ in range(3)], np.float32)
    return picture * (light[..., None] * cast * rng.uniform(0.7, 1.25))


def photograph(rng: Generator, picture: np.ndarray) -> np.ndarray:
    """The lens (blur, movement), the sensor (noise) and the cable (JPEG)."""
    scale = max(picture.shape[:2]) / NETWORK_SIDE
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.1) * max(1.0, scale))
    if rng.random() < 0.12:
        length = int(rng.integers(2, 6) * max(1.0, scale))
        picture = cv2.blur(picture, (length, 1))
    noise = rng.choice((0.0, rng.uniform(0, 4), rng.uniform(0, 11)), p=(0.2, 0.6, 0.2))
    if noise > 0:
        # One generated normal value a pixel and channel is the slowest step of all: a tile, shifted at random, will do.
        picture = picture + noise * _noise_tile(rng, picture.shape)
    result = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = int(rng.integers(55, 96))
        result = cv2.imdecode(cv2.imencode(".jpg", result, (cv2.IMWRITE_JPEG_QUALITY, quality))[1], cv2.IMREAD_COLOR)
    return result


def _noise_tile(rng: Generator, shape: tuple[int, ...]) -> np.ndarray:
    side = 256
    tile = rng.standard_normal((side, side, 3), np.float32)
    repeats = (-(-shape[0] // side), -(-shape[1] // side), 1)
    return np.tile(tile, repeats)[:shape[0], :shape[1]]


def _random_size(rng: Generator, kind: int) -> float:
    least = SMALLEST_DEFECTIVE if kind in DEFECTS else SMALLEST_PART
    return float(np.exp(rng.uniform(math.log(least), math.log(LARGEST_PART))))


def scene(seed: int | tuple[int, ...], width: int, height: int) -> tuple[np.ndarray, list[SceneObject]]:
    """A picture (BGR, uint8) of the given size and the objects in it."""
    rng = np.random.default_rng(seed)
    scale = max(width, height) / NETWORK_SIDE
    # In very small pictures the 16 px floor holds for the picture itself, so that there is something to see.
    smallest = SMALLEST_PART if scale < 1 else SMALLEST_PART * scale
    light = rng.uniform(0, 2 * math.pi)
    background = belt(rng, width, height)
    room = width * height / (scale * scale) / (NETWORK_SIDE * NETWORK_SIDE)
    count = int(rng.integers(0, 4) if rng.random() < 0.15 else rng.integers(4, 5 + 18 * room))
    crowded = rng.random() < 0.3
    family = rng.uniform(0.5, 1.0)  # parts of one scene are of similar size, more or less
    typical = _random_size(rng, 1)
    placed: list[Placed] = []
    covered = np.zeros((height, width), bool)
    for _ in range(count):
        kind = int(rng.integers(len(NAMES)))
        size = _random_size(rng, kind)
        if rng.random() < family * 0.5:
            size = typical * rng.uniform(0.7, 1.4)
        size = float(np.clip(size, SMALLEST_DEFECTIVE if kind in DEFECTS else SMALLEST_PART, LARGEST_PART))
        pixels = max(size * scale, smallest)
        part = draw_part(rng, kind, pixels, rng.uniform(0, 2 * math.pi), light, tuple(rng.uniform(-0.5, 0.5, 2)), size)
        side = part.alpha.shape[0]
        for _ in range(8):
            x = int(rng.uniform(-0.3 * side, width - 0.7 * side))
            y = int(rng.uniform(-0.3 * side, height - 0.7 * side))
            spot = covered[max(y, 0):max(y + side, 0), max(x, 0):max(x + side, 0)]
            if spot.size and spot.mean() < (0.35 if crowded else 0.04):
                placed.append(Placed(part, x, y))
                spot[:] = True
                break
    reach = rng.uniform(0, 5) * scale
    shadow = (-reach * math.cos(light), -reach * math.sin(light), rng.uniform(0, 0.55))
    picture, objects = compose(background, placed, shadow)
    return photograph(rng, illuminate(rng, picture)), objects
