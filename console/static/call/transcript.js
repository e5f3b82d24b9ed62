// The transcript: follows the player, word by word; a click on a word plays it; search with count.

import { lastAtMost, wordTimes } from "./words.js";

/** For so long after somebody scrolls, the transcript does not follow. */
const LEFT_ALONE_MS = 4000;
const LEAST_LETTERS = 2;
const HITS_MOST = 2000;

export class Transcript {
  /**
   * @param {HTMLElement} root
   * @param {import("./player.js").Player} player
   */
  constructor(root, player) {
    this.player = player;
    this.turns = /** @type {HTMLElement[]} */ ([...root.querySelectorAll(".turn")]);
    this.starts = this.turns.map((turn) => Number(turn.dataset.start));
    this.ends = this.turns.map((turn) => Number(turn.dataset.end));
    /** The latest end of this turn and all before it: how far back somebody may still speak. */
    let latest = 0;
    this.latest = this.ends.map((end) => (latest = Math.max(latest, end)));
    /** @type {Map<number, HTMLElement | null>} turns that are heard, with their word */
    this.heard = new Map();
    this.times = new Map();
    this.follows = true;
    this.tells = false;
    this.scrolled = -LEFT_ALONE_MS;
    /** @type {{turn: number, range: Range}[]} */
    this.hits = [];
    this.hit = -1;
    for (const name of ["wheel", "touchmove"]) {
      document.addEventListener(name, () => (this.scrolled = performance.now()), { passive: true });
    }
    player.addEventListener("place", () => this.show());
    root.addEventListener("click", (event) => this.clicked(event));
    this.show();
  }

  /** @param {number} turn */
  wordsOf(turn) {
    if (!this.times.has(turn)) {
      this.times.set(turn, wordTimes(this.turns[turn]));
    }
    return this.times.get(turn);
  }

  show() {
    const ms = this.player.ms;
    const now = new Map();
    for (let turn = lastAtMost(this.starts, ms); turn >= 0 && this.latest[turn] > ms; turn -= 1) {
      if (ms < this.ends[turn]) {
        now.set(turn, this.wordAt(turn, ms));
      }
    }
    for (const [turn, word] of this.heard) {
      if (!now.has(turn)) {
        this.turns[turn].classList.remove("heard");
      }
      if (word && now.get(turn) !== word) {
        word.classList.remove("now");
      }
    }
    let fresh = -1;
    for (const [turn, word] of now) {
      if (!this.heard.has(turn)) {
        this.turns[turn].classList.add("heard");
        fresh = Math.max(fresh, turn);
      }
      word?.classList.add("now");
    }
    this.heard = now;
    if (fresh >= 0) {
      this.come(fresh);
    }
  }

  /**
   * @param {number} turn
   * @param {number} ms
   * @returns {HTMLElement | null}
   */
  wordAt(turn, ms) {
    const { words, starts, ends } = this.wordsOf(turn);
    const at = lastAtMost(starts, ms);
    return at >= 0 && ms < ends[at] ? words[at] : null;
  }

  /** @param {number} turn that somebody begins to say */
  come(turn) {
    const node = this.turns[turn];
    if (this.follows && performance.now() - this.scrolled > LEFT_ALONE_MS) {
      reveal(node);
    }
    if (this.tells) {
      const who = node.querySelector(".who").textContent;
      hushwire.say(`${who}: ${node.querySelector("p").textContent}`);
    }
  }

  /** The turn before or after the place; null: there is none. @param {number} direction */
  neighbour(direction) {
    const shown = this.turns.flatMap((turn, at) => (turn.hidden ? [] : [at]));
    const starts = shown.map((at) => this.starts[at]);
    // A little after its beginning "before" still means the one before.
    const at = lastAtMost(starts, this.player.ms + (direction > 0 ? 1 : -800));
    const wanted = direction > 0 ? at + 1 : at;
    return wanted in starts ? starts[wanted] : null;
  }

  /** @param {number | null} channel that alone is shown */
  only(channel) {
    for (const turn of this.turns) {
      turn.hidden = channel !== null && Number(turn.dataset.channel) !== channel;
    }
    this.search(this.sought ?? "");
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const word = /** @type {HTMLElement} */ (event.target);
    const spoken = word.parentElement?.matches(".turn p") && !word.matches("mark");
    if (!spoken || !document.getSelection().isCollapsed) {
      return;
    }
    const turn = this.turns.indexOf(word.closest(".turn"));
    const { words, starts } = this.wordsOf(turn);
    const at = words.indexOf(word);
    if (at in starts) {
      this.player.play(starts[at]);
    }
  }

  /**
   * Mark every place where the text stands; the first one behind the player is the current one.
   *
   * @param {string} text
   * @returns {number} how many
   */
  search(text) {
    this.sought = text;
    this.hits = [];
    const wanted = folded(text.trim());
    if (wanted.length >= LEAST_LETTERS) {
      this.turns.forEach((turn, at) => {
        if (!turn.hidden && this.hits.length < HITS_MOST) {
          this.hits.push(...found(turn.querySelector("p"), wanted).map((range) => ({ turn: at, range })));
        }
      });
    }
    this.hit = -1;
    paint("hits", this.hits.map((one) => one.range));
    paint("hit", []);
    return this.hits.length;
  }

  /** Go to the next hit, or the one before. @param {number} direction */
  go(direction) {
    if (!this.hits.length) {
      return;
    }
    if (this.hit < 0) {
      const turn = lastAtMost(this.starts, this.player.ms);
      const next = this.hits.findIndex((one) => one.turn >= turn);
      this.hit = direction > 0 ? Math.max(0, next) : next <= 0 ? this.hits.length - 1 : next - 1;
    } else {
      this.hit = (this.hit + direction + this.hits.length) % this.hits.length;
    }
    const { turn, range } = this.hits[this.hit];
    paint("hit", [range]);
    const { words, starts } = this.wordsOf(turn);
    const at = words.findIndex((word) => range.intersectsNode(word));
    this.player.seek(at in starts ? starts[at] : this.starts[turn]);
    reveal(this.turns[turn]);
  }
}

/** Into the middle of what is not covered by the player. @param {HTMLElement} node */
function reveal(node) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  node.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
}

/** Letters without case and accents, as many as before. @param {string} text */
function folded(text) {
  return [...text]
    .map((one) => {
      const bare = one.normalize("NFD")[0].toLowerCase();
      return bare.length === one.length ? bare : one;
    })
    .join("");
}

/**
 * @param {HTMLElement} node
 * @param {string} wanted folded
 * @returns {Range[]}
 */
function found(node, wanted) {
  const text = folded(node.textContent);
  const places = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
    places.push(at);
  }
  if (!places.length) {
    return [];
  }
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  const texts = [];
  const begins = [];
  for (let at = 0; walker.nextNode(); at += walker.currentNode.length) {
    texts.push(walker.currentNode);
    begins.push(at);
  }
  const point = (at) => {
    const which = lastAtMost(begins, at);
    return [texts[which], at - begins[which]];
  };
  return places.map((at) => {
    const range = document.createRange();
    range.setStart(...point(at));
    const [last, inside] = point(at + wanted.length - 1);
    range.setEnd(last, inside + 1);
    return range;
  });
}

/** @param {string} name of the highlight @param {Range[]} ranges */
function paint(name, ranges) {
  if (window.Highlight) {
    CSS.highlights.set(name, new Highlight(...ranges));
  }
}
