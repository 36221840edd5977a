"use strict";

/**
 * sRGB and CIELAB on 8-bit pixels (RGBA, as a canvas has them): the constants and curves of colorlib/color.
 *
 * References: IEC 61966-2-1 (sRGB); CIE 15:2018 (CIELAB).
 */
const Color = (() => {
  const XYZ_FROM_RGB = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];
  // White is taken from the matrix itself, so that a gray pixel has a = b = 0 exactly.
  const WHITE = XYZ_FROM_RGB.map((row) => row[0] + row[1] + row[2]);
  const [RX, RY, RZ, GX, GY, GZ, BX, BY, BZ] = inverse(XYZ_FROM_RGB).flatMap((row) => row.map((m, i) => m * WHITE[i]));
  const [TO_Y_R, TO_Y_G, TO_Y_B] = XYZ_FROM_RGB[1];
  const DELTA = 6 / 29;
  const BISECTIONS = 10;
  const STEPS = 1 << 15; // of a curve's table: linear interpolation is then as accurate as single precision

  const LOWEST = decode(-1e-4), HIGHEST = decode(1 + 1e-4); // what counts as inside the gamut
  const DECODED = Float64Array.from({ length: 256 }, (_, value) => decode(value / 255));
  const ENCODED = tabulate(encode), CURVED = tabulate(labCurve);

  function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
    const [A, B, C] = [e * i - f * h, f * g - d * i, d * h - e * g];
    const rows = [
      [A, c * h - b * i, b * f - c * e],
      [B, a * i - c * g, c * d - a * f],
      [C, b * g - a * h, a * e - b * d],
    ];
    const determinant = a * A + b * B + c * C;
    return rows.map((row) => row.map((m) => m / determinant));
  }

  function decode(encoded) {
    return encoded <= 0.04045 ? encoded / 12.92 : ((encoded + 0.055) / 1.055) ** 2.4;
  }

  function encode(linear) {
    return linear <= 0.0031308 ? linear * 12.92 : 1.055 * linear ** (1 / 2.4) - 0.055;
  }

  function labCurve(t) {
    return t > DELTA ** 3 ? Math.cbrt(t) : t / (3 * DELTA ** 2) + 4 / 29;
  }

  function labCurveInverse(f) {
    return f > DELTA ? f * f * f : 3 * DELTA * DELTA * (f - 4 / 29);
  }

  function tabulate(curve) {
    return Float64Array.from({ length: STEPS + 2 }, (_, i) => curve(Math.min(i, STEPS) / STEPS));
  }

  /** Evaluate a tabulated curve at a point, which is first brought into [0, 1]. */
  function lookUp(table, point) {
    const x = STEPS * (point < 0 ? 0 : point > 1 ? 1 : point), i = x | 0;
    return table[i] + (x - i) * (table[i + 1] - table[i]);
  }

  /** Relative luminance of the pixel whose red is at index k. */
  function luminance(pixels, k) {
    return TO_Y_R * DECODED[pixels[k]] + TO_Y_G * DECODED[pixels[k + 1]] + TO_Y_B * DECODED[pixels[k + 2]];
  }

  /**
   * The gray of the same luminance, and so of the same L*, of every pixel.
   * @param {Uint8ClampedArray} pixels RGBA
   * @returns {Float32Array} sRGB-encoded, in [0, 1]
   */
  function toGray(pixels) {
    const gray = new Float32Array(pixels.length / 4);
    for (let i = 0; i < gray.length; i++) gray[i] = lookUp(ENCODED, luminance(pixels, 4 * i));
    return gray;
  }

  /** L* of an sRGB-encoded gray in [0, 1]. */
  function grayToLightness(gray) {
    return 116 * labCurve(decode(gray)) - 16;
  }

  /**
   * Give every pixel a color, and leave it its L* and its opacity. What sRGB does not have at that L* moves towards
   * gray, at constant L* and hue, until sRGB has it.
   * @param {Uint8ClampedArray} pixels RGBA, overwritten
   * @param {Float32Array} ab a* and b* in turn
   * @param {number} chroma factor of a* and b*
   */
  function paint(pixels, ab, chroma) {
    for (let k = 0, i = 0; k < pixels.length; k += 4, i += 2) {
      const y = luminance(pixels, k), f = lookUp(CURVED, y);
      const a = chroma * ab[i] / 500, b = chroma * ab[i + 1] / 200;
      let x = labCurveInverse(f + a), z = labCurveInverse(f - b);
      let red = RX * x + RY * y + RZ * z, green = GX * x + GY * y + GZ * z, blue = BX * x + BY * y + BZ * z;
      if (Math.min(red, green, blue) < LOWEST || Math.max(red, green, blue) > HIGHEST) {
        const share = largestShare(y, f, a, b);
        x = labCurveInverse(f + share * a);
        z = labCurveInverse(f - share * b);
        red = RX * x + RY * y + RZ * z;
        green = GX * x + GY * y + GZ * z;
        blue = BX * x + BY * y + BZ * z;
      }
      pixels[k] = 255 * lookUp(ENCODED, red);
      pixels[k + 1] = 255 * lookUp(ENCODED, green);
      pixels[k + 2] = 255 * lookUp(ENCODED, blue);
    }
  }

  /** The largest share of a color's chroma that sRGB has at its L* and hue, by bisection. */
  function largestShare(y, f, a, b) {
    let share = 0;
    for (let step = 0.5, i = 0; i < BISECTIONS; i++, step /= 2) {
      const x = labCurveInverse(f + (share + step) * a), z = labCurveInverse(f - (share + step) * b);
      const red = RX * x + RY * y + RZ * z, green = GX * x + GY * y + GZ * z, blue = BX * x + BY * y + BZ * z;
      if (Math.min(red, green, blue) >= 0 && Math.max(red, green, blue) <= 1) share += step;
    }
    return share;
  }

  /** Linear red, green and blue of a color, of which sRGB has those from 0 to 1. */
  function toLinear(lightness, a, b) {
    const f = (lightness + 16) / 116, y = labCurveInverse(f);
    const x = labCurveInverse(f + a / 500), z = labCurveInverse(f - b / 200);
    return [RX * x + RY * y + RZ * z, GX * x + GY * y + GZ * z, BX * x + BY * y + BZ * z];
  }

  /** Whether sRGB has a color. */
  function isInside(lightness, a, b) {
    const linear = toLinear(lightness, a, b);
    return Math.min(...linear) >= LOWEST && Math.max(...linear) <= HIGHEST;
  }

  /** The a* and b* that a color has in sRGB: its own, or as much of its chroma as sRGB has at its L* and hue. */
  function fit(lightness, a, b) {
    if (isInside(lightness, a, b)) return [a, b];
    const f = (lightness + 16) / 116, share = largestShare(labCurveInverse(f), f, a / 500, b / 200);
    return [share * a, share * b];
  }

  /** Red, green and blue, 0 to 255, of a color that sRGB has. */
  function toRgb(lightness, a, b) {
    return toLinear(lightness, a, b).map((value) => Math.round(255 * lookUp(ENCODED, value)));
  }

  /** The a* and b* of red, green and blue, 0 to 255. */
  function fromRgb(red, green, blue) {
    const linear = [DECODED[red], DECODED[green], DECODED[blue]];
    const [x, y, z] = XYZ_FROM_RGB.map((row, i) => labCurve(row.reduce((sum, m, j) => sum + m * linear[j], 0) / WHITE[i]));
    return [500 * (x - y), 200 * (y - z)];
  }

  return { toGray, grayToLightness, paint, isInside, fit, toRgb, fromRgb };
})();
