// Renews parts of a page: <div id data-live="/address" data-every="10">. Focus, open details and
// scrolled tables stay; `data-until` names what ends it, and what holds `data-load` loads the whole
// page again. A page that is not seen waits; none keeps
// anybody logged in, so it ends with the session at the latest.
"use strict";

(() => {
  const told = document.getElementById("renewed");

  // Where something is, so that it is found in what comes in its place.
  function pathOf(root, node) {
    const path = [];
    for (let at = node; at !== root; at = at.parentElement) {
      path.unshift([...at.parentElement.children].indexOf(at));
    }
    return path;
  }

  function at(root, path) {
    return path.reduce((node, place) => node?.children[place], root);
  }

  function renew(root, html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").body;
    const focused = root.contains(document.activeElement) ? document.activeElement : null;
    const focusedAt = focused && pathOf(root, focused);
    const opened = [...root.querySelectorAll("details[open]")].map((one) => pathOf(root, one));
    const scrolled = [...root.querySelectorAll(".table-wrap")]
      .filter((one) => one.scrollLeft)
      .map((one) => [pathOf(root, one), one.scrollLeft]);
    root.replaceChildren(...fresh.childNodes);
    hushwire.dress(root);
    for (const path of opened) {
      const node = at(root, path);
      if (node?.tagName === "DETAILS") {
        node.open = true;
      }
    }
    for (const [path, left] of scrolled) {
      const node = at(root, path);
      if (node) {
        node.scrollLeft = left;
      }
    }
    if (focusedAt) {
      at(root, focusedAt)?.focus({ preventScroll: true });
    }
  }

  function say(text) {
    if (told) {
      told.textContent = text;
    }
  }

  function shown() {
    if (told) {
      const time = document.createElement("time");
      time.dateTime = new Date().toISOString();
      time.dataset.local = "seconds";
      told.replaceChildren("As of ", time);
      hushwire.dress(told);
    }
  }

  async function once(root, raw) {
    const answer = await fetch(root.dataset.live, { cache: "no-store", redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) {
      return "You are not logged in any more: load the page again.";
    }
    if (!answer.ok) {
      throw new Error(String(answer.status));
    }
    const html = await answer.text();
    if (html !== raw.html) {
      raw.html = html;
      renew(root, html);
    }
    return "";
  }

  async function keep(root) {
    const every = Number(root.dataset.every) * 1000;
    const raw = { html: "" };
    while (!root.dataset.until || !root.querySelector(root.dataset.until)) {
      await new Promise((done) => { setTimeout(done, every); });
      if (document.hidden) {
        continue;
      }
      try {
        const over = await once(root, raw);
        if (over) {
          say(over);
          return;
        }
        if (root.querySelector("[data-load]")) {
          location.reload();
          return;
        }
        shown();
      } catch {
        say("This server does not answer: trying again.");
      }
    }
  }

  for (const root of document.querySelectorAll("[data-live]")) {
    keep(root);
  }
})();
