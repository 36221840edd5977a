"use strict";

/** Which colors a place may have, as colorlib/models/likely.py has it. `colors.js` sets COLOR_COUNTS. */
const Likely = (() => {
  const BIN = 10, LIGHTNESS_BIN = 10, REACH = 100, POWER = 0.5, NEAR = 40, APART = 25;
  const AXIS = Array.from({ length: 2 * REACH / BIN + 1 }, (_, i) => i * BIN - REACH);

  /**
   * Colors that a place may well have, the likeliest first, each unlike those before it.
   * @param {number} lightness L* of the place
   * @param {number[]} predicted its predicted a* and b*
   * @returns {number[][]} a* and b* of each, which sRGB has at that L*
   */
  function colors(lightness, predicted, count = 8) {
    const counts = COLOR_COUNTS[Math.min(COLOR_COUNTS.length - 1, Math.max(0, Math.floor(lightness / LIGHTNESS_BIN)))];
    let bins = AXIS.flatMap((a) => AXIS.map((b) => [a, b])).map(([a, b], i) => {
      const near = 1 / (1 + distance([a, b], predicted) / NEAR ** 2) ** 2;
      return { color: [a, b], weight: Color.isInside(lightness, a, b) ? counts[i] ** POWER * near : 0 };
    });
    const chosen = [];
    bins = bins.filter(({ weight }) => weight > 0);
    for (let left = Math.min(count, bins.length); left > 0; left--) {
      const { color } = bins.reduce((best, bin) => bin.weight > best.weight ? bin : best);
      chosen.push(color);
      for (const bin of bins) bin.weight *= 1 - Math.exp(-distance(bin.color, color) / (2 * APART ** 2));
    }
    return chosen;
  }

  function distance(one, other) {
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2;
  }

  return { colors };
})();
