"use strict";

/** Lets a person choose a color at one L*: likely ones, or any of the Lab plane that sRGB has there. */
const Picker = (() => {
  const REACH = 110; // of the plane in a* and b*
  const $ = (id) => document.getElementById(id);
  let shown = null; // {lightness, color, choose}

  /**
   * Offer colors.
   * @param {number} lightness L* of the place
   * @param {number[]} color a* and b* that it has
   * @param {number[][]} likely colors to offer first
   * @param {function(number[], boolean): void} choose called with each color that is tried, and whether it follows on
   *   another one in the same stroke
   */
  function open(lightness, color, likely, choose) {
    shown = { lightness, color, choose };
    $("likely").replaceChildren(...likely.map(([a, b]) => {
      const name = `${describe(a, b)}`, button = Object.assign(document.createElement("button"), { type: "button", title: name });
      button.setAttribute("aria-label", name);
      button.style.backgroundColor = css(lightness, a, b);
      button.addEventListener("click", () => pick([a, b]));
      return button;
    }));
    draw();
    $("picker").hidden = false;
    $("likely").scrollIntoView({ block: "nearest" });
  }

  function close() {
    shown = null;
    $("picker").hidden = true;
  }

  function css(lightness, a, b) {
    return `rgb(${Color.toRgb(lightness, ...Color.fit(lightness, a, b)).join(" ")})`;
  }

  /** A color in words, for those who don't see it. */
  function describe(a, b) {
    const chroma = Math.hypot(a, b);
    if (chroma < 4) return "gray";
    const hues = ["pink", "red", "orange", "yellow", "green", "green", "turquoise", "turquoise", "blue", "blue", "purple", "purple"];
    const hue = hues[Math.floor(((Math.atan2(b, a) * 180 / Math.PI + 375) % 360) / 30)];
    return `${chroma < 20 ? "pale " : chroma > 50 ? "strong " : ""}${hue}`;
  }

  function pick(color, goesOn = false) {
    shown.color = Color.fit(shown.lightness, ...color);
    mark();
    shown.choose(shown.color, goesOn);
  }

  /** Draw the plane: a* to the right, b* upwards; what sRGB does not have at this L* stays empty. */
  function draw() {
    const canvas = $("plane"), { width, height } = canvas, pixels = new ImageData(width, height);
    for (let row = 0, k = 0; row < height; row++) {
      for (let column = 0; column < width; column++, k += 4) {
        const [a, b] = colorOf((column + 0.5) / width, (row + 0.5) / height);
        if (!Color.isInside(shown.lightness, a, b)) continue;
        pixels.data.set(Color.toRgb(shown.lightness, a, b), k);
        pixels.data[k + 3] = 255;
      }
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    mark();
  }

  function mark() {
    const [a, b] = shown.color;
    $("chosen").style.left = `${50 + 50 * a / REACH}%`;
    $("chosen").style.top = `${50 - 50 * b / REACH}%`;
    $("chosen").style.backgroundColor = css(shown.lightness, a, b);
    $("plane").setAttribute("aria-valuetext", `${describe(a, b)}, a ${Math.round(a)}, b ${Math.round(b)}`);
    $("plane").setAttribute("aria-valuenow", Math.round(a));
  }

  /** The a* and b* of a place on the plane, whose sides are 1 long. */
  function colorOf(x, y) {
    return [REACH * (2 * x - 1), REACH * (1 - 2 * y)];
  }

  function followPointer(event) {
    if (event.type === "pointerdown") $("plane").setPointerCapture(event.pointerId);
    else if (!event.buttons) return;
    const { left, top, width, height } = $("plane").getBoundingClientRect();
    pick(colorOf((event.clientX - left) / width, (event.clientY - top) / height), event.type === "pointermove");
  }

  function followKey(event) {
    const step = event.shiftKey ? 1 : 5, moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const [a, b] = moves[event.key];
    pick([shown.color[0] + step * a, shown.color[1] + step * b], event.repeat);
  }

  for (const type of ["pointerdown", "pointermove"]) $("plane").addEventListener(type, followPointer);
  $("plane").addEventListener("keydown", followKey);
  $("no-color").addEventListener("click", () => pick([0, 0]));

  return { open, close, css, describe };
})();
