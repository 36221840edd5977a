"""Color as a choice: the probability of each of a few hundred colors, instead of the color on average.

References
----------
Zhang, Isola & Efros, "Colorful image colorization", ECCV 2016.
"""

from typing import Any

import numpy as np

from ._heads import BinsHead, Head, gamut_bins, rebalancing_weights
from .unet import UNet

__all__ = ["UNetClasses", "gamut_bins", "rebalancing_weights"]


class UNetClasses(UNet):
    """A U-Net that predicts the probability of each bin of the a,b plane at every pixel.

    Parameters
    ----------
    temperature : float
        Temperature of the annealed mean that turns probabilities into one color: 1 takes the mean, near 0 the likeliest
        bin.
    rebalance : bool
        Give rare colors more weight in training, so that they are not outvoted by grays and browns.
    **settings
        Settings of `UNet`; ``loss`` is not used.
    """

    name = "unet_classes"

    def __init__(self, temperature: float = 0.38, rebalance: bool = True, **settings: Any):
        super().__init__(**settings)
        self.temperature, self.rebalance = temperature, rebalance

    @property
    def head(self) -> Head:
        """Output head: what the last layer stands for, and the loss that it learns by."""
        return BinsHead(self.temperature, self.rebalance)

    def calibrate(self, photos: np.ndarray) -> None:
        """Do nothing: the temperature is what scales chroma."""
