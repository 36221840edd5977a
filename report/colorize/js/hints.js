"use strict";

/**
 * Hints spread over the predicted a,b as colorlib/models/hints.py does it: by conjugate gradients on the network's small
 * grid, along places that look alike. The constants are the ones there.
 *
 * A hint is `{x, y, a, b, lightness}`: a pixel of the photo, its color, and the L* of that pixel.
 * A grid is `{ab, lightness, width, height, covered}`: a* and b* in turn, L*, its size, and how many of its columns and
 * rows the photo covers.
 */
const Hints = (() => {
  const LIGHTNESS = 2.5, AB = 6; // differences between neighbors that count as an edge
  const LEAK = 1e-4, SCREEN = 1.5e-3, WEIGHT = 1e3;
  const OVERSHOOT = 2, TOLERANCE = 0.004, MOST_STEPS = 5000, EDGE = 1.02;

  /** The four places of a line of the grid that a pixel is interpolated from, and their shares. */
  function lineTaps(pixel, pixels, covered, cells) {
    const center = (pixel + 0.5) * covered / pixels, first = Math.floor(center - 1.5), taps = [];
    let sum = 0;
    for (let place = first; place < first + 4; place++) {
      const share = place < 0 || place >= cells ? 0 : Resample.bicubic(place + 0.5 - center);
      taps.push({ place: Math.min(cells - 1, Math.max(0, place)), share });
      sum += share;
    }
    return taps.map(({ place, share }) => ({ place, share: share / sum }));
  }

  /** The places of the grid that a pixel of the photo is interpolated from; `stride` is the length of a row. */
  function taps({ x, y }, photo, { width, height, covered }, stride = width) {
    const across = lineTaps(x, photo.width, covered[0], width), down = lineTaps(y, photo.height, covered[1], height);
    return down.flatMap((row) => across.map((column) => (
      { place: row.place * stride + column.place, share: row.share * column.share })));
  }

  /** The a* and b* of a pixel of the photo, interpolated. */
  function colorAt(place, photo, grid) {
    const color = [0, 0];
    for (const { place: i, share } of taps(place, photo, grid)) {
      color[0] += share * grid.ab[2 * i];
      color[1] += share * grid.ab[2 * i + 1];
    }
    return color;
  }

  /** The a,b that give a hint's color and are nearest to the predicted ones: on the gamut's edge, more chroma is the same. */
  function wanted({ lightness, a, b }, predicted) {
    const color = Color.fit(lightness, a, b), square = color[0] ** 2 + color[1] ** 2;
    if (Color.isInside(lightness, EDGE * color[0], EDGE * color[1]) || !square) return color;
    const factor = Math.max(1, (predicted[0] * color[0] + predicted[1] * color[1]) / square);
    return [factor * color[0], factor * color[1]];
  }

  /** How alike neighbors are, in four directions. Rows are one place longer than the grid, so that none runs into the next. */
  function links({ ab, lightness, width, height }) {
    const stride = width + 1, n = stride * height;
    return [[0, 1], [1, 0], [1, 1], [1, -1]].map(([down, across]) => {
      const step = down * stride + across, weights = new Float64Array(Math.max(0, n - step)), far = Math.hypot(down, across);
      for (let row = 0; row + down < height; row++) {
        for (let column = Math.max(0, -across); column < width - Math.max(0, across); column++) {
          const i = row * width + column, j = i + down * width + across;
          const apart = ((lightness[i] - lightness[j]) / LIGHTNESS) ** 2
            + ((ab[2 * i] - ab[2 * j]) / AB) ** 2 + ((ab[2 * i + 1] - ab[2 * j + 1]) / AB) ** 2;
          weights[row * stride + column] = Math.exp(-apart / 2) / far + LEAK;
        }
      }
      return { step, weights };
    });
  }

  /**
   * Let the colors of a grid follow hints.
   * @param {{ab: Float32Array, lightness: Float32Array, width: number, height: number, covered: number[]}} grid without
   *   padding; `ab` is overwritten
   * @param {{width: number, height: number}} photo
   * @param {{x: number, y: number, a: number, b: number, lightness: number}[]} hints at most one for each pixel
   */
  function follow(grid, photo, hints) {
    const { width, height } = grid, stride = width + 1, n = stride * height, linked = links(grid);
    const known = hints.map((hint) => {
      const predicted = colorAt(hint, photo, grid), color = wanted(hint, predicted);
      return { taps: taps(hint, photo, grid, stride), wanted: [color[0] - predicted[0], color[1] - predicted[1]] };
    });
    const diagonal = new Float64Array(n).fill(SCREEN);
    for (const { step, weights } of linked) {
      for (let i = 0; i < weights.length; i++) {
        diagonal[i] += weights[i];
        diagonal[i + step] += weights[i];
      }
    }
    const scale = diagonal.slice();
    for (const hint of known) for (const { place, share } of hint.taps) scale[place] += WEIGHT * share * share;
    // Both planes, one after the other, are one system.
    const solution = new Float64Array(2 * n), rest = new Float64Array(2 * n), image = new Float64Array(2 * n);
    for (const hint of known) {
      for (const { place, share } of hint.taps) {
        rest[place] += WEIGHT * share * hint.wanted[0];
        rest[n + place] += WEIGHT * share * hint.wanted[1];
      }
    }
    const direction = rest.map((value, i) => value / scale[i % n]);
    let size = dot(rest, direction);
    for (let count = 0; count < MOST_STEPS && largest(rest) > TOLERANCE * SCREEN; count++) {
      apply(direction);
      const step = size / dot(direction, image), before = size;
      size = 0;
      for (let i = 0; i < 2 * n; i++) {
        solution[i] += step * direction[i];
        rest[i] -= step * image[i];
        size += rest[i] * rest[i] / scale[i < n ? i : i - n];
      }
      for (let i = 0; i < 2 * n; i++) direction[i] = rest[i] / scale[i < n ? i : i - n] + size / before * direction[i];
    }
    const most = OVERSHOOT * Math.max(...known.map((hint) => Math.max(...hint.wanted.map(Math.abs))));
    for (let i = 0; i < width * height; i++) {
      for (let channel = 0; channel < 2; channel++) {
        const change = solution[channel * n + i + Math.floor(i / width)];
        grid.ab[2 * i + channel] += Math.min(most, Math.max(-most, change));
      }
    }

    function apply(x) {
      for (let plane = 0; plane < 2 * n; plane += n) {
        for (let i = 0; i < n; i++) image[plane + i] = diagonal[i] * x[plane + i];
        for (const { step, weights } of linked) {
          for (let i = 0; i < weights.length; i++) {
            image[plane + i] -= weights[i] * x[plane + i + step];
            image[plane + i + step] -= weights[i] * x[plane + i];
          }
        }
        for (const hint of known) {
          let value = 0;
          for (const { place, share } of hint.taps) value += share * x[plane + place];
          for (const { place, share } of hint.taps) image[plane + place] += WEIGHT * share * value;
        }
      }
    }
  }

  function dot(x, y) {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
    return sum;
  }

  function largest(x) {
    let most = 0;
    for (let i = 0; i < x.length; i++) most = Math.max(most, Math.abs(x[i]));
    return most;
  }

  return { colorAt, follow };
})();
