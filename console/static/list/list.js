// The list of calls: "/" goes to the words; the zone is said where days are.
"use strict";

(() => {
  const form = document.getElementById("filters");
  form.addEventListener("submit", () => {
    const days = form.elements.since.value || form.elements.until.value;
    form.elements.zone.disabled = !days;
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      (form.elements.q ?? form.elements.within).focus();
    }
  });
  // The list of views closes as others do.
  document.addEventListener("keydown", (event) => {
    const open = document.querySelector(".views[open]");
    if (event.key === "Escape" && open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });
})();
