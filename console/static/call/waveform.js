// The waveform of a call on a canvas, a lane per channel: muted stretches in the colours of their
// kind, gaps and pauses hatched, a head that runs, a window that zooms, an overview beneath it.

import { clock } from "./words.js";

/**
 * @typedef {{channel: number, start: number, end: number, kind: string, node: HTMLElement}} Mute
 * @typedef {{step: number, channels: number, count: number, values: Int8Array}} Peaks
 */

const KINDS = ["pay", "identity", "person", "contact", "health", "other", "gap"];
const RULER = 18;
const SHORTEST_MS = 2000;
/** A channel is drawn as if it were at least this loud, of 127: noise stays small. */
const QUIET = 8;
const STEPS_S = [0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
const NEAR_PX = 4;

/**
 * @param {ArrayBuffer} buffer as `/api/calls/{id}/peaks` sends it
 * @returns {Peaks}
 */
export function readPeaks(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 12 || view.getUint32(0) !== 0x4857504b || view.getUint8(4) !== 1) {
    throw new Error("not a waveform that is known here");
  }
  return {
    channels: view.getUint8(5),
    step: view.getUint16(6, true),
    count: view.getUint32(8, true),
    values: new Int8Array(buffer, 12),
  };
}

/**
 * Silences: nothing is loud, nobody speaks; hold music is none of them.
 *
 * @param {Peaks} peaks
 * @param {number} least in ms
 * @returns {{starts: number[], ends: number[]}}
 */
export function silences(peaks, least) {
  const { step, channels, count, values } = peaks;
  const loudest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const quiet = Math.max(2, loudest * 0.04);
  const starts = [];
  const ends = [];
  let since = -1;
  for (let place = 0; place <= count; place += 1) {
    let silent = place < count;
    for (let at = place * channels * 2; silent && at < (place + 1) * channels * 2; at += 1) {
      silent = Math.abs(values[at]) <= quiet;
    }
    if (silent && since < 0) {
      since = place;
    } else if (!silent && since >= 0) {
      if ((place - since) * step > least) {
        starts.push(since * step);
        ends.push(place * step);
      }
      since = -1;
    }
  }
  return { starts, ends };
}

export class Waveform {
  /**
   * @param {HTMLElement} host with `canvas.wave`, `.head` and, behind it, `canvas.overview`
   * @param {{duration: number, channels: number, mutes: Mute[],
   *          player: import("./player.js").Player, chosen: (mute: Mute) => void}} parts
   */
  constructor(host, { duration, channels, mutes, player, chosen }) {
    Object.assign(this, { host, duration, channels, mutes, player, chosen });
    this.canvas = /** @type {HTMLCanvasElement} */ (host.querySelector("canvas"));
    this.head = /** @type {HTMLElement} */ (host.querySelector(".head"));
    this.overview = /** @type {HTMLCanvasElement} */ (host.parentElement.querySelector(".overview"));
    this.from = 0;
    this.to = Math.max(1, duration);
    /** @type {Peaks | null} */
    this.peaks = null;
    /** @type {number | null} the only channel that is not dimmed */
    this.side = null;
    this.asked = false;
    this.colours = this.look();
    new ResizeObserver(() => this.ask()).observe(host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.relook());
    new MutationObserver(() => this.relook()).observe(document.documentElement, {
      attributeFilter: ["data-theme"],
    });
    player.addEventListener("place", () => this.follow());
    this.listen();
  }

  /** @param {Peaks} peaks */
  show(peaks) {
    this.peaks = peaks;
    this.loudest = Array.from({ length: peaks.channels }, () => QUIET);
    peaks.values.forEach((value, at) => {
      const channel = (at >> 1) % peaks.channels;
      this.loudest[channel] = Math.max(this.loudest[channel], Math.abs(value));
    });
    this.ask();
  }

  /** @param {number | null} side */
  only(side) {
    this.side = side;
    this.ask();
  }

  /**
   * @param {number} factor above 1: nearer
   * @param {number} [around] in ms; without it the player's place
   */
  zoom(factor, around = this.player.ms) {
    const length = Math.min(Math.max(SHORTEST_MS, (this.to - this.from) / factor), this.duration);
    const share = (around - this.from) / (this.to - this.from);
    this.window(around - length * Math.min(Math.max(0, share), 1), length);
  }

  whole() {
    this.window(0, this.duration);
  }

  /**
   * @param {number} from
   * @param {number} [length]
   */
  window(from, length = this.to - this.from) {
    const long = Math.min(Math.max(1, length), Math.max(1, this.duration));
    this.from = Math.min(Math.max(0, from), this.duration - long);
    this.to = this.from + long;
    this.ask();
  }

  get zoomed() {
    return this.to - this.from < this.duration - 1;
  }

  /** The colours of the theme, as the browser works them out. */
  look() {
    const probe = document.createElement("i");
    probe.hidden = true;
    this.host.append(probe);
    const found = {};
    for (const name of [...KINDS, "ink", "soft", "edge", "raised", "accent", "surface"]) {
      probe.style.color = `var(--${name === "gap" ? "soft" : name})`;
      found[name] = getComputedStyle(probe).color;
    }
    probe.remove();
    return found;
  }

  relook() {
    this.colours = this.look();
    this.ask();
  }

  /** Draw with the next frame, once for all that asked. */
  ask() {
    if (!this.asked) {
      this.asked = true;
      requestAnimationFrame(() => {
        this.asked = false;
        this.draw();
      });
    }
  }

  /** @param {number} ms */
  x(ms) {
    return ((ms - this.from) / (this.to - this.from)) * this.host.clientWidth;
  }

  /** @param {number} x in CSS pixels from the left edge */
  at(x) {
    const share = Math.min(Math.max(0, x / this.host.clientWidth), 1);
    return this.from + share * (this.to - this.from);
  }

  draw() {
    const pen = fitted(this.canvas, this.host.clientWidth, this.host.clientHeight);
    const height = (this.host.clientHeight - RULER) / this.channels;
    for (let channel = 0; channel < this.channels; channel += 1) {
      pen.globalAlpha = this.side === null || this.side === channel ? 1 : 0.3;
      this.lane(pen, channel, channel * height, height);
    }
    pen.globalAlpha = 1;
    this.ruler(pen, this.host.clientHeight - RULER);
    this.drawOverview();
    this.placeHead();
  }

  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {number} channel
   * @param {number} top
   * @param {number} height
   */
  lane(pen, channel, top, height) {
    const width = this.host.clientWidth;
    const middle = top + height / 2;
    pen.fillStyle = this.colours.edge;
    pen.fillRect(0, middle - 0.5, width, 1);
    pen.fillStyle = this.colours.soft;
    this.bars(pen, channel, this.from, this.to, width, middle, height / 2 - 3);
    for (const mute of this.mutes) {
      if (mute.channel === channel && mute.end > this.from && mute.start < this.to) {
        const left = Math.max(-2, this.x(mute.start));
        const wide = Math.max(2, Math.min(width + 2, this.x(mute.end)) - left);
        this.stretch(pen, mute.kind, left, top + 1, wide, height - 2);
      }
    }
    if (channel) {
      pen.fillStyle = this.colours.edge;
      pen.fillRect(0, top, width, 1);
    }
  }

  /** A muted stretch: its colour, with a line that also shows where it is narrow; gaps hatched. */
  stretch(pen, kind, left, top, wide, height) {
    const alpha = pen.globalAlpha;
    pen.fillStyle = this.colours[kind];
    pen.globalAlpha = alpha * (kind === "gap" ? 0.1 : 0.28);
    pen.fillRect(left, top, wide, height);
    pen.globalAlpha = alpha;
    if (kind === "gap") {
      pen.save();
      pen.beginPath();
      pen.rect(left, top, wide, height);
      pen.clip();
      pen.strokeStyle = this.colours.gap;
      pen.globalAlpha = alpha * 0.6;
      pen.beginPath();
      for (let x = left - height; x < left + wide; x += 7) {
        pen.moveTo(x, top + height);
        pen.lineTo(x + height, top);
      }
      pen.stroke();
      pen.restore();
    } else {
      pen.fillRect(left, top + height - 3, wide, 3);
    }
  }

  /** Lowest to highest of what lies behind every pixel. */
  bars(pen, channel, from, to, width, middle, half) {
    if (!this.peaks || channel >= this.peaks.channels) {
      return;
    }
    const { step, channels, count, values } = this.peaks;
    const scale = half / this.loudest[channel];
    const each = (to - from) / width / step;
    for (let x = 0; x < width; x += 1) {
      const first = Math.floor(from / step + x * each);
      const last = Math.min(count, Math.max(first + 1, Math.ceil(from / step + (x + 1) * each)));
      let low = 0;
      let high = 0;
      for (let place = first; place < last; place += 1) {
        const at = (place * channels + channel) * 2;
        low = Math.min(low, values[at]);
        high = Math.max(high, values[at + 1]);
      }
      if (high - low > 0) {
        pen.fillRect(x, middle - high * scale, 1, Math.max(1, (high - low) * scale));
      }
    }
  }

  ruler(pen, top) {
    const width = this.host.clientWidth;
    const length = this.to - this.from;
    const wanted = (length / 1000 / width) * 70;
    const step = (STEPS_S.find((one) => one >= wanted) ?? 7200) * 1000;
    pen.fillStyle = this.colours.soft;
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "bottom";
    for (let ms = Math.ceil(this.from / step) * step; ms < this.to; ms += step) {
      const x = this.x(ms);
      pen.fillRect(Math.round(x), top, 1, 4);
      if (x + 30 < width) {
        pen.fillText(clock(ms, step < 1000 ? 1 : 0), x + 3, top + RULER - 1);
      }
    }
  }

  drawOverview() {
    this.overview.hidden = !this.zoomed;
    if (!this.zoomed) {
      return;
    }
    const { clientWidth: width, clientHeight: height } = this.overview;
    const pen = fitted(this.overview, width, height);
    const x = (ms) => (ms / this.duration) * width;
    pen.fillStyle = this.colours.soft;
    for (let channel = 0; channel < this.channels; channel += 1) {
      this.bars(pen, channel, 0, this.duration, width, height / 2, height / 2 - 2);
    }
    for (const mute of this.mutes) {
      pen.fillStyle = this.colours[mute.kind];
      pen.fillRect(x(mute.start), height - 4, Math.max(1, x(mute.end) - x(mute.start)), 4);
    }
    pen.fillStyle = this.colours.accent;
    pen.globalAlpha = 0.18;
    const wide = Math.max(6, x(this.to - this.from));
    pen.fillRect(x(this.from), 0, wide, height);
    pen.globalAlpha = 1;
    pen.strokeStyle = this.colours.accent;
    pen.strokeRect(x(this.from) + 0.5, 0.5, Math.max(1, wide - 1), height - 1);
  }

  follow() {
    const ms = this.player.ms;
    if (this.player.playing && this.zoomed && (ms < this.from || ms > this.to)) {
      this.window(ms - (this.to - this.from) * 0.05);
    }
    this.placeHead();
  }

  /** @param {number} [ms] */
  placeHead(ms = this.player.ms) {
    const x = this.x(ms);
    this.head.hidden = x < 0 || x > this.host.clientWidth;
    this.head.style.transform = `translateX(${x}px)`;
  }

  /**
   * The muted stretch at a point.
   *
   * @param {number} x
   * @param {number} y
   * @returns {Mute | undefined}
   */
  mute(x, y) {
    const channel = Math.floor(y / ((this.host.clientHeight - RULER) / this.channels));
    const near = this.mutes.filter(
      (one) =>
        one.channel === channel &&
        this.x(one.start) - NEAR_PX < x &&
        x < Math.max(this.x(one.end), this.x(one.start) + 2) + NEAR_PX,
    );
    const off = (one) => Math.max(0, this.x(one.start) - x, x - this.x(one.end));
    return near.sort((one, other) => off(one) - off(other))[0];
  }

  listen() {
    const place = (event) => {
      const box = this.host.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    let begun = null;
    this.host.addEventListener("pointerdown", (event) => {
      if (event.button === 0) {
        begun = place(event)[0];
        this.host.setPointerCapture(event.pointerId);
      }
    });
    this.host.addEventListener("pointermove", (event) => {
      const [x, y] = place(event);
      if (begun !== null) {
        this.placeHead(this.at(x));
        return;
      }
      const mute = this.mute(x, y);
      this.host.title = `${clock(this.at(x), 1)}${mute ? ` · ${mute.node.dataset.why}` : ""}`;
      this.host.classList.toggle("on-mute", mute !== undefined);
    });
    this.host.addEventListener("pointerup", (event) => {
      const [x, y] = place(event);
      const mute = begun !== null && Math.abs(x - begun) < NEAR_PX ? this.mute(x, y) : undefined;
      if (begun !== null) {
        this.player.seek(this.at(x));
      }
      begun = null;
      if (mute) {
        this.chosen(mute);
      }
    });
    this.host.addEventListener("pointercancel", () => {
      begun = null;
      this.placeHead();
    });
    this.host.addEventListener(
      "wheel",
      (event) => {
        if (event.ctrlKey || event.metaKey) {
          event.preventDefault();
          this.zoom(1.0015 ** -event.deltaY, this.at(place(event)[0]));
        } else if (this.zoomed && Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          event.preventDefault();
          const each = (this.to - this.from) / this.host.clientWidth;
          this.window(this.from + event.deltaX * each);
        }
      },
      { passive: false },
    );
    const jump = (event) => {
      if (event.buttons & 1) {
        const box = this.overview.getBoundingClientRect();
        const share = (event.clientX - box.left) / box.width;
        this.window(share * this.duration - (this.to - this.from) / 2);
      }
    };
    this.overview.addEventListener("pointerdown", jump);
    this.overview.addEventListener("pointermove", jump);
  }
}

/**
 * A canvas as sharp as the screen, empty, in CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
function fitted(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return pen;
}
