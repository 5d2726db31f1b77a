"""The kinds of part on the belt, in the order of the model's class indices."""

NAMES: tuple[str, ...] = (
    "washer",
    "washer_cracked",
    "gear",
    "gear_missing_tooth",
    "hex_nut",
    "bolt",
    "bearing",
    "bracket",
)

DEFECTS: frozenset[int] = frozenset({1, 3})

# What a defective part is called where its defect cannot be seen (hidden, or outside the picture).
SOUND: dict[int, int] = {1: 0, 3: 2}
