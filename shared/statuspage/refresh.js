// Asks for this page each two seconds while somebody sees it, and changes in place what has changed: no flicker, and focus,
// selection and scroll position stay. Without this script the page is complete, and reloads itself.
"use strict";
(() => {
  const every = 2000, patience = 6000;
  let timer = 0, failures = 0;

  // Makes the element before look like the element after. Children with an id are matched by it, others by their place.
  function morph(before, after) {
    for (const { name } of [...before.attributes]) {
      if (!after.hasAttribute(name) && name !== "open") before.removeAttribute(name); // a reader opened it
    }
    for (const { name, value } of [...after.attributes]) {
      if (before.getAttribute(name) !== value) before.setAttribute(name, value);
    }
    const byId = new Map();
    for (const child of before.children) if (child.id) byId.set(child.id, child);
    let at = before.firstChild;
    for (const wanted of [...after.childNodes]) {
      const known = wanted.nodeType === 1 && wanted.id ? byId.get(wanted.id) : null;
      if (known && known !== at) before.insertBefore(known, at);
      const there = known || at;
      if (!there) {
        before.appendChild(wanted);
        continue;
      }
      const same = there.nodeName === wanted.nodeName && (there.id || "") === (wanted.id || "");
      if (!same) {
        before.insertBefore(wanted, there);
        at = there;
        continue;
      }
      at = there.nextSibling;
      if (wanted.nodeType === 1) morph(there, wanted);
      else if (there.nodeValue !== wanted.nodeValue) there.nodeValue = wanted.nodeValue;
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  function stale(since) {
    const note = document.getElementById("stale");
    note.hidden = since === 0;
    if (since === 1) note.querySelector("time").textContent = new Date().toISOString().slice(11, 19) + " UTC";
  }

  async function refresh() {
    clearTimeout(timer);
    if (document.hidden) return; // nobody looks, so nothing is read
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(patience) });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      failures = 0;
      stale(0);
      document.title = page.title;
      const icon = document.querySelector("link[rel=icon]"), next = page.querySelector("link[rel=icon]");
      if (icon.getAttribute("href") !== next.getAttribute("href")) icon.setAttribute("href", next.getAttribute("href"));
      morph(document.querySelector("main"), page.querySelector("main"));
    } catch {
      stale(++failures);
    }
    timer = setTimeout(refresh, every);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  timer = setTimeout(refresh, every);
})();
