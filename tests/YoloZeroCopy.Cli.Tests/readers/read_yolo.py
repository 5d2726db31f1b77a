"""Reads labels in the YOLO format with nothing but Python's standard library: python3 read_yolo.py LABELS PICTURE...

The format, as Ultralytics documents it: one text file for each picture, of its name and with the ending .txt; one line for each object:
class x_center y_center width height [confidence], the four relative to the picture's width and height. No objects, no file.
Prints {"picture's name": [[class, x1, y1, x2, y2, confidence], ...]} in pixels.
"""
import json
import os
import struct
import sys


def png_size(data):
    return struct.unpack(">II", data[16:24])


def jpeg_size(data):
    at = 2
    while True:
        assert data[at] == 0xFF, f"no marker at {at}"
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length


def size_of(path):
    with open(path, "rb") as file:
        data = file.read()
    return png_size(data) if data.startswith(b"\x89PNG") else jpeg_size(data)


def read(path, width, height):
    objects = []
    with open(path, encoding="ascii", newline="") as file:
        text = file.read()
    assert text.endswith("\n") and "\r" not in text, path
    for line in text.splitlines():
        fields = line.split(" ")
        assert len(fields) in (5, 6), line
        label, numbers = int(fields[0]), [float(field) for field in fields[1:]]
        assert label >= 0 and all(0 <= number <= 1 for number in numbers), line
        x, y, w, h = numbers[0] * width, numbers[1] * height, numbers[2] * width, numbers[3] * height
        confidence = numbers[4] if len(numbers) > 4 else None
        objects.append([label, x - w / 2, y - h / 2, x + w / 2, y + h / 2, confidence])
    return objects


def main():
    labels, pictures = sys.argv[1], sys.argv[2:]
    found, known = {}, set()
    for picture in pictures:
        name = os.path.basename(picture)
        file = os.path.splitext(name)[0] + ".txt"
        known.add(file)
        path = os.path.join(labels, file)
        found[name] = read(path, *size_of(picture)) if os.path.exists(path) else []
    others = sorted(set(os.listdir(labels)) - known)
    assert not others, f"labels of no picture: {others}"
    print(json.dumps(found))


main()
