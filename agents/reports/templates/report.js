"use strict";
for (const call of document.querySelectorAll(".call")) {
  const duration = Number(call.dataset.duration) || 1;
  const audio = call.querySelector("audio");
  const turns = [...call.querySelectorAll(".turn")];
  const heads = [...call.querySelectorAll(".head")];

  for (const mute of call.querySelectorAll(".mute")) {
    const at = Number(mute.dataset.at) / duration;
    if (at > 0.85) mute.classList.add("right");
    if (at < 0.1) mute.classList.add("left");
  }
  if (!audio) continue;

  const show = () => {
    const now = audio.currentTime * 1000;
    call.classList.toggle("playing", now > 0);
    for (const head of heads) head.style.left = `${Math.min(100, (100 * now) / duration)}%`;
    for (const turn of turns) {
      const here = now > 0 && now >= Number(turn.dataset.from) && now < Number(turn.dataset.to);
      turn.classList.toggle("now", here);
      if (here) turn.setAttribute("aria-current", "true");
      else turn.removeAttribute("aria-current");
    }
  };
  const seek = (milliseconds) => {
    audio.currentTime = milliseconds / 1000;
    show();
  };
  audio.addEventListener("timeupdate", show);
  audio.addEventListener("seeked", show);
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
  });
  call.addEventListener("click", (event) => {
    const button = event.target.closest("[data-at]");
    if (button) {
      seek(Number(button.dataset.at));
      if (button.closest(".turn")) audio.play();
      return;
    }
    const strip = event.target.closest(".wave:not(.ruler) .strip");
    if (!strip) return;
    const box = strip.getBoundingClientRect();
    seek(((event.clientX - box.left) / box.width) * duration);
  });
}
