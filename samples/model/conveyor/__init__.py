"""Synthetic conveyor scenes and the small detector that is trained on them."""
