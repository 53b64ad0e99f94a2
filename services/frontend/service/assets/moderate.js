// Keys for the moderation queue. They work only while the focus is in a comment,
// and not while somebody types.
"use strict";
(() => {
  const queue = document.getElementById("queue");
  if (!queue) return;
  const comments = [...queue.children];
  const goTo = (comment) => {
    comment.focus();
    comment.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    const at = comments.indexOf(event.target.closest("#queue > li"));
    if (at < 0) return;
    const key = event.key.toLowerCase();
    const next = { j: comments[at + 1], k: comments[at - 1] }[key];
    if (next) {
      event.preventDefault();
      goTo(next);
      return;
    }
    comments[at].querySelector(`button[data-key="${CSS.escape(key)}"]`)?.click();
  });
  // Who has just decided goes on with the next comment.
  if (document.querySelector("#notices .notice")) comments[0].focus({ preventScroll: true });
})();
