// Plays a call: place, speed, silence that is passed over, one side alone. Whatever shows something
// of it listens to the events "place" (the player is elsewhere) and "state" (it plays or not).
// Without audio, which not everybody may hear, it keeps the place alone.

import { lastAtMost } from "./words.js";

export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3];
/** Of a silence that is passed over, this much is heard at its end. */
const HEARD_MS = 200;
/** Nobody seeks nearer to the end: there is nothing to hear, and a browser may fail at it. */
const END_MS = 50;

export class Player extends EventTarget {
  /**
   * @param {HTMLAudioElement | null} audio
   * @param {number} duration in ms
   */
  constructor(audio, duration) {
    super();
    this.audio = audio;
    this.duration = duration;
    this.skips = false;
    this.place = 0;
    /** @type {number | null} where it stops by itself */
    this.until = null;
    /** Whether the source was loaded anew since the last seek. */
    this.reloaded = false;
    /** @type {{starts: number[], ends: number[]}} silences */
    this.gaps = { starts: [], ends: [] };
    /** @type {{context: AudioContext, source: AudioNode, splitter: AudioNode} | null} */
    this.graph = null;
    if (audio) {
      for (const name of ["seeking", "timeupdate"]) {
        audio.addEventListener(name, () => this.moved());
      }
      audio.addEventListener("error", () => this.failed());
      for (const name of ["play", "pause", "ended", "ratechange", "waiting", "playing", "error"]) {
        audio.addEventListener(name, () => this.dispatchEvent(new Event("state")));
      }
      audio.addEventListener("play", () => this.run());
    }
  }

  /** Place in ms. */
  get ms() {
    return this.audio ? this.audio.currentTime * 1000 : this.place;
  }

  get playing() {
    return this.audio !== null && !this.audio.paused && !this.audio.ended;
  }

  get speed() {
    return this.audio ? this.audio.playbackRate : 1;
  }

  /**
   * @param {number} ms
   * @param {number | null} [until] where it stops by itself
   */
  seek(ms, until = null) {
    this.place = Math.max(0, Math.min(ms, this.duration - END_MS));
    this.until = until;
    this.reloaded = false;
    if (this.audio?.error) {
      this.reload(this.place / 1000);
    } else if (this.audio) {
      this.audio.currentTime = this.place / 1000;
    }
    this.moved();
  }

  /**
   * An element that failed plays nothing any more. Chromium fails at sound FLAC when it has read
   * to the end and seeks to one of the last frames; loaded anew it plays from there.
   */
  failed() {
    if (!this.reloaded && this.audio.readyState >= HTMLMediaElement.HAVE_METADATA) {
      this.reload(this.audio.currentTime);
    }
  }

  /** @param {number} seconds where it goes on */
  reload(seconds) {
    const { audio, playing, speed } = this;
    this.reloaded = true;
    audio.load();
    audio.currentTime = seconds;
    audio.playbackRate = speed;
    if (playing) {
      this.play();
    }
  }

  /** @param {number} [from] in ms; without it from where it is */
  play(from) {
    if (from !== undefined) {
      this.seek(from);
    }
    this.graph?.context.resume();
    this.audio?.play().catch(() => {});
  }

  pause() {
    this.audio?.pause();
  }

  toggle() {
    if (this.playing) {
      this.pause();
    } else {
      this.play();
    }
  }

  /** @param {number} speed */
  setSpeed(speed) {
    if (this.audio) {
      this.audio.playbackRate = speed;
    }
  }

  /** @param {number} steps faster, or slower where it is negative */
  changeSpeed(steps) {
    const at = lastAtMost(SPEEDS, this.speed) + steps;
    this.setSpeed(SPEEDS[Math.min(Math.max(0, at), SPEEDS.length - 1)]);
  }

  /**
   * Play one channel alone, or all of them where it is null.
   *
   * @param {number | null} channel
   */
  only(channel) {
    if (!this.audio || (channel === null && !this.graph)) {
      return;
    }
    if (!this.graph) {
      const context = new AudioContext();
      const source = context.createMediaElementSource(this.audio);
      this.graph = { context, source, splitter: context.createChannelSplitter() };
    }
    const { context, source, splitter } = this.graph;
    source.disconnect();
    splitter.disconnect();
    if (channel === null) {
      source.connect(context.destination);
    } else {
      source.connect(splitter);
      splitter.connect(context.destination, channel);
    }
    context.resume();
  }

  /** Goes on as long as it plays: the element itself tells its time four times a second. */
  run() {
    if (this.playing) {
      this.moved();
      requestAnimationFrame(() => this.run());
    }
  }

  moved() {
    if (this.playing && this.until !== null && this.ms >= this.until) {
      this.until = null;
      this.pause();
    }
    if (this.playing && this.skips && !this.audio.seeking) {
      const gap = lastAtMost(this.gaps.starts, this.ms);
      const end = gap < 0 ? 0 : this.gaps.ends[gap] - HEARD_MS;
      if (end > this.ms + HEARD_MS) {
        this.audio.currentTime = end / 1000;
      }
    }
    this.dispatchEvent(new Event("place"));
  }
}
