#!/usr/bin/env python3
"""Writes golden.txt: what OpenCV makes of small noise frames. Needs python3-opencv (made with 4.6.0).

One line a case: pixel format, width, height, stride, input width, input height, seed, then the letterboxed
RGB levels [3, input height, input width] as base64. Frames are not stored: both sides make them from the seed.
"""
import base64
import pathlib

import cv2
import numpy as np

CASES = [
    # pixel format, width, height, stride (0 = none), input width, input height
    ("Bgr24", 24, 24, 0, 24, 24),      # copied
    ("Bgr24", 37, 29, 120, 48, 48),    # enlarged
    ("Bgr24", 100, 75, 0, 32, 32),     # shrunk by an odd factor
    ("Bgr24", 96, 54, 0, 32, 32),      # exactly 3
    ("Rgb24", 33, 77, 0, 32, 40),
    ("Bgra32", 64, 48, 300, 32, 32),   # exactly 2: OpenCV averages areas
    ("Rgba32", 23, 41, 0, 32, 32),
    ("Gray8", 53, 31, 60, 40, 40),
    ("Gray8", 1, 1, 0, 8, 8),
    ("Rgb24", 1, 9, 0, 16, 16),
    ("Nv12", 32, 32, 0, 32, 32),
    ("Nv12", 70, 46, 80, 32, 32),
    ("Nv12", 26, 18, 0, 40, 40),
    ("BayerRggb8", 36, 36, 0, 36, 36),
    ("BayerBggr8", 36, 35, 40, 36, 36),
    ("BayerGrbg8", 35, 36, 0, 36, 36),
    ("BayerGbrg8", 35, 35, 0, 36, 36),
    ("BayerRggb8", 71, 53, 0, 32, 32),
    ("BayerGbrg8", 22, 18, 0, 40, 40),
]

TO_RGB = {
    "Bgr24": cv2.COLOR_BGR2RGB,
    "Bgra32": cv2.COLOR_BGRA2RGB,
    "Rgba32": cv2.COLOR_RGBA2RGB,
    "Gray8": cv2.COLOR_GRAY2RGB,
    "Nv12": cv2.COLOR_YUV2RGB_NV12,
    # OpenCV names a mosaic by its second row's second and third pixel.
    "BayerRggb8": cv2.COLOR_BayerBG2RGB,
    "BayerBggr8": cv2.COLOR_BayerRG2RGB,
    "BayerGrbg8": cv2.COLOR_BayerGB2RGB,
    "BayerGbrg8": cv2.COLOR_BayerGR2RGB,
}
SAMPLES = {"Bgr24": 3, "Rgb24": 3, "Bgra32": 4, "Rgba32": 4}


def noise(count, seed):
    out = np.empty(count, np.uint8)
    state = seed
    for i in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = state >> 24
    return out


def rgb_of(name, width, height, stride, seed):
    row_bytes = width * SAMPLES.get(name, 1)
    stride = stride or row_bytes
    rows = height * 3 // 2 if name == "Nv12" else height
    plane = noise(rows * stride, seed).reshape(rows, stride)[:, :row_bytes]
    if name in SAMPLES:
        plane = plane.reshape(height, width, SAMPLES[name])
    plane = np.ascontiguousarray(plane)
    return cv2.cvtColor(plane, TO_RGB[name]) if name in TO_RGB else plane


def letterbox(rgb, input_width, input_height):
    height, width = rgb.shape[:2]
    gain = min(input_height / height, input_width / width)
    new_width, new_height = max(round(width * gain), 1), max(round(height * gain), 1)
    dw, dh = (input_width - new_width) / 2, (input_height - new_height) / 2
    if (width, height) != (new_width, new_height):
        rgb = cv2.resize(rgb, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    top, bottom = round(dh - 0.1), round(dh + 0.1)
    left, right = round(dw - 0.1), round(dw + 0.1)
    return cv2.copyMakeBorder(rgb, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(114, 114, 114))


lines = []
for index, (name, width, height, stride, input_width, input_height) in enumerate(CASES):
    seed = 1000 + index
    picture = letterbox(rgb_of(name, width, height, stride, seed), input_width, input_height)
    assert picture.shape == (input_height, input_width, 3)
    levels = base64.b64encode(np.ascontiguousarray(picture.transpose(2, 0, 1)).tobytes()).decode()
    lines.append(f"{name} {width} {height} {stride} {input_width} {input_height} {seed} {levels}\n")
(pathlib.Path(__file__).parent / "golden.txt").write_text("".join(lines))
