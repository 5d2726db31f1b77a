"""Draws one metal part: its coverage mask, its colours, and where its defect is.

Shapes are outlines in part units (the part's largest extent is about 1), turned and scaled to pixels, filled at a multiple of the
final resolution and averaged down, so that edges are smooth and boxes can be read off the mask to a fraction of a pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .classes import NAMES

# Below these sizes, in pixels of the network's input, the defect could not be told from noise, and defective parts are not drawn.
SMALLEST_DEFECTIVE = 40.0
SMALLEST_PART = 16.0

_FIXED_BITS = 4  # fractional bits of the coordinates given to OpenCV

# Blue, green, red of a diffusely lit surface.
_METALS = np.array([
    (172, 168, 164),  # steel
    (196, 196, 192),  # zinc
    (120, 118, 118),  # dark steel
    (92, 160, 196),   # brass
    (96, 122, 186),   # copper
    (150, 166, 170),  # nickel
], np.float32)


@dataclass(frozen=True)
class Part:
    kind: int
    alpha: np.ndarray       # [h,w] float32, 0..1, the share of the pixel that the part covers
    colour: np.ndarray      # [h,w,3] float32, BGR, 0..255
    defect: np.ndarray | None  # [h,w] bool, the defect's surroundings, or None for a sound part


class _Canvas:
    """A supersampled square canvas with the part's centre in its middle."""

    def __init__(self, size: float, angle: float, scale: int, offset: tuple[float, float]) -> None:
        self.side = int(math.ceil(size * 1.12)) + 6
        self.scale = scale
        self.unit = size * scale
        middle = self.side * scale / 2
        self._origin = np.array((middle + offset[0] * scale, middle + offset[1] * scale))
        self._turn = np.array(((math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))))

    def blank(self, value: float = 0.0) -> np.ndarray:
        return np.full((self.side * self.scale,) * 2, value, np.float32)

    def fill(self, image: np.ndarray, outline: np.ndarray, value: float) -> None:
        # Pixel centres lie at half coordinates; OpenCV counts from the first pixel's centre.
        points = (outline @ self._turn) * self.unit + self._origin - 0.5
        fixed = np.rint(points * (1 << _FIXED_BITS)).astype(np.int32)
        cv2.fillPoly(image, [fixed], value, cv2.LINE_AA, _FIXED_BITS)

    def shrink(self, image: np.ndarray) -> np.ndarray:
        return cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_AREA)


def _circle(radius: float, centre: tuple[float, float] = (0.0, 0.0), points: int = 72) -> np.ndarray:
    t = np.linspace(0, 2 * math.pi, points, endpoint=False)
    return np.stack((np.cos(t), np.sin(t)), -1) * radius + centre


def _rectangle(x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    return np.array(((x1, y1), (x2, y1), (x2, y2), (x1, y2)))


def _gear(rng: Generator, missing: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Outline of a gear and, if teeth are missing, the disc around the gap."""
    teeth = int(rng.integers(10, 17))
    root = rng.uniform(0.375, 0.41)
    gap = rng.choice((1, 2), p=(0.7, 0.3)) if missing else 0
    points = []
    for tooth in range(teeth):
        start = 2 * math.pi * tooth / teeth
        pitch = 2 * math.pi / teeth
        # A stump may remain where the tooth broke off.
        tip = 0.5 if tooth >= gap else root + rng.uniform(0.0, 0.015)
        for share, radius in ((0.0, root), (0.22, root), (0.34, tip), (0.66, tip), (0.78, root)):
            angle = start + share * pitch
            points.append((math.cos(angle) * radius, math.sin(angle) * radius))
    where = None
    if gap:
        middle = math.pi * gap / teeth
        where = _circle(0.13, (0.45 * math.cos(middle), 0.45 * math.sin(middle)), 16)
    return np.array(points), where


def _crack(rng: Generator, inner: float, size: float) -> tuple[np.ndarray, np.ndarray]:
    """A jagged slit from the washer's hole to its rim, and the ring segment around it."""
    # About 2 px wide at the smallest size, so that it survives the lens.
    width = max(rng.uniform(0.035, 0.075), 2.2 / size)
    steps = np.linspace(inner - 0.02, 0.52, 6)
    side = np.concatenate(((0.0,), rng.uniform(-0.035, 0.035, 4), (0.0,)))
    flare = width * np.linspace(0.35, 0.65, 6)
    outline = np.concatenate((np.stack((steps, side - flare), -1), np.stack((steps, side + flare), -1)[::-1]))
    return outline, _rectangle(inner - 0.02, -0.1, 0.52, 0.1)


def draw_part(rng: Generator, kind: int, size: float, angle: float, light: float,
              offset: tuple[float, float] = (0.0, 0.0), detail: float | None = None) -> Part:
    """`size` is the largest extent in pixels; `light` the direction the light comes from, in radians;
    `detail` the size in pixels of the network's input, where that differs from the picture's."""
    scale = 4 if size < 48 else 3 if size < 110 else 2
    canvas = _Canvas(size, angle, scale, offset)
    name = NAMES[kind]
    alpha = canvas.blank()
    albedo = canvas.blank(1.0)  # darker and brighter regions of the surface
    defect_area = None

    if name in ("washer", "washer_cracked"):
        inner = rng.uniform(0.2, 0.31)
        canvas.fill(alpha, _circle(0.5), 1.0)
        canvas.fill(alpha, _circle(inner), 0.0)
        if name == "washer_cracked":
            slit, defect_area = _crack(rng, inner, detail or size)
            canvas.fill(alpha, slit, 0.0)
    elif name in ("gear", "gear_missing_tooth"):
        outline, defect_area = _gear(rng, name == "gear_missing_tooth")
        canvas.fill(alpha, outline, 1.0)
        hub = rng.uniform(0.17, 0.24)
        canvas.fill(albedo, _circle(hub + 0.02), rng.uniform(0.6, 0.8))
        canvas.fill(albedo, _circle(hub), rng.uniform(0.95, 1.1))
        canvas.fill(alpha, _circle(rng.uniform(0.08, 0.13)), 0.0)
        if rng.random() < 0.4:
            holes = int(rng.integers(3, 6))
            for hole in range(holes):
                turn = 2 * math.pi * (hole + 0.5) / holes
                canvas.fill(alpha, _circle(0.055, (0.3 * math.cos(turn), 0.3 * math.sin(turn)), 24), 0.0)
    elif name == "hex_nut":
        canvas.fill(alpha, _circle(0.5, points=6), 1.0)
        bore = rng.uniform(0.22, 0.28)
        canvas.fill(albedo, _circle(0.425), rng.uniform(1.05, 1.15))
        canvas.fill(albedo, _circle(bore + 0.05), 0.7)
        canvas.fill(albedo, _circle(bore + 0.025), 1.1)
        canvas.fill(alpha, _circle(bore), 0.0)
    elif name == "bolt":
        head, shank = rng.uniform(0.13, 0.19), rng.uniform(0.14, 0.2)
        width = shank * rng.uniform(0.48, 0.6)
        neck = -0.5 + head
        canvas.fill(alpha, _rectangle(-0.5, -shank, neck, shank), 1.0)
        canvas.fill(alpha, np.array(((neck, -width), (0.47, -width), (0.5, -width * 0.7), (0.5, width * 0.7), (0.47, width), (neck, width))), 1.0)
        canvas.fill(albedo, _rectangle(-0.5, -shank * 0.45, neck, shank * 0.45), 1.15)
        canvas.fill(albedo, _rectangle(neck - 0.015, -shank, neck, shank), 0.6)
        turns = int(rng.integers(10, 17))
        start = rng.uniform(neck + 0.03, 0.05)
        pitch = (0.48 - start) / turns
        for turn in range(turns):
            x = start + turn * pitch
            canvas.fill(albedo, np.array(((x, -width), (x + pitch * 0.5, -width), (x + pitch, width), (x + pitch * 0.5, width))), 0.62)
    elif name == "bearing":
        canvas.fill(alpha, _circle(0.5), 1.0)
        canvas.fill(albedo, _circle(0.415), 0.32)
        balls = int(rng.integers(7, 11))
        for ball in range(balls):
            turn = 2 * math.pi * ball / balls
            canvas.fill(albedo, _circle(0.074, (0.335 * math.cos(turn), 0.335 * math.sin(turn)), 24), 1.0)
            canvas.fill(albedo, _circle(0.035, (0.335 * math.cos(turn), 0.335 * math.sin(turn)), 16), 1.35)
        canvas.fill(albedo, _circle(0.255), 1.0)
        canvas.fill(alpha, _circle(rng.uniform(0.15, 0.18)), 0.0)
    elif name == "bracket":
        long, wide = 0.5, rng.uniform(0.34, 0.44)
        thick = rng.uniform(0.22, 0.3)
        canvas.fill(alpha, np.array(((-long, -wide), (long, -wide), (long, -wide + thick), (-long + thick, -wide + thick),
                                     (-long + thick, wide), (-long, wide))), 1.0)
        canvas.fill(albedo, _rectangle(-long, -wide + thick, -long + thick, -wide + thick + 0.02), 0.7)
        for x, y in ((0.33, -wide + thick / 2), (-long + thick / 2, wide - 0.15), (-0.02, -wide + thick / 2)):
            canvas.fill(alpha, _circle(0.065, (x, y), 24), 0.0)
    else:
        raise ValueError(f"no drawing for class {name}")

    defect = None
    if defect_area is not None:
        area = canvas.blank()
        canvas.fill(area, defect_area, 1.0)
        defect = canvas.shrink(area) > 0.5
    if size < 80:
        colour = canvas.shrink(_shade(rng, alpha, albedo, canvas.unit, light))
        alpha = canvas.shrink(alpha)
    else:
        # Large parts have rounded edges several pixels wide: shading them at the final resolution looks the same.
        alpha = canvas.shrink(alpha)
        colour = _shade(rng, alpha, canvas.shrink(albedo), size, light)
    return Part(kind, alpha, colour, defect)


def _shade(rng: Generator, alpha: np.ndarray, albedo: np.ndarray, size: float, light: float) -> np.ndarray:
    """Lights the part from one side: rounded edges, a broad sheen across the surface, brushed metal, spots of rust."""
    bevel = max(1.0, 0.02 * size)
    relief = cv2.GaussianBlur(alpha * np.minimum(albedo, 1.0), (0, 0), bevel)
    slope_x = cv2.Sobel(relief, cv2.CV_32F, 1, 0, scale=0.25) * bevel
    slope_y = cv2.Sobel(relief, cv2.CV_32F, 0, 1, scale=0.25) * bevel
    toward_x, toward_y = math.cos(light), math.sin(light)
    side = alpha.shape[0]
    ramp = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    distance = ramp[None, :] * toward_x + ramp[:, None] * toward_y
    sheen = rng.uniform(0.15, 0.5) * np.exp(-((distance - rng.uniform(-0.3, 0.3)) / rng.uniform(0.08, 0.25)) ** 2)
    shade = albedo * (rng.uniform(0.72, 0.95) + sheen + distance * rng.uniform(-0.2, 0.2))
    shade += (slope_x * -toward_x + slope_y * -toward_y) * rng.uniform(0.8, 1.6)
    shade += _brushed(rng, side)
    metal = _METALS[rng.integers(len(_METALS))] * rng.uniform(0.85, 1.12)
    colour = shade[..., None] * metal
    if rng.random() < 0.15:
        rust = cv2.resize(rng.random((6, 6), np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
        share = np.clip((rust - 0.62) * 4, 0, 0.7)[..., None]
        colour = colour * (1 - share) + share * shade[..., None] * np.array((58, 86, 138), np.float32)
    return np.minimum(np.maximum(colour, 0, out=colour), 255, out=colour)


def _brushed(rng: Generator, side: int) -> np.ndarray:
    """Noise drawn out along one axis."""
    length = max(3, side // 6)
    noise = rng.standard_normal((side, max(2, side // length)), np.float32) * rng.uniform(0.0, 0.07)
    return cv2.resize(noise if rng.random() < 0.5 else noise.T, (side, side), interpolation=cv2.INTER_LINEAR)
