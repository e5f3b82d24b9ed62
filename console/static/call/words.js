// Times of the words of a turn. A turn's paragraph has an element per word, and in `data-w` the
// pause before each word and its length in ms, from the turn's beginning on.

/**
 * @param {HTMLElement} turn
 * @returns {{words: HTMLElement[], starts: number[], ends: number[]}} in the order of the turn
 */
export function wordTimes(turn) {
  const text = turn.querySelector("p");
  const words = /** @type {HTMLElement[]} */ ([...text.children]);
  const starts = [];
  const ends = [];
  let at = Number(turn.dataset.start);
  const told = text.dataset.w ? text.dataset.w.split(" ").map(Number) : [];
  for (let place = 0; place + 1 < told.length; place += 2) {
    at += told[place];
    starts.push(at);
    at += told[place + 1];
    ends.push(at);
  }
  return { words, starts, ends };
}

/**
 * Where the last value is that is at most `wanted`; -1: all are larger.
 *
 * @param {ArrayLike<number>} sorted
 * @param {number} wanted
 */
export function lastAtMost(sorted, wanted) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

/**
 * Minutes and seconds, with hours where there are some.
 *
 * @param {number} ms
 * @param {number} [decimals] of the seconds
 */
export function clock(ms, decimals = 0) {
  const unit = 10 ** decimals;
  const whole = Math.floor((Math.max(0, ms) * unit) / 1000);
  const seconds = (whole / unit) % 60;
  const minutes = Math.floor(whole / unit / 60);
  const rest = seconds.toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
  const hours = Math.floor(minutes / 60);
  return hours
    ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${rest}`
    : `${minutes}:${rest}`;
}
