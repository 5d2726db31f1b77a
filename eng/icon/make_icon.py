#!/usr/bin/env python3
"""Draws the packages' icon into icon.png beside this file: a detection's box around a gear.

Only Python's standard library. The same input gives the same bytes.
"""
import math
import pathlib
import struct
import zlib

SIZE = 128  # pixels; every pixel is the mean of SAMPLES x SAMPLES points
SAMPLES = 4
BACKGROUND = (22, 38, 61)
GEAR = (236, 240, 245)
BOX = (255, 138, 30)


def in_background(x, y):
    """A square with round corners."""
    radius, half = 22, SIZE / 2
    dx = max(abs(x - half) - (half - radius), 0)
    dy = max(abs(y - half) - (half - radius), 0)
    return math.hypot(dx, dy) <= radius


def in_gear(x, y):
    dx, dy = x - SIZE / 2, y - SIZE / 2
    distance = math.hypot(dx, dy)
    # Eight teeth, narrower at their tips.
    phase = math.cos(8 * math.atan2(dy, dx))
    outer = 25 + 9 * min(max((phase + 0.25) / 0.5, 0), 1)
    return 12 <= distance <= outer


def in_box(x, y):
    """Four corners of a box, as an annotated picture has them."""
    left, right, arm, width = 20, SIZE - 20, 26, 7
    x, y = min(x, SIZE - x), min(y, SIZE - y)  # one corner stands for all
    if not (left <= x <= right and left <= y <= right):
        return False
    return (x < left + width and y < left + arm) or (y < left + width and x < left + arm)


def color_at(x, y):
    if not in_background(x, y):
        return None
    if in_box(x, y):
        return BOX
    return GEAR if in_gear(x, y) else BACKGROUND


def pixel(column, row):
    red = green = blue = covered = 0
    for i in range(SAMPLES * SAMPLES):
        color = color_at(column + (i % SAMPLES + 0.5) / SAMPLES, row + (i // SAMPLES + 0.5) / SAMPLES)
        if color is not None:
            covered += 1
            red, green, blue = red + color[0], green + color[1], blue + color[2]
    if covered == 0:
        return bytes(4)
    return bytes(round(value / covered) for value in (red, green, blue)) + bytes([round(255 * covered / SAMPLES**2)])


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main():
    rows = b"".join(b"\0" + b"".join(pixel(column, row) for column in range(SIZE)) for row in range(SIZE))
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)  # eight bits of red, green, blue and alpha
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    (pathlib.Path(__file__).parent / "icon.png").write_bytes(png)


main()
