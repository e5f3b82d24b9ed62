// Times jump in the audio; the turn that is heard is marked; the head runs over the tracks.
"use strict";

const audio = document.getElementById("audio");
const turns = [...document.querySelectorAll(".turn")];
const heads = document.querySelectorAll(".track .head");

function show() {
  const ms = audio.currentTime * 1000;
  for (const head of heads) {
    head.setAttribute("x1", ms);
    head.setAttribute("x2", ms);
  }
  for (const turn of turns) {
    const heard = ms >= Number(turn.dataset.start) && ms < Number(turn.dataset.end);
    turn.classList.toggle("heard", heard);
  }
}

if (audio) {
  audio.addEventListener("timeupdate", show);
  audio.addEventListener("seeked", show);
  for (const button of document.querySelectorAll("button[data-ms]")) {
    button.addEventListener("click", () => {
      audio.currentTime = Number(button.dataset.ms) / 1000;
      audio.play().catch(() => {});
    });
  }
}
