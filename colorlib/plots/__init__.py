"""Drawing on given Axes: every function returns what it drew, and neither shows nor saves."""

from .curves import learning_curves
from .images import WIDTH, image_axes, photo_grid, show_image, snapshot_strip, triptych, use_style, value_grid
from .lab import ab_colormap, channel_images, gamut_slice
from .scores import confusion_matrix, error_map, intervals, skill_against_colorfulness
from .words import in_words

__all__ = [
    "WIDTH",
    "ab_colormap",
    "channel_images",
    "confusion_matrix",
    "error_map",
    "gamut_slice",
    "image_axes",
    "in_words",
    "intervals",
    "learning_curves",
    "photo_grid",
    "show_image",
    "skill_against_colorfulness",
    "snapshot_strip",
    "triptych",
    "use_style",
    "value_grid",
]
