#!/usr/bin/env python3
"""Writes golden.txt: hashes of what OpenCV makes of noise frames. Needs python3-opencv and python3-numpy (made with 4.6.0 for x86-64).

    make_golden.py [number of random cases]

One line a case: pixel format, width, height, stride (0: none given), input width, input height, seed, then the first 16 bytes of the SHA-256 of the
letterboxed RGB levels [3, input height, input width]. Frames are not stored: both sides make them from the seed. The chosen cases come first; the random
ones are the same in every run, and more of them begin with the same ones.
"""
import hashlib
import pathlib
import random
import sys

import cv2
import numpy as np

CHOSEN = [
    # pixel format, width, height, stride, input width, input height
    ("Bgr24", 1, 1, 0, 640, 640),
    ("Gray8", 1, 1, 0, 1, 1),
    ("Bgr24", 640, 640, 0, 640, 640),       # copied
    ("Rgb24", 640, 359, 0, 640, 640),       # copied, an odd rest of padding
    ("Bgr24", 1000, 1600, 0, 640, 640),
    ("Bgr24", 333, 777, 0, 640, 640),
    ("Bgr24", 1920, 1080, 0, 640, 640),     # exactly 3
    ("Bgr24", 1280, 720, 3904, 640, 640),   # exactly 2: OpenCV averages areas
    ("Bgr24", 3840, 2160, 0, 640, 640),
    ("Bgr24", 97, 61, 0, 640, 640),
    ("Bgr24", 5, 3, 0, 640, 384),
    ("Rgb24", 1, 9, 0, 16, 16),
    ("Rgb24", 9, 1, 0, 16, 16),
    ("Gray8", 8192, 1, 0, 640, 640),
    ("Gray8", 1, 8192, 0, 640, 640),
    ("Bgr24", 8192, 8192, 0, 640, 640),
    ("Gray8", 8192, 8192, 0, 8192, 8192),
    ("Bgra32", 4096, 3000, 0, 1280, 960),
    ("Gray8", 3, 2, 0, 8192, 8192),
    ("Rgba32", 1999, 2001, 8001, 2048, 2048),
    # The weights of some positions add up to 2,047 or 2,049.
    ("Gray8", 4917, 5, 0, 5463, 64),
    ("Bgr24", 5, 983, 0, 64, 5463),
    ("Bgr24", 35, 140, 0, 1367, 5463),
    ("Gray8", 1125, 4, 0, 5467, 32),
    # Converted formats, unresized and resized.
    ("Nv12", 256, 256, 0, 256, 256),
    ("Nv12", 1920, 1080, 0, 640, 640),
    ("Nv12", 1600, 1000, 1664, 640, 640),
    ("Nv12", 2, 2, 0, 64, 64),
    ("BayerRggb8", 3, 3, 0, 3, 3),
    ("BayerRggb8", 36, 36, 0, 36, 36),
    ("BayerBggr8", 36, 35, 40, 36, 36),
    ("BayerGrbg8", 35, 36, 0, 36, 36),
    ("BayerGbrg8", 35, 35, 0, 36, 36),
    ("BayerRggb8", 1920, 1080, 0, 640, 640),
    ("BayerGbrg8", 1601, 1001, 0, 640, 640),
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
    """Upper bytes of state = state * 1664525 + 1013904223, as many at a time as are there already."""
    states = np.empty(count, np.uint32)
    states[0] = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
    done, factor, step = 1, 1664525, 1013904223
    while done < count:
        more = min(done, count - done)
        states[done:done + more] = states[:more] * np.uint32(factor) + np.uint32(step)
        factor, step = factor * factor & 0xFFFFFFFF, step * (factor + 1) & 0xFFFFFFFF
        done += more
    return (states >> 24).astype(np.uint8)


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


def random_case(rng):
    name = rng.choice(sorted(TO_RGB) + ["Rgb24", "Bgr24", "Bgr24", "Gray8"])
    most = rng.choice([8, 64, 700, 2000])
    width, height = rng.randint(1, most), rng.randint(1, most)
    if name == "Nv12":
        width, height = (width + 1) // 2 * 2, (height + 1) // 2 * 2
    elif name.startswith("Bayer"):
        width, height = max(width, 3), max(height, 3)
    stride = rng.choice([0, width * SAMPLES.get(name, 1) + rng.randint(0, 40) * 2])
    most = rng.choice([40, 700])
    return name, width, height, stride, rng.randint(1, most), rng.randint(1, most)


rng = random.Random(1)
cases = CHOSEN + [random_case(rng) for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 150)]
with open(pathlib.Path(__file__).parent / "golden.txt", "w") as file:
    for index, (name, width, height, stride, input_width, input_height) in enumerate(cases):
        seed = 1000 + index
        picture = letterbox(rgb_of(name, width, height, stride, seed), input_width, input_height)
        assert picture.shape == (input_height, input_width, 3)
        levels = hashlib.sha256(np.ascontiguousarray(picture.transpose(2, 0, 1)).tobytes()).hexdigest()[:32]
        file.write(f"{name} {width} {height} {stride} {input_width} {input_height} {seed} {levels}\n")
