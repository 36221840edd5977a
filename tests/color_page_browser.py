"""What the tests of the page "Color your photo" share: a browser that shows it from a file, and photos."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from chromium import start_chromium, wait_for
from PIL import Image

from colorlib.photos import fetch_photos

#: Runs statements with the arrays that Python sends as `values`, and sends back the array that they return.
CALL = """
const [sent, done] = arguments;
const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const kinds = { float32: Float32Array, uint8: Uint8ClampedArray };
const values = sent.map((value) => value?.kind ? new kinds[value.kind](bytes(value.data).buffer) : value);
(async () => { STATEMENTS })().then((result) => {
  const view = new Uint8Array(result.buffer);
  let text = "";
  for (let i = 0; i < view.length; i += 32768) text += String.fromCharCode(...view.subarray(i, i + 32768));
  done({ data: btoa(text), kind: result.constructor.name });
}, (error) => done({ error: String(error) }));
"""
DROP = """
const [name, type, data] = arguments, files = new DataTransfer();
files.items.add(new File([Uint8Array.from(atob(data), (character) => character.charCodeAt(0))], name, { type }));
const event = (kind) => new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true });
const zone = document.getElementById("drop");
zone.dispatchEvent(event("dragover"));
if (!zone.dispatchEvent(event("drop"))) return true; // the page keeps the browser from leaving it
"""


def photo(name: str) -> Image.Image:
    return Image.open(next(file for row, file in fetch_photos("bundled").items() if row.name == name)).convert("RGB")


def unit(image: Image.Image) -> np.ndarray:
    return np.asarray(image) / np.float32(255)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def difference(a: np.ndarray, b: np.ndarray) -> int:
    """The largest difference of two images of 8 bits."""
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def rgba(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGBA"))


class Browser:
    """A browser without a network that shows the page from a file."""

    def __init__(self, driver, page, saved):
        self.driver, self.page, self.saved = driver, page, saved

    def open(self, page=None) -> None:
        self.driver.get((page or self.page).as_uri())
        for file in self.saved.glob("*"):
            file.unlink()

    def find(self, name: str):
        return self.driver.find_element("id", name)

    def call(self, statements: str, *values) -> np.ndarray:
        """Run JavaScript with arrays and numbers, its `values`; return the array that it returns."""
        sent = [
            {"kind": value.dtype.name, "data": base64.b64encode(np.ascontiguousarray(value)).decode()}
            if isinstance(value, np.ndarray)
            else value
            for value in values
        ]
        result = self.driver.execute_async_script(CALL.replace("STATEMENTS", statements), sent)
        assert "error" not in result, result["error"]
        kind = {"Float32Array": np.float32, "Uint8ClampedArray": np.uint8}[result["kind"]]
        return np.frombuffer(base64.b64decode(result["data"]), kind)

    def drop(self, name: str, content: bytes, kind: str = "image/png") -> None:
        assert self.driver.execute_script(DROP, name, kind, base64.b64encode(content).decode())

    def status(self) -> str:
        return self.find("status").text

    def wait_for_status(self, part: str, seconds: float = 60) -> None:
        wait_for(lambda: part in self.status(), seconds)

    def measured(self, name: str) -> float:
        """Seconds that the page has measured last."""
        script = "return performance.getEntriesByName(arguments[0]).at(-1).duration"
        return self.driver.execute_script(script, name) / 1000

    def pixels(self, canvas: str) -> np.ndarray:
        """What a canvas of the page shows, (H, W, 4)."""
        shown = self.find(canvas)
        shape = [int(shown.get_property(side)) for side in ("height", "width")]
        context = "document.getElementById(values[0]).getContext('2d')"
        data = self.call(f"return {context}.getImageData(0, 0, values[2], values[1]).data", canvas, *shape)
        return data.reshape(*shape, 4)

    def download(self) -> bytes:
        self.find("save").click()
        self.wait_for_status("is in your downloads")
        # Chromium takes the name with an empty file first, and the whole one replaces it.
        (file,) = wait_for(lambda: [file for file in self.saved.glob("*.[jp][pn]g") if file.stat().st_size], 30)
        return file.read_bytes()


def open_browser(page: Path, folder: Path) -> Iterator[Browser]:
    """Start a browser that keeps its files in a folder and shows the page; stop it in the end."""
    driver = start_chromium(folder)
    browser = Browser(driver, page, folder / "saved")
    browser.open()
    yield browser
    driver.quit()
