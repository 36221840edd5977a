"use strict";

/**
 * What goes into the network and what is made of its output, as colorlib/models has it: L* at the working size and its
 * mirror image go in; the mean of both predictions comes out.
 */
const Network = (() => {
  const STRIDE = 32; // both sides of the input are multiples of this
  const AB_STRIDE = 4; // a,b are predicted at a quarter of the input's side, …
  const AB_SCALE = 128; // … and ±1 stands for a,b of ±128
  const TINT_SHARE = 0.5, WEAK_SHARE = 0.25, USUAL_CHROMA = 15; // of the contrast: see colorlib/models/unet.py

  /** Round to the nearest whole number, halves to the even one, as Python does. */
  function round(x) {
    const floor = Math.floor(x), rest = x - floor;
    return rest === 0.5 ? floor + floor % 2 : floor + (rest > 0.5);
  }

  /** Width and height at which a photo goes into the network: at most `size` squared pixels. */
  function workingSize(width, height, size) {
    const scale = Math.min(1, size / Math.sqrt(width * height));
    return [width, height].map((side) => Math.max(1, round(side * scale)));
  }

  /**
   * Scale L* of a gray image to ±1, repeat its edges until the sides are multiples of 32, and add its mirror image.
   * @param {Float32Array} gray sRGB-encoded
   * @returns {{data: Float32Array, shape: number[]}} a batch of two images of one channel
   */
  function input(gray, width, height) {
    const [W, H] = [width, height].map((side) => STRIDE * Math.ceil(side / STRIDE)), data = new Float32Array(2 * H * W);
    for (let row = 0; row < H; row++) {
      const start = Math.min(row, height - 1) * width;
      for (let column = 0; column < W; column++) {
        const value = gray[start + Math.min(column, width - 1)];
        const scaled = Color.grayToLightness(Math.min(1, Math.max(0, value))) / 50 - 1;
        data[row * W + column] = scaled;
        data[(H + row) * W + W - 1 - column] = scaled;
      }
    }
    return { data, shape: [2, 1, H, W] };
  }

  /** L* of the first image of a batch, where its colors are predicted. */
  function smallLightness({ data, shape: [, , H, W] }) {
    const [height, width] = [H / AB_STRIDE, W / AB_STRIDE], lightness = new Float32Array(height * width);
    for (let i = 0; i < H * W; i++) {
      const row = Math.floor(i / W / AB_STRIDE), column = Math.floor(i % W / AB_STRIDE);
      lightness[row * width + column] += 50 * (data[i] + 1) / AB_STRIDE ** 2;
    }
    return lightness;
  }

  /**
   * Make small a,b planes of the network's outputs for an image and for its mirror image.
   * @param {{data: Float32Array, shape: number[]}} output of each decoder a and b, one after the other
   * @param {{gain: number, settings: {contrast: number}}} about what the network's file says of it
   * @param {number} contrast that of the look
   * @returns {{ab: Float32Array, width: number, height: number}} a* and b* in turn
   */
  function smallColors({ data, shape: [, planes, height, width] }, about, contrast = about.settings.contrast) {
    const size = height * width, ab = new Float32Array(2 * size), scale = about.gain * AB_SCALE / planes;
    for (let i = 0; i < size; i++) {
      const mirrored = i - i % width + width - 1 - i % width;
      for (let plane = 0; plane < planes; plane++) {
        ab[2 * i + plane % 2] += scale * (data[plane * size + i] + data[(planes + plane) * size + mirrored]);
      }
    }
    if (contrast !== 1) raiseContrast(ab, contrast);
    return { ab, width, height };
  }

  /** Let colors differ more from their mean, and lift weak ones; the mean itself grows by half as much. */
  function raiseContrast(ab, contrast) {
    const more = contrast - 1, mean = [0, 0];
    for (let i = 0; i < ab.length; i += 2) {
      const factor = ((Math.hypot(ab[i], ab[i + 1]) + 1) / USUAL_CHROMA) ** (-WEAK_SHARE * more);
      for (let channel = 0; channel < 2; channel++) {
        ab[i + channel] *= factor;
        mean[channel] += 2 * ab[i + channel] / ab.length;
      }
    }
    for (let i = 0; i < ab.length; i++) {
      ab[i] = (1 + TINT_SHARE * more) * mean[i % 2] + contrast * (ab[i] - mean[i % 2]);
    }
  }

  return { AB_STRIDE, workingSize, input, smallLightness, smallColors };
})();
