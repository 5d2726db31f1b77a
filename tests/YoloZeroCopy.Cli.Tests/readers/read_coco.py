"""Reads detections in COCO's format for object detection with nothing but Python's standard library: python3 read_coco.py FILE

Checks what https://cocodataset.org/#format-data says: images with id, file_name, width and height; annotations with id, image_id, category_id,
bbox [x, y, width, height] from the top left corner, area and iscrowd; categories with id and name. A result has a score besides.
Prints {"file_name": [[class, x1, y1, x2, y2, score], ...]} in pixels.
"""
import json
import sys


def by_id(items):
    ids = {item["id"]: item for item in items}
    assert len(ids) == len(items), "an id is there twice"
    return ids


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        data = json.load(file)
    images, annotations, categories = (by_id(data[part]) for part in ("images", "annotations", "categories"))
    assert all(category["name"] for category in categories.values())
    assert all(identity > 0 for identity in annotations), "evaluation takes an annotation 0 for none"
    found = {image["file_name"]: [] for image in images.values()}
    assert len(found) == len(images), "a file name is there twice"
    for annotation in annotations.values():
        image = images[annotation["image_id"]]
        assert annotation["category_id"] in categories
        assert annotation["iscrowd"] == 0 and 0 <= annotation["score"] <= 1
        x, y, width, height = annotation["bbox"]
        assert x >= 0 and y >= 0 and width >= 0 and height >= 0, annotation
        assert x + width <= image["width"] + 0.002 and y + height <= image["height"] + 0.002, annotation
        assert abs(annotation["area"] - width * height) <= 0.002 * (width + height + 1), annotation
        found[image["file_name"]].append([annotation["category_id"], x, y, x + width, y + height, annotation["score"]])
    print(json.dumps(found))


main()
