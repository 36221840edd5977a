"""The site's pages as a reader's browser lays them out: what is cut, what has to be scrolled, what can't be read."""

import base64
from pathlib import Path
from typing import Any

from chromium import start_chromium

SIZES = {"desk": (1400, 900), "telephone": (400, 800)}
SCHEMES = ("light", "dark")
#: Everything that a page shows wrongly, one line each.
FAULTS = """
const faults = [];
const shown = (element) => element.getClientRects().length > 0;
const root = document.documentElement;
const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);
if (root.scrollWidth > root.clientWidth + 1) faults.push(`the page is ${root.scrollWidth} wide of ${root.clientWidth}`);
for (const math of all('div.math math')) {
  const box = math.getBoundingClientRect();
  if (box.height >= box.width) faults.push(`a formula is ${box.width}×${box.height}: ${math.textContent.slice(0, 40)}`);
}
for (const image of all('article img')) {
  const box = image.getBoundingClientRect();
  const shape = box.width / box.height, true_shape = image.naturalWidth / image.naturalHeight;
  if (!(image.alt || '').trim()) faults.push(`no alternative text: ${image.src}`);
  if (!image.naturalWidth) faults.push(`not loaded: ${image.src}`);
  else if (Math.abs(shape / true_shape - 1) > 0.03) faults.push(`out of shape: ${image.src}`);
}
for (const element of all('article :is(table, figure, pre, img, math)')) {
  const box = element.getBoundingClientRect();
  if (box.right <= root.clientWidth + 1 && box.left >= -1) continue;
  let scroller = element;
  while (scroller && !['auto', 'scroll'].includes(getComputedStyle(scroller).overflowX))
    scroller = scroller.parentElement;
  if (!scroller) faults.push(`cut: ${element.tagName} ${element.className || element.src || ''}`);
}
return faults;
"""
#: Relative luminance of what lies behind the text, and of the text.
CONTRAST = """
const luminance = (color) => {
  const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const style = getComputedStyle(document.body);
return [luminance(style.backgroundColor), luminance(style.color)];
"""


class Reader:
    """A browser that opens pages of the site at one size and in one scheme."""

    def __init__(self, folder: Path):
        self.driver: Any = start_chromium(folder)

    def close(self) -> None:
        self.driver.quit()

    def open(self, page: Path, size: str, scheme: str) -> None:
        width, height = SIZES[size]
        for command, options in (
            (
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
            ),
            ("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        ):
            self.driver.execute_cdp_cmd(command, options)
        self.driver.get(page.as_uri())

    def faults(self, page: Path, size: str, scheme: str) -> list[str]:
        self.open(page, size, scheme)
        self.driver.execute_async_script(
            "const done = arguments[0]; const lazy = [...document.images]; lazy.forEach((i) => i.loading = 'eager');"
            "Promise.all(lazy.map((i) => i.decode().catch(() => 0))).then(() => done());"
        )
        return self.driver.execute_script(FAULTS)

    def contrast(self) -> tuple[float, float]:
        behind, text = self.driver.execute_script(CONTRAST)
        return behind, (max(behind, text) + 0.05) / (min(behind, text) + 0.05)

    def picture(self, file: Path) -> None:
        """Save the whole page as a PNG."""
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        file.write_bytes(base64.b64decode(shot["data"]))
