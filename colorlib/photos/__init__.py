"""Collections of photographs: manifests, verified downloads, the split by photo, a cache.

Photos are ``float32`` arrays of shape (N, H, W, 3), sRGB in [0, 1].
"""

from ..images import PhotoError
from .downloads import PhotosUnavailable
from .files import fetch_photos, missing_photos, usable_collection
from .load import first_colored, load_photos, small_copies
from .manifests import COLLECTIONS, Photo, list_photos
from .shrink import shrink_photo, shrink_to_train

__all__ = [
    "COLLECTIONS",
    "Photo",
    "PhotoError",
    "PhotosUnavailable",
    "fetch_photos",
    "first_colored",
    "list_photos",
    "load_photos",
    "missing_photos",
    "shrink_photo",
    "shrink_to_train",
    "small_copies",
    "usable_collection",
]
