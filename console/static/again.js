// Asks for the same address once more, and keeps the place in the page ("#t=83.2"), which is never
// sent: only a reload does. A browser without scripts asks by itself, without the place.
"use strict";

const reloaded = performance.getEntriesByType("navigation")[0]?.type === "reload";
if (location.hash && !reloaded) {
  location.reload();
} else {
  location.replace(document.querySelector("a").href);
}
