// Charts: what a mark is stands beside the pointer. Own days are asked for only where they count.
"use strict";

(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("aria-hidden", "true"); // the table says the same
  document.body.append(tip);
  const GAP = 14;

  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest?.('.chart [role="graphics-symbol"][aria-label]');
    const told = mark && !mark.getAttribute("aria-label").includes("axis titled") ? mark : null;
    tip.textContent = told ? told.getAttribute("aria-label") : "";
    if (told) {
      const left = Math.min(event.clientX + GAP, window.innerWidth - tip.offsetWidth - GAP);
      tip.style.left = `${left}px`;
      tip.style.top = `${event.clientY + GAP}px`;
    }
  });

  const compare = document.getElementById("compare");
  const own = document.querySelectorAll(".field.own");
  function ask() {
    for (const field of own) {
      field.hidden = compare.value !== "own";
    }
  }
  compare.addEventListener("change", ask);
  ask();
  for (const chart of document.querySelectorAll(".chart")) {
    if (chart.scrollWidth > chart.clientWidth) {
      chart.tabIndex = 0; // so that it scrolls by keyboard
      chart.setAttribute("role", "region");
      chart.setAttribute("aria-label", chart.firstElementChild.getAttribute("aria-label"));
    }
  }
})();
