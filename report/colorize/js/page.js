"use strict";

/** What the page does: opens photos, shows them gray and colored, saves them. */
(() => {
  const PREVIEW_SIDE = 1200; // longer side in pixels of what is shown; the download has the photo's own
  const LARGE = 2e6; // pixels of a photo that takes long enough for a progress bar
  const JPEG_QUALITY = 0.95;
  const ENDED = new Error("another photo was opened");
  const $ = (id) => document.getElementById(id);

  let shown = null; // the photo on the page
  let openings = 0;

  function say(text, isError = false) {
    $("status").textContent = text;
    $("status").classList.toggle("error", isError);
  }

  /** Show how much is done, from 0 to 1, or nothing. */
  function showProgress(share = null) {
    $("progress").hidden = share === null;
    $("bar").value = share ?? 0;
    $("percent").textContent = `${Math.round(100 * share)} %`;
  }

  /** Open a photo that was dropped or chosen. One that can't be read leaves the page as it is. */
  async function open(file) {
    const opening = ++openings;
    performance.mark("opened");
    say(`Reading ${file.name} …`);
    try {
      const bitmap = await createImageBitmap(file).catch(() => {
        throw new Error(`${file.name} is not an image that this browser can read: give a JPEG, PNG or WebP.`);
      });
      if (opening !== openings) return bitmap.close();
      await color({ name: file.name, type: file.type, bitmap, hints: [], past: [], ...Bands.fromBitmap(bitmap) });
    } catch (error) {
      if (error !== ENDED && opening === openings) fail(error);
    }
  }

  function fail(error) {
    showProgress();
    say(error.message, true);
  }

  /** Give a photo its place on the page, first in gray, and then its colors. */
  async function color(photo) {
    shown?.bitmap.close();
    shown = photo;
    showProgress();
    Markers.show(null);
    for (const id of ["chroma", "vivid", "save"]) $(id).disabled = true;
    photo.preview = shrink(photo);
    showGray(photo);
    say(`Coloring ${photo.name} …`);
    photo.small = await predict(photo);
    for (const id of ["chroma", "vivid", "save"]) $(id).disabled = false;
    Markers.show(photo);
    await recolor();
    performance.measure("shown", "opened");
    say(`${photo.name} is colored: move the handle to compare.`);
  }

  /** Make the pixels that are shown of a photo. */
  function shrink({ bitmap, width, height }) {
    const scale = Math.min(1, PREVIEW_SIDE / Math.max(width, height));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
    const context = canvas.getContext("2d", { colorSpace: "srgb", willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }

  function showGray({ preview, width, height }) {
    const pixels = new ImageData(preview.data.slice(), preview.width), gray = Color.toGray(pixels.data);
    for (let i = 0; i < gray.length; i++) {
      for (let channel = 0; channel < 3; channel++) pixels.data[4 * i + channel] = 255 * gray[i];
    }
    for (const id of ["gray", "colored"]) {
      [$(id).width, $(id).height] = [preview.width, preview.height];
      $(id).getContext("2d").putImageData(pixels, 0, 0);
    }
    $("stage").style.setProperty("--aspect", preview.width / preview.height);
    $("stage").style.setProperty("--width", `${Math.max(320, 2 * preview.width)}px`);
    $("size").textContent = `, ${width} × ${height} pixels,`;
    $("result").hidden = false;
  }

  /** Predict the colors of a photo as small a,b planes. */
  async function predict(photo) {
    const about = await startNetwork();
    const [width, height] = Network.workingSize(photo.width, photo.height, about.size);
    const gray = await Bands.shrinkGray(photo, width, height, progressOf(photo));
    showProgress();
    const input = Network.input(gray, width, height), lightness = Network.smallLightness(input);
    const output = await Runtime.run(input).catch(refuse);
    stopUnlessShown(photo);
    const covered = [width / Network.AB_STRIDE, height / Network.AB_STRIDE];
    const make = (look) => Network.smallColors(output, about, look === "vivid" ? about.vivid_contrast : undefined);
    return { looks: { natural: make("natural"), vivid: make("vivid") }, lightness, covered };
  }

  function startNetwork() {
    return Runtime.start().catch(refuse);
  }

  function refuse(error) {
    const remedy = "current versions of Chrome, Edge, Firefox and Safari can, with the page's whole folder beside it";
    throw new Error(`The network can't be run here (${error.message}): ${remedy}.`);
  }

  function stopUnlessShown(photo) {
    if (photo !== shown) throw ENDED;
  }

  function progressOf(photo) {
    const large = photo.width * photo.height > LARGE;
    return (share) => {
      stopUnlessShown(photo);
      if (large) showProgress(share);
    };
  }

  const chosenChroma = () => Number($("chroma").value);

  /** The small a,b planes of a photo in the look that is chosen. */
  function predicted({ small: { looks, ...rest } }) {
    return { ...looks[$("vivid").checked ? "vivid" : "natural"], ...rest };
  }

  /** The small a,b planes to paint a photo with, and their chroma: hints have the one that was asked for. */
  function colors(photo) {
    if (!photo.hints.length) return [predicted(photo), chosenChroma()];
    const grid = Bands.cut(predicted(photo));
    for (let i = 0; i < grid.ab.length; i++) grid.ab[i] *= chosenChroma();
    Hints.follow(grid, photo, photo.hints);
    return [grid, 1];
  }

  /** The a* and b* of a pixel, with the photo's hints or as they are without. */
  function colorAt(photo, place, withoutHints = false) {
    const [grid, chroma] = withoutHints ? [predicted(photo), chosenChroma()] : colors(photo);
    return Hints.colorAt(place, photo, Bands.cut(grid)).map((value) => chroma * value);
  }

  let recoloring = null, again = false;

  /** Color what is shown with the chroma that is set. Settings that change meanwhile wait, and the last one counts. */
  async function recolor() {
    $("chroma-value").textContent = Number($("chroma").value).toFixed(2);
    if (!shown?.small) return;
    again = true;
    recoloring ??= repaint();
    await recoloring;
  }

  async function repaint() {
    try {
      while (again && shown.small) {
        again = false;
        const started = performance.now();
        const photo = shown, pixels = new ImageData(photo.preview.width, photo.preview.height);
        const write = (band, top) => pixels.data.set(band.data, 4 * top * pixels.width);
        await Bands.paint(Bands.fromPixels(photo.preview), ...colors(photo), write);
        if (photo === shown) $("colored").getContext("2d").putImageData(pixels, 0, 0);
        if (photo.hints.length) performance.measure("followed", { start: started });
      }
    } finally {
      recoloring = null;
    }
  }

  /** Color the photo at its own size, and hand it over as a file. */
  async function save() {
    const photo = shown, started = performance.now();
    $("save").disabled = true;
    say(`Coloring ${photo.name} at its full size …`);
    try {
      const canvas = Object.assign(document.createElement("canvas"), { width: photo.width, height: photo.height });
      const context = canvas.getContext("2d", { colorSpace: "srgb", willReadFrequently: true });
      const write = (band, top) => context.putImageData(band, 0, top);
      await Bands.paint(photo, ...colors(photo), write, progressOf(photo));
      showProgress();
      const type = photo.type === "image/jpeg" ? photo.type : "image/png";
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, type, JPEG_QUALITY));
      canvas.width = 0; // gives its memory back at once
      if (!blob) {
        const size = `${photo.width} × ${photo.height}`;
        throw new Error(`This browser can't save a photo of ${size} pixels: make it smaller first.`);
      }
      const name = `${photo.name.replace(/\.[^.]*$/, "")}-colored.${type === "image/png" ? "png" : "jpg"}`;
      handOver(blob, name);
      performance.measure("saved", { start: started });
      if (photo === shown) say(`${name} is in your downloads.`);
    } catch (error) {
      if (error !== ENDED) fail(error);
    } finally {
      if (photo === shown) $("save").disabled = false;
    }
  }

  function handOver(blob, name) {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  async function openExample() {
    try {
      if (typeof EXAMPLE === "undefined") await Runtime.load("example.js");
      const bytes = Uint8Array.from(atob(EXAMPLE.data), (character) => character.charCodeAt(0));
      await open(new File([bytes], EXAMPLE.name, { type: EXAMPLE.type }));
    } catch (error) {
      fail(error);
    }
  }

  function setSplit(percent) {
    $("split").value = percent;
    $("split").setAttribute("aria-valuetext", `${$("split").value} % gray`);
    $("stage").style.setProperty("--split", `${$("split").value}%`);
  }

  /** Let what is at a place, a share of the width, be seen in color. */
  function reveal(share) {
    if (100 * share < $("split").value) setSplit(Math.max(0, 100 * share - 5));
  }

  let pressed = null; // the event with which a finger or a button of the mouse came down on the photo

  /**
   * Let the slider between gray and color follow the mouse or a finger: on phones, a range's own thumb hardly can. A
   * click where the pointer came down says what color is there.
   */
  function followPointer(event) {
    if (event.type === "pointerdown") {
      if (event.button !== 0) return;
      event.preventDefault();
      $("stage").setPointerCapture(event.pointerId);
      $("split").focus({ preventScroll: true, focusVisible: false });
      pressed = event;
    } else if (event.type === "pointermove") {
      if (!event.buttons) return;
      const { left, width } = $("stage").getBoundingClientRect();
      if (pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) < Markers.MOVED) return;
      pressed = null;
      setSplit(100 * (event.clientX - left) / width);
    } else {
      if (pressed && event.type === "pointerup") Markers.clicked(pressed);
      pressed = null;
    }
  }

  function dropped(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // otherwise the browser would leave the page and show the file
    $("drop").classList.toggle("over", event.type === "dragover");
    if (event.type !== "drop" || !event.dataTransfer.files.length) return;
    const file = event.dataTransfer.files[0];
    if (file.name.toLowerCase().endsWith(".json")) Markers.load(file);
    else open(file);
  }

  function followTheme() {
    try {
      document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "auto"; // chosen on another page
    } catch { /* where storage is switched off, the system's choice holds */ }
  }

  followTheme();
  setSplit(50);
  for (const type of ["dragover", "dragleave", "drop"]) document.addEventListener(type, dropped);
  for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) $("stage").addEventListener(type, followPointer);
  Markers.start({ changed: recolor, colorAt, say, handOver, reveal });
  $("split").addEventListener("input", () => setSplit($("split").value));
  $("chroma").addEventListener("input", recolor);
  $("vivid").addEventListener("change", recolor);
  $("save").addEventListener("click", save);
  $("example")?.addEventListener("click", openExample);
  $("file").addEventListener("change", () => {
    if ($("file").files.length) open($("file").files[0]);
    $("file").value = ""; // so that the same photo can be chosen again
  });
  startNetwork().catch(fail);
})();
