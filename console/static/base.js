// On every page: times in the page's zone and numbers, both by the browser's locale, buttons that
// copy, forms that leave empty fields out of the address. Scripts that add nodes call `hushwire.dress(node)`.
"use strict";

const hushwire = (() => {
  const browsers = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zone = pageZone();
  const wanted = { dateStyle: "medium", timeStyle: "short", timeZone: zone || undefined };
  const forms = {
    "": new Intl.DateTimeFormat(undefined, wanted),
    seconds: new Intl.DateTimeFormat(undefined, { ...wanted, timeStyle: "medium" }),
    date: new Intl.DateTimeFormat(undefined, { ...wanted, timeStyle: undefined }),
  };
  const whole = new Intl.DateTimeFormat(undefined, {
    dateStyle: "full", timeStyle: "long", timeZone: wanted.timeZone,
  });
  const days = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
  const months = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", timeZone: "UTC" });
  const number = new Intl.NumberFormat();
  const COPIED_MS = 1500;

  // The page's zone; a zone that this browser does not know leaves times as the server wrote them.
  function pageZone() {
    const named = document.documentElement.dataset.zone ?? "";
    try {
      return Intl.DateTimeFormat(undefined, { timeZone: named }).resolvedOptions().timeZone;
    } catch {
      return "";
    }
  }

  // Local times: <time datetime="2026-03-01T10:00:00Z" data-local>; data-local="date" or "seconds".
  function localTime(node) {
    const moment = new Date(node.dateTime);
    if (zone && !Number.isNaN(moment.getTime())) {
      node.textContent = (forms[node.dataset.local] ?? forms[""]).format(moment);
      node.title = `${whole.format(moment)} · ${moment.toISOString()}`;
    }
  }

  // Days and months, which have no zone: <time datetime="2026-11-30" data-day>.
  function localDay(node) {
    const [year, month, day] = node.dateTime.split("-").map(Number);
    const moment = new Date(Date.UTC(year, month - 1, day ?? 1));
    if (!Number.isNaN(moment.getTime())) {
      node.textContent = (day ? days : months).format(moment);
    }
  }

  // Numbers: <span data-number="1234.5">1234.5</span>; the attribute may be empty.
  function localNumber(node) {
    const value = Number(node.dataset.number || node.textContent);
    if (Number.isFinite(value)) {
      node.textContent = number.format(value);
    }
  }

  async function copy(button) {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.dataset.copied = "";
    say("Copied");
    setTimeout(() => delete button.dataset.copied, COPIED_MS);
  }

  // On a phone a row of a table of class "stack" is a list: each cell says what column it is of.
  function label(table) {
    const heads = [...table.querySelectorAll("thead th")].map((head) =>
      head.querySelector(".unseen") ? "" : head.textContent.trim());
    for (const row of table.tBodies[0]?.rows ?? []) {
      for (const cell of row.cells) {
        if (cell.tagName === "TD" && cell.colSpan === 1) {
          cell.dataset.label = heads[cell.cellIndex] ?? "";
        }
      }
    }
    table.classList.add("labelled");
  }

  // Tell screen readers.
  function say(text) {
    document.getElementById("said").textContent = text;
  }

  function dress(root) {
    root.querySelectorAll("time[data-local]").forEach(localTime);
    root.querySelectorAll("time[data-day]").forEach(localDay);
    root.querySelectorAll("[data-number]").forEach(localNumber);
    root.querySelectorAll("table.stack").forEach(label);
    for (const button of root.querySelectorAll("button[data-copy]")) {
      button.hidden = !navigator.clipboard; // only over TLS and on the loopback
    }
  }

  dress(document);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-copy]");
    if (button) {
      copy(button).catch(() => say("Could not copy"));
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.target.method === "get") {
      for (const field of event.target.elements) {
        field.disabled ||= field.name !== "" && field.value === "";
      }
    }
  });
  // The place in a page ("#t=83.2") is never sent: it goes along to where the login leads back.
  const login = document.querySelector('form[action="/login"]');
  if (login && location.hash) {
    login.action += location.hash;
    const issuer = document.querySelector('a[href^="/login/oidc?next="]');
    if (issuer) {
      issuer.href += encodeURIComponent(location.hash);
    }
  }
  // Back from the next page: what was left out is there again.
  window.addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll('form[method="get"] :disabled')) {
      field.disabled = false;
    }
  });
  // The server tells times in this browser's zone unless its reader chose another.
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie =
    `hushwire_browser_zone=${browsers}; path=/; max-age=31536000; samesite=strict${secure}`;
  // The page where we are is seen in the bar.
  const bar = document.querySelector(".places");
  const current = bar?.querySelector("[aria-current]");
  if (current) {
    bar.scrollLeft += current.getBoundingClientRect().right - bar.getBoundingClientRect().right + 16;
  }
  // What scrolls sideways can be reached by keyboard.
  function reachable() {
    for (const wrap of document.querySelectorAll(".table-wrap, .report .scroll, .report .wide")) {
      const needed =
        wrap.scrollWidth > wrap.clientWidth && !wrap.querySelector("a[href], button, input");
      if (needed) {
        wrap.tabIndex = 0;
      } else {
        wrap.removeAttribute("tabindex");
      }
    }
  }
  reachable();
  window.addEventListener("resize", reachable);
  return { dress, say };
})();
