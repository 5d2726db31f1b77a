"""Reads detections in COCO's format with pycocotools, and evaluates them against themselves: python3 read_pycocotools.py FILE

Prints the same as read_coco.py. Ends with 77 where pycocotools is not installed.
"""
import contextlib
import json
import sys

try:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
except ImportError:
    sys.exit(77)


def main():
    # pycocotools prints as it goes.
    with contextlib.redirect_stdout(sys.stderr):
        coco = COCO(sys.argv[1])
        results = coco.loadRes(coco.dataset["annotations"])
        evaluation = COCOeval(coco, results, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] > 0.999, evaluation.stats
    found = {image["file_name"]: [] for image in coco.loadImgs(coco.getImgIds())}
    for annotation in coco.loadAnns(coco.getAnnIds()):
        x, y, width, height = annotation["bbox"]
        name = coco.loadImgs(annotation["image_id"])[0]["file_name"]
        found[name].append([annotation["category_id"], x, y, x + width, y + height, annotation["score"]])
    print(json.dumps(found))


main()
