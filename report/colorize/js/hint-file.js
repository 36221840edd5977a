"use strict";

/** Hints as JSON, which the command's `--hints` reads, too: see colorlib/commands/_hints.py. */
const HintFile = (() => {
  /** The text of a file with the hints of a photo. */
  function write({ name, width, height, hints }) {
    const rounded = hints.map(({ x, y, a, b }) => ({ x, y, a: Number(a.toFixed(2)), b: Number(b.toFixed(2)) }));
    return `${JSON.stringify({ photo: name, width, height, hints: rounded }, null, 1)}\n`;
  }

  /**
   * Read hints for a photo; those of a photo of another size come to the same places.
   * @returns {{x: number, y: number, a: number, b: number}[]}
   * @throws {Error} that says what is wrong, of a file that holds something else
   */
  function read(text, name, photo) {
    let content;
    try {
      content = JSON.parse(text);
    } catch {
      throw new Error(`${name} is not JSON: give a file of hints, as this page saves it.`);
    }
    if (!Array.isArray(content?.hints)) throw new Error(`${name} holds no hints: give a file that this page has saved.`);
    const width = content.width ?? photo.width, height = content.height ?? photo.height;
    if (!(width >= 1 && height >= 1)) throw new Error(`${name} has a wrong size of the photo.`);
    return content.hints.map((hint, i) => {
      const [a, b] = colorOf(hint, `Hint ${i + 1} in ${name}`);
      const x = Math.floor((hint.x + 0.5) / width * photo.width), y = Math.floor((hint.y + 0.5) / height * photo.height);
      if (!(x >= 0 && x < photo.width && y >= 0 && y < photo.height)) {
        throw new Error(`Hint ${i + 1} in ${name} lies outside the photo.`);
      }
      return { x, y, a, b };
    });
  }

  function colorOf(hint, what) {
    if (![hint?.x, hint?.y].every(Number.isFinite)) throw new Error(`${what} has no place: it needs x and y, in pixels.`);
    if (String(hint.color).toLowerCase() === "none") return [0, 0];
    const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(hint.color);
    if (hex) return Color.fromRgb(...hex.slice(1).map((digits) => parseInt(digits, 16)));
    if ("color" in hint || ![hint.a, hint.b].every(Number.isFinite)) {
      throw new Error(`${what} has no color: it needs a and b, or a color as #rrggbb or none.`);
    }
    return [hint.a, hint.b];
  }

  return { write, read };
})();
