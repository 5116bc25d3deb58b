// Looks again when the province says that something has changed; the browser reconnects by itself.
"use strict";
let busy = false, again = false;

async function look() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.ok) { show(new DOMParser().parseFromString(await answer.text(), "text/html")); }
  } catch { /* the province is away: the events come back when it does */ }
  busy = false;
  if (again) { again = false; look(); }
}

// The sentence that screen readers speak is changed only when it says something new.
function show(page) {
  document.getElementById("live").replaceWith(page.getElementById("live"));
  const now = document.getElementById("sum"), next = page.getElementById("sum").textContent;
  if (now.textContent !== next) { now.textContent = next; }
}

const events = new EventSource("/events" + location.search);
const lost = document.getElementById("lost");
events.onopen = () => { lost.hidden = true; };
events.onerror = () => { lost.hidden = false; };
events.onmessage = look;
