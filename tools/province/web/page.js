// Looks again when the province says that something has changed; the browser reconnects by itself.
"use strict";
let busy = false, again = false;
async function look() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("live").replaceWith(page.getElementById("live"));
    }
  } catch { /* the province is away: the events come back when it does */ }
  busy = false;
  if (again) { again = false; look(); }
}
new EventSource("/events").onmessage = look;
