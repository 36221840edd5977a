"""Something to touch in JupyterLab, made of ipywidgets: color a photo of your own, take the real-or-fake test."""

from .color_your_photo import ColorYourPhoto
from .real_or_fake import RealFakeTest

__all__ = ["ColorYourPhoto", "RealFakeTest"]
