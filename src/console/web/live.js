// Keeps a page fresh: the appliance says that something changed, the page asks for itself again and takes over those
// of its parts that are marked `data-live`. Without scripts the page is right when it is loaded.

const REFRESH = { headers: { "X-Refresh": "1" }, credentials: "same-origin" };

async function refresh() {
  const response = await fetch(location.href, REFRESH);
  // The session has ended: whoever comes back shall see that they are not logged in.
  if (response.redirected) return location.assign(response.url);
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(part.id);
    // Nobody loses what they are about to press or to type.
    if (!now || part.innerHTML === now.innerHTML || part.contains(document.activeElement)) continue;
    if (part.querySelector("details[open]")) continue;
    part.replaceChildren(...now.childNodes);
  }
}

if (document.getElementById("status")) {
  let running = null;
  let again = false;
  const soon = async () => {
    if (running) { again = true; return; }
    do {
      again = false;
      running = refresh().catch(() => {});
      await running;
      running = null;
    } while (again);
  };
  // A browser has few connections for one host: a page that nobody sees gives its own back.
  let source = null;
  const follow = () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else if (!source) {
      source = new EventSource("/api/v1/events");
      source.addEventListener("changed", soon);
    }
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}
