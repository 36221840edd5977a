"use strict";

/**
 * A photo read and colored in bands of a few rows: between them the page can react, and beside the decoded photo itself
 * nothing of its full size is kept in memory.
 *
 * A photo is `{width, height, read}`, where `read(top, rows)` gives the pixels of a band as ImageData.
 */
const Bands = (() => {
  const PIXELS = 1 << 16; // of a band: some 10 ms of work

  /** Let the browser do what it has to do. Unlike a timer's, this is not delayed while the page is out of sight. */
  function pause() {
    return new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => { port1.close(); resolve(); };
      port2.postMessage(null);
    });
  }

  /**
   * Do something with each band of a photo.
   * @param {{width: number, height: number}} photo
   * @param {function(number, number): void} work called with a band's first row and its number of rows
   * @param {function(number): void} progress called with the share that is done; what it throws ends the work
   */
  async function forEach({ width, height }, work, progress) {
    const rows = Math.max(1, Math.floor(PIXELS / width));
    for (let top = 0; top < height; top += rows) {
      work(top, Math.min(rows, height - top));
      progress(Math.min(1, (top + rows) / height));
      await pause();
    }
  }

  /** Make a photo of a decoded image. */
  function fromBitmap(bitmap) {
    const { width, height } = bitmap, rows = Math.min(height, Math.max(1, Math.floor(PIXELS / width)));
    const canvas = Object.assign(document.createElement("canvas"), { width, height: rows });
    const context = canvas.getContext("2d", { colorSpace: "srgb", willReadFrequently: true });
    context.imageSmoothingEnabled = false;
    context.globalCompositeOperation = "copy"; // of a photo with transparency, nothing of the band before is to stay
    const read = (top, count) => {
      context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
      return context.getImageData(0, 0, width, count);
    };
    return { width, height, read };
  }

  /** Make a photo of pixels in memory. */
  function fromPixels({ data, width, height }) {
    const read = (top, rows) => new ImageData(data.slice(4 * top * width, 4 * (top + rows) * width), width, rows);
    return { width, height, read };
  }

  /**
   * Shrink a photo's gray with a Lanczos filter.
   * @returns {Promise<Float32Array>} sRGB-encoded, in [0, 1] but for what the filter adds
   */
  async function shrinkGray(photo, width, height, progress = () => {}) {
    const across = Resample.plan(photo.width, photo.width, width, "lanczos");
    const down = Resample.plan(photo.height, photo.height, height, "lanczos");
    const narrow = new Float32Array(photo.height * width);
    await forEach(photo, (top, rows) => {
      const gray = Color.toGray(photo.read(top, rows).data);
      Resample.alongRows(gray, photo.width, 1, across, narrow, top * width);
    }, progress);
    return Resample.alongColumns(narrow, width, down, 0, height);
  }

  /** Copy the part of small planes, a,b and L* if they have it, that a photo covers: the rest is padding. */
  function cut({ ab, lightness, width, covered }) {
    const [columns, rows] = covered.map(Math.ceil);
    const part = (values, channels) => {
      const kept = new Float32Array(channels * columns * rows);
      for (let row = 0; row < rows; row++) {
        const start = channels * row * width;
        kept.set(values.subarray(start, start + channels * columns), channels * row * columns);
      }
      return kept;
    };
    return { ab: part(ab, 2), lightness: lightness && part(lightness, 1), width: columns, height: rows, covered };
  }

  /**
   * Lay small a,b planes onto a photo's own lightness.
   * @param {{width: number, height: number, read: function}} photo
   * @param {{ab: Float32Array, width: number, height: number, covered: number[]}} small `covered` says how many columns
   *   and rows of the planes the photo covers: the rest is padding, which nothing is taken from
   * @param {number} chroma factor of a* and b*
   * @param {function(ImageData, number): void} write called with each band's pixels and its first row
   */
  async function paint(photo, small, chroma, write, progress = () => {}) {
    const [columns, rows] = small.covered, { ab, width, height } = cut(small);
    const across = Resample.plan(width, columns, photo.width, "bicubic");
    const down = Resample.plan(height, rows, photo.height, "bicubic");
    const wide = new Float32Array(2 * photo.width * height);
    Resample.alongRows(ab, width, 2, across, wide);
    await forEach(photo, (top, count) => {
      const band = photo.read(top, count);
      Color.paint(band.data, Resample.alongColumns(wide, 2 * photo.width, down, top, top + count), chroma);
      write(band, top);
    }, progress);
  }

  return { forEach, fromBitmap, fromPixels, shrinkGray, cut, paint };
})();
