"""Networks of the YOLO family with weights that nobody trained, written from their published descriptions."""
