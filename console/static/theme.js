// The theme that somebody chose, before the first paint: light, dark, or what the system says.
"use strict";

(() => {
  const KEY = "hushwire-theme";
  const NAMES = ["system", "light", "dark"];

  function chosen() {
    try {
      const kept = localStorage.getItem(KEY);
      return NAMES.includes(kept) ? kept : "system";
    } catch {
      return "system"; // no storage here
    }
  }

  function show(name) {
    if (name === "system") {
      delete document.documentElement.dataset.theme;
    } else {
      document.documentElement.dataset.theme = name;
    }
    const button = document.getElementById("theme");
    if (button) {
      button.hidden = false;
      button.textContent = { system: "◐", light: "☀", dark: "☾" }[name];
      button.setAttribute("aria-label", `Theme: ${name}. Change`);
      button.title = `Theme: ${name}`;
    }
    document.dispatchEvent(new CustomEvent("themechange")); // for canvases
  }

  show(chosen());
  document.addEventListener("DOMContentLoaded", () => {
    show(chosen());
    document.getElementById("theme")?.addEventListener("click", () => {
      const next = NAMES[(NAMES.indexOf(chosen()) + 1) % NAMES.length];
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // it holds for this page only
      }
      show(next);
    });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(chosen()));
})();
