// Fills in the form by which a place is marked: from a turn, words that are selected, a mute, or
// the place of the player.

import { wordTimes } from "./words.js";

const form = document.querySelector("form.mark");
const player = document.getElementById("audio");
const entity = document.getElementById("mark-entity");
let stopAt = null;

function seconds(ms) {
  return (ms / 1000).toFixed(3).replace(/\.?0+$/, "");
}

function kindChosen() {
  const missed = form.elements.kind.value === "missed";
  entity.disabled = !missed;
  entity.required = missed;
}

// Whether a letter of a word is selected; one that is only touched at its edge is not.
function within(range, word) {
  const text = word.firstChild;
  return range.comparePoint(text, text.length - 1) >= 0 && range.comparePoint(text, 1) <= 0;
}

// Begin and end of the words of a turn that are selected; null where none are.
function selected(turn) {
  const chosen = document.getSelection();
  if (chosen.isCollapsed) {
    return null;
  }
  const range = chosen.getRangeAt(0);
  const { words, starts, ends } = wordTimes(turn);
  const first = words.findIndex((word) => within(range, word));
  const last = words.findLastIndex((word) => within(range, word));
  return first < 0 ? null : [starts[first], ends[last]];
}

function pick(button) {
  const turn = button.closest(".turn");
  const [start, end] = (turn && selected(turn)) || [button.dataset.start, button.dataset.end];
  form.elements.kind.value = button.dataset.pick;
  form.elements.channel.value = button.dataset.channel;
  form.elements.from.value = seconds(start);
  form.elements.to.value = seconds(end);
  kindChosen();
  const next = entity.disabled ? form.querySelector("button.main") : entity;
  next.focus();
}

if (form) {
  for (const button of document.querySelectorAll(".needs-script")) {
    button.hidden = !player && !button.dataset.pick;
  }
  for (const button of document.querySelectorAll("button[data-pick]")) {
    // A click would end the selection before it is read.
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", () => pick(button));
  }
  for (const kind of form.elements.kind) {
    kind.addEventListener("change", kindChosen);
  }
  kindChosen();
  // Key m: where it begins, and, pressed again, where it ends.
  document.addEventListener("mark-place", (event) => {
    const { from, to } = event.detail;
    form.elements.from.value = seconds(from);
    form.elements.to.value = to === null ? "" : seconds(to);
    form.scrollIntoView({ block: "nearest" });
    if (to !== null) {
      (entity.disabled ? form.querySelector("button.main") : entity).focus();
    }
  });
}

if (form && player) {
  for (const button of form.querySelectorAll("button[data-now]")) {
    button.addEventListener("click", () => {
      form.elements[button.dataset.now].value = seconds(Math.floor(player.currentTime * 1000));
    });
  }
  document.getElementById("mark-listen").addEventListener("click", () => {
    player.currentTime = Number(form.elements.from.value);
    stopAt = Number(form.elements.to.value) || null;
    player.play().catch(() => {});
  });
  player.addEventListener("timeupdate", () => {
    if (stopAt !== null && player.currentTime >= stopAt) {
      player.pause();
      stopAt = null;
    }
  });
}
