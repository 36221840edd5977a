"""One image file in and out, with all that it holds, and images resized."""

from .formats import SUFFIXES, WRITTEN, PhotoError, image_format, output_name
from .metadata import Metadata
from .read import MAX_PIXELS, ImageFile, image_size, read_image, read_square
from .resize import enlarge, enlarge_guided, resize_image
from .write import write_image

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "WRITTEN",
    "ImageFile",
    "Metadata",
    "PhotoError",
    "enlarge",
    "enlarge_guided",
    "image_format",
    "image_size",
    "output_name",
    "read_image",
    "read_square",
    "resize_image",
    "write_image",
]
