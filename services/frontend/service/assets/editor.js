// The editor's helper: a live preview, a copy of what is being typed (at the
// blog, and in this browser until the blog has it), and shortcuts. Without it
// the form works as it is.
"use strict";
(() => {
  const form = document.getElementById("editor");
  const { title, summary, body, slug, tags, categoryId, base, sequence } = form.elements;
  const fields = { title, summary, body, slug, tags, categoryId, base };
  const preview = document.getElementById("preview");
  const status = document.getElementById("status");
  const restore = document.getElementById("restore");
  const { keep, store } = form.dataset;
  const pause = 700;
  const again = 5000;

  form.classList.add("live");

  const typed = () => Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value]));
  const same = (a, b) => ["title", "summary", "body", "slug", "tags", "categoryId"].every((name) => a[name] === b[name]);

  // The browser's copy. A browser that keeps nothing still has the page.
  const copies = {
    get(key) {
      try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
    },
    set(key, text) {
      try { localStorage.setItem(key, JSON.stringify(text)); } catch { /* full, or not allowed */ }
    },
    drop(key) {
      try { localStorage.removeItem(key); } catch { /* not allowed */ }
    },
  };

  const shown = typed();
  // What was begun on the page for a new post has arrived as this one.
  const begun = copies.get(form.dataset.begun);
  if (begun && store !== form.dataset.begun && begun.title === shown.title && begun.body === shown.body) copies.drop(form.dataset.begun);
  const copy = copies.get(store);
  if (copy && same(copy, shown)) copies.drop(store);
  else if (copy) restore.hidden = false;

  restore.addEventListener("click", (event) => {
    switch (event.target.dataset.do) {
      case "restore":
        for (const [name, field] of Object.entries(fields)) if (typeof copy[name] === "string") field.value = copy[name];
        restore.hidden = true;
        body.focus();
        changed();
        break;
      case "forget":
        copies.drop(store);
        restore.hidden = true;
        title.focus();
    }
  });

  let timer = 0;
  const leaving = new AbortController();
  let asking = false;
  let waiting = false;

  const say = (text, bad) => {
    status.textContent = text;
    status.classList.toggle("bad", bad);
  };

  const changed = () => {
    copies.set(store, typed());
    clearTimeout(timer);
    timer = setTimeout(send, pause);
  };

  // One request at a time: the last text is the last to arrive.
  async function send() {
    if (asking) { waiting = true; return; }
    asking = true;
    waiting = false;
    sequence.value = String(Number(sequence.value) + 1);
    const sent = typed();
    let later = 0;
    try {
      const answer = await fetch(keep, { method: "POST", body: new URLSearchParams(new FormData(form)), credentials: "same-origin", redirect: "error", signal: leaving.signal });
      if (answer.ok) {
        const kept = await answer.json();
        // A page of two versions has no preview.
        if (preview) preview.innerHTML = kept.html;
        const at = kept.at ? new Date(kept.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : "";
        say(kept.status.replace("{time}", at), kept.newer || kept.refused);
        // Tags, category and address travel only when the post is saved.
        const whole = ["slug", "tags", "categoryId"].every((name) => sent[name] === shown[name]);
        if (keep.endsWith("/draft") && !kept.newer && !kept.refused && whole && same(sent, typed())) copies.drop(store);
      } else if (answer.status === 401 || answer.status === 403) {
        say(form.dataset.signedOut, true);
        later = again;
      } else if (answer.status >= 500 || answer.status === 429) {
        say(form.dataset.offline, true);
        later = again;
      } else {
        say(form.dataset.refused, true);
      }
    } catch {
      if (leaving.signal.aborted) return;
      say(form.dataset.offline, true);
      later = again;
    }
    asking = false;
    if (waiting) send();
    else if (later) timer = setTimeout(send, later);
  }

  form.addEventListener("input", (event) => {
    if (event.target.name !== "pane") changed();
  });
  // A save that is answered with an error must not cost a word, and what is kept
  // must not overtake it.
  form.addEventListener("submit", () => {
    copies.set(store, typed());
    clearTimeout(timer);
    leaving.abort();
  });
  document.getElementById("discard")?.addEventListener("submit", () => copies.drop(store));

  const wrap = (before, after) => {
    const { selectionStart: start, selectionEnd: end, value } = body;
    body.setRangeText(before + value.slice(start, end) + after, start, end, "end");
    body.setSelectionRange(start + before.length, end + before.length);
    changed();
  };
  const shortcuts = {
    s: () => form.requestSubmit(form.querySelector('button[value="save"]')),
    b: () => wrap("**", "**"),
    i: () => wrap("*", "*"),
    k: () => wrap("[", "](https://)"),
  };
  form.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    const act = shortcuts[event.key.toLowerCase()];
    if (!act || (event.key.toLowerCase() !== "s" && event.target !== body)) return;
    event.preventDefault();
    act();
  });
})();
