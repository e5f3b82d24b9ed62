// The text of a policy: line numbers beside it, those with a mistake marked; a mistake's number
// leads to its line.
"use strict";

(() => {
  const text = document.getElementById("document");
  const gutter = document.querySelector(".gutter");
  const links = [...document.querySelectorAll("#mistakes .wrong .line")];
  const wrong = new Set(links.map((link) => Number(link.dataset.line)));

  function number() {
    const lines = text.value.split("\n").length;
    gutter.replaceChildren(
      ...Array.from({ length: lines }, (_, at) => {
        const one = document.createElement("span");
        one.textContent = `${at + 1}\n`;
        one.classList.toggle("wrong", wrong.has(at + 1));
        return one;
      }),
    );
    gutter.scrollTop = text.scrollTop;
  }

  function go(line) {
    const before = text.value.split("\n").slice(0, line - 1);
    const start = before.join("\n").length + (before.length ? 1 : 0);
    const end = text.value.indexOf("\n", start);
    text.focus();
    text.setSelectionRange(start, end < 0 ? text.value.length : end);
    const height = parseFloat(getComputedStyle(text).lineHeight);
    text.scrollTop = Math.max(0, (line - 4) * height);
  }

  text.addEventListener("input", number);
  text.addEventListener("scroll", () => {
    gutter.scrollTop = text.scrollTop;
  });
  document.getElementById("mistakes")?.addEventListener("click", (event) => {
    const link = event.target.closest("[data-line]");
    if (link) {
      event.preventDefault();
      go(Number(link.dataset.line));
    }
  });
  // What is not sent yet is not lost without a word.
  let changed = false;
  const form = document.getElementById("editor");
  form.addEventListener("input", () => (changed = true));
  form.addEventListener("submit", () => (changed = false));
  window.addEventListener("beforeunload", (event) => {
    if (changed) {
      event.preventDefault();
    }
  });
  // What was open stays open when the page comes back from the server with what it found.
  for (const part of document.querySelectorAll(".editor details[id]")) {
    const key = `hushwire-policy-${part.id}`;
    part.open = sessionStorage.getItem(key) === "open";
    part.addEventListener("toggle", () => sessionStorage.setItem(key, part.open ? "open" : ""));
  }
  // "#recognisers" in an address opens them.
  const named = document.getElementById(location.hash.slice(1));
  if (named?.tagName === "DETAILS") {
    named.open = true;
  }
  number();
})();
