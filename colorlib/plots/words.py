"""Words for the code names of models and scores, for figures and for the site, which finds them in recorded tables."""

__all__ = ["in_words"]

WORDS = {
    "auc": "AuC",
    "auc_rebalanced": "AuC, rebalanced",
    "better_than_gray_pct": "better than gray, %",
    "colorfulness_gap": "colorfulness gap",
    "delta_e": "ΔE2000",
    "delta_e_mean": "ΔE2000, mean",
    "delta_e_median": "ΔE2000, median",
    "delta_e_p95": "ΔE2000, 95th percentile",
    "hue_error": "hue error, °",
    "out_of_gamut_pct": "out of gamut, %",
    "psnr_ab": "PSNR of a,b, dB",
    "psnr_rgb": "PSNR, dB",
    "r2_ab": "R² of a,b",
    "r2_rgb": "R² of RGB",
    "skill_db": "skill, dB",
    "ssim": "SSIM",
    "wrong_pct": "wrong, %",
    "cnn": "CNN",
    "cnn_course": "CNN of two layers",
    "cnn_early": "CNN, stopped early",
    "cnn_short": "CNN, trained briefly",
    "linear": "linear",
    "mean_by_lightness": "mean color of the lightness",
    "mean_color": "one mean color",
    "mlp": "perceptron",
    "random_photo": "colors of another photo",
    "unet": "U-Net",
    "unet_absolute": "U-Net, absolute error",
    "unet_classes": "U-Net, color classes",
    "unet_contrast": "U-Net, more contrast of color",
    "unet_gain": "U-Net, colors turned up",
    "unet_gan": "U-Net, adversarial",
    "unet_huber": "U-Net, Huber's error",
    "unet_squared": "U-Net, squared error",
    "unet_vivid": "U-Net, vivid look",
    "welsh": "borrowed colors (Welsh et al.)",
}


def in_words(text: str) -> str:
    """Return a code name, or a list of them with commas, in words; any other text as it is.

    Parameters
    ----------
    text : str
        Such as ``"unet_vivid"``, ``"skill_db"`` or ``"mlp, cnn"``.

    Returns
    -------
    str
        Such as ``"U-Net, vivid look"``. Where the words themselves have a comma, semicolons part those of a list.
    """
    parts = text.split(", ")
    if not all(part in WORDS for part in parts):
        return text
    return ("; " if any("," in WORDS[part] for part in parts) else ", ").join(WORDS[part] for part in parts)
