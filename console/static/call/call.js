// A call's page: puts player, waveform, transcript, keys and the deep link together.

import { Player, SPEEDS } from "./player.js";
import { Transcript } from "./transcript.js";
import { Waveform, readPeaks, silences } from "./waveform.js";
import { clock } from "./words.js";

const STEP_MS = 5000;
const LONG_STEP_MS = 15000;
/** Silences that are longer are passed over, where that is chosen. */
const SILENCE_MS = 1500;
const BEFORE_MS = 2000;
const ZOOM = 2;

const call = document.getElementById("call");
const duration = Number(call.dataset.duration);
const roles = call.dataset.roles.split(",");
const byId = (id) => document.getElementById(id);
const audio = /** @type {HTMLAudioElement | null} */ (byId("audio"));
const player = new Player(audio, duration);
const transcript = new Transcript(byId("transcript"), player);

const mutes = [...document.querySelectorAll("li[data-mute]")].map((node) => ({
  node,
  channel: Number(node.dataset.channel),
  start: Number(node.dataset.start),
  end: Number(node.dataset.end),
  kind: node.dataset.kind,
}));
const waves = byId("waves");
audio?.removeAttribute("controls");
const waveform = new Waveform(waves, {
  duration,
  channels: roles.length,
  mutes,
  player,
  chosen: (mute) => about(mute),
});

async function loadPeaks() {
  if (!call.dataset.peaks) {
    return;
  }
  const answer = await fetch(call.dataset.peaks);
  if (!answer.ok) {
    throw new Error(String(answer.status));
  }
  const peaks = readPeaks(await answer.arrayBuffer());
  waveform.show(peaks);
  player.gaps = silences(peaks, SILENCE_MS);
  byId("skip").disabled = false;
  call.dataset.drawn = "";
}

// What is shown of the player.

function showPlace() {
  const ms = player.ms;
  byId("now").textContent = clock(ms);
  waves.setAttribute("aria-valuenow", String(Math.round(ms / 1000)));
  waves.setAttribute("aria-valuetext", `${clock(ms)} of ${clock(duration)}`);
  const link = byId("link");
  const address = `${location.origin}${location.pathname}#t=${(ms / 1000).toFixed(1)}`;
  link.dataset.copy = address;
  if (!("copied" in link.dataset)) {
    link.textContent = `Copy link at ${clock(ms)}`;
  }
}

function showState() {
  const button = byId("play");
  button.textContent = player.playing ? "❚❚" : "▶";
  button.setAttribute("aria-label", player.playing ? "Pause" : "Play");
  byId("speed").value = String(player.speed);
  byId("trouble").hidden = !audio?.error;
}

/** Tell of a muted stretch, and offer what can be done with it. */
function about(mute) {
  const told = byId("about");
  const { dataset } = mute.node;
  byId("about-text").textContent =
    `${dataset.why}, ${roles[mute.channel]}, ${clock(mute.start, 1)} to ${clock(mute.end, 1)}` +
    ` (${((mute.end - mute.start) / 1000).toFixed(1)} s). ${dataset.told}`;
  byId("about-kind").className = `swatch ${mute.kind}`;
  const hear = byId("about-hear");
  hear.onclick = () => player.play(Math.max(0, mute.start - BEFORE_MS));
  hear.hidden = !audio;
  const wrong = byId("about-wrong");
  const pick = mute.node.querySelector("[data-pick]");
  wrong.hidden = !pick;
  wrong.onclick = () => pick.click();
  told.hidden = false;
  for (const one of mutes) {
    one.node.classList.toggle("chosen", one === mute);
  }
  player.seek(mute.start);
}

byId("about-close").addEventListener("click", () => {
  byId("about").hidden = true;
  waves.focus();
});

// Clicks: a muted stretch in the transcript or in the list, times, the transport.

byId("transcript").addEventListener("click", (event) => {
  const placeholder = event.target.closest("mark");
  if (placeholder && document.getSelection().isCollapsed) {
    const turn = placeholder.closest(".turn");
    const { words, starts, ends } = transcript.wordsOf(transcript.turns.indexOf(turn));
    const at = words.indexOf(placeholder);
    const channel = Number(turn.dataset.channel);
    const mute = mutes.find(
      (one) => one.channel === channel && one.start < ends[at] + 50 && starts[at] - 50 < one.end,
    );
    if (mute) {
      about(mute);
    } else if (at in starts) {
      player.seek(starts[at]);
    }
  }
});

call.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-ms]");
  if (button) {
    const mute = mutes.find((one) => one.node === button.closest("li[data-mute]"));
    if (mute) {
      about(mute);
    }
    player.play(Number(button.dataset.ms));
  }
});

byId("play").addEventListener("click", () => player.toggle());
byId("back").addEventListener("click", () => player.seek(player.ms - STEP_MS));
byId("forth").addEventListener("click", () => player.seek(player.ms + STEP_MS));
byId("nearer").addEventListener("click", () => waveform.zoom(ZOOM));
byId("farther").addEventListener("click", () => waveform.zoom(1 / ZOOM));
byId("whole").addEventListener("click", () => waveform.whole());
byId("more").addEventListener("click", (event) => {
  const open = byId("options").classList.toggle("open");
  event.currentTarget.setAttribute("aria-expanded", String(open));
});
byId("help-open").addEventListener("click", () => byId("help").showModal());

for (const speed of SPEEDS) {
  byId("speed").append(new Option(`${speed}×`, String(speed), speed === 1, speed === 1));
}
byId("speed").addEventListener("change", (event) => player.setSpeed(Number(event.target.value)));
byId("skip").addEventListener("change", (event) => {
  player.skips = event.target.checked;
});
byId("follow").addEventListener("change", (event) => {
  transcript.follows = event.target.checked;
});
byId("tell").addEventListener("change", (event) => {
  transcript.tells = event.target.checked;
});
byId("side").addEventListener("change", (event) => {
  const side = event.target.value === "" ? null : Number(event.target.value);
  player.only(side);
  waveform.only(side);
  transcript.only(side);
  showHits();
});

// Search.

const sought = byId("search");

function showHits() {
  const count = transcript.hits.length;
  const at = transcript.hit < 0 ? "" : `${transcript.hit + 1} of `;
  byId("hits").textContent = sought.value.trim().length < 2 ? "" : `${at}${count} found`;
  byId("hit-before").disabled = byId("hit-after").disabled = count === 0;
}

function goToHit(direction) {
  transcript.go(direction);
  showHits();
}

sought.addEventListener("input", () => {
  transcript.search(sought.value);
  showHits();
});
sought.addEventListener("keydown", (event) => {
  if (event.key === "Enter") {
    event.preventDefault();
    goToHit(event.shiftKey ? -1 : 1);
  } else if (event.key === "Escape") {
    sought.value = "";
    transcript.search("");
    showHits();
    sought.blur();
  }
});
byId("hit-before").addEventListener("click", () => goToHit(-1));
byId("hit-after").addEventListener("click", () => goToHit(1));

// Keys.

let markBegun = null;

function markHere() {
  const ms = Math.floor(player.ms);
  const ends = markBegun !== null && ms > markBegun;
  const detail = ends ? { from: markBegun, to: ms } : { from: ms, to: null };
  markBegun = ends ? null : ms;
  document.dispatchEvent(new CustomEvent("mark-place", { detail }));
  hushwire.say(ends ? `Mark ends at ${clock(ms, 1)}` : `Mark begins at ${clock(ms, 1)}`);
}

function toTurn(direction) {
  const ms = transcript.neighbour(direction);
  if (ms !== null) {
    player.seek(ms);
  }
}

const KEYS = {
  " ": () => player.toggle(),
  ArrowLeft: (event) => player.seek(player.ms - (event.shiftKey ? LONG_STEP_MS : STEP_MS)),
  ArrowRight: (event) => player.seek(player.ms + (event.shiftKey ? LONG_STEP_MS : STEP_MS)),
  ArrowUp: () => toTurn(-1),
  ArrowDown: () => toTurn(1),
  Home: () => player.seek(0),
  End: () => player.seek(duration),
  "/": () => sought.focus(),
  "?": () => byId("help").showModal(),
  ",": () => player.changeSpeed(-1),
  ".": () => player.changeSpeed(1),
  "+": () => waveform.zoom(ZOOM),
  "-": () => waveform.zoom(1 / ZOOM),
  0: () => waveform.whole(),
  ...(document.querySelector("form.mark") ? { m: markHere } : {}),
};
const TYPED = "input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]";
const PRESSED = `button, a[href], summary, ${TYPED}, input`;

document.addEventListener("keydown", (event) => {
  const act = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : undefined;
  const on = /** @type {HTMLElement} */ (event.target);
  const taken = event.key === " " ? on.closest(PRESSED) : on.closest(`${TYPED}, [type=radio]`);
  if (!act || taken || event.ctrlKey || event.metaKey || event.altKey || byId("help").open) {
    return;
  }
  event.preventDefault();
  act(event);
});

// A link to a second: #t=83.2, or #t=1:23.

function toLinked() {
  const found = /^#t=(?:(\d{1,4}):)?(\d{1,6}(?:\.\d{1,3})?)$/.exec(location.hash);
  if (found) {
    player.seek((Number(found[1] ?? 0) * 60 + Number(found[2])) * 1000);
  }
}

addEventListener("hashchange", toLinked);
player.addEventListener("place", showPlace);
player.addEventListener("state", showState);
toLinked();
showPlace();
showState();
loadPeaks().catch(() => {
  byId("no-waves").hidden = false;
});
