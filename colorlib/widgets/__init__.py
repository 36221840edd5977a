"""Something to touch in JupyterLab, made of ipywidgets: mix a color, color a photo, take the real-or-fake test."""

from .color_your_photo import ColorYourPhoto
from .lab_sliders import LabSliders
from .real_or_fake import RealFakeTest

__all__ = ["ColorYourPhoto", "LabSliders", "RealFakeTest"]
