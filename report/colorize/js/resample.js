"use strict";

/**
 * Images resized the way Pillow does it: first along the rows, then along the columns, and with a filter that grows as
 * the image shrinks, so that nothing is aliased.
 *
 * Planes are Float32Arrays, row after row; several of them lie interleaved, as a* and b* do.
 */
const Resample = (() => {
  const FILTERS = { lanczos: { reach: 3, at: lanczos }, bicubic: { reach: 2, at: bicubic } };

  function lanczos(x) {
    if (x === 0) return 1;
    const turn = Math.PI * x;
    return Math.abs(x) < 3 ? 3 * Math.sin(turn) * Math.sin(turn / 3) / (turn * turn) : 0;
  }

  function bicubic(x) {
    x = Math.abs(x);
    return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
  }

  /**
   * What each new pixel of a line takes from the old ones.
   * @param {number} from how many old pixels there are
   * @param {number} covered how many of them, from the first on, the new line covers; need not be whole
   * @param {number} to how many new pixels there are
   * @param {"lanczos"|"bicubic"} name
   * @returns {{first: number, weights: Float64Array}[]} for each new pixel, the first old one and the weights from it on
   */
  function plan(from, covered, to, name) {
    const { reach, at } = FILTERS[name], scale = covered / to, stretch = Math.max(1, scale);
    return Array.from({ length: to }, (_, i) => {
      const center = (i + 0.5) * scale;
      const first = Math.max(0, Math.trunc(center - reach * stretch + 0.5));
      const end = Math.min(from, Math.trunc(center + reach * stretch + 0.5));
      const weights = Float64Array.from({ length: end - first }, (_, j) => at((first + j - center + 0.5) / stretch));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      return { first, weights: weights.map((weight) => weight / sum) };
    });
  }

  /** Resize rows, `width` pixels long, of `channels` interleaved planes; write them into `target` from `at` on. */
  function alongRows(source, width, channels, planned, target, at = 0) {
    for (let start = 0; start < source.length; start += width * channels) {
      for (const { first, weights } of planned) {
        for (let channel = 0; channel < channels; channel++) {
          let sum = 0, k = start + first * channels + channel;
          for (let j = 0; j < weights.length; j++, k += channels) sum += weights[j] * source[k];
          target[at++] = sum;
        }
      }
    }
  }

  /** Resize columns: make the new rows from `top` to before `bottom`, of rows with `length` values each. */
  function alongColumns(source, length, planned, top, bottom) {
    const target = new Float32Array((bottom - top) * length), sums = new Float64Array(length);
    for (let row = top; row < bottom; row++) {
      const { first, weights } = planned[row];
      sums.fill(0);
      for (let j = 0; j < weights.length; j++) {
        const weight = weights[j], start = (first + j) * length;
        for (let i = 0; i < length; i++) sums[i] += weight * source[start + i];
      }
      target.set(sums, (row - top) * length);
    }
    return target;
  }

  return { bicubic, plan, alongRows, alongColumns };
})();
