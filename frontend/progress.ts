// Follows what is done in the background: fetches the page again until nothing is left to do.

const EVERY = 1_500; // milliseconds

/** Somebody who is just reading a result with the keyboard is not thrown out of it. */
function isInUse(place: HTMLElement): boolean {
  return place.contains(document.activeElement);
}

async function fetchAgain(): Promise<void> {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById("progress");
  const place = document.getElementById("progress");
  if (!fresh || !place || isInUse(place)) return;
  place.replaceWith(fresh);
  if (!fresh.hasAttribute("data-progress")) announce(fresh.dataset["summary"] ?? "");
}

function announce(message: string): void {
  const region = document.createElement("p");
  region.className = "visually-hidden";
  region.textContent = message;
  document.querySelector("#flashes")?.append(region);
}

function follow(): void {
  if (!document.querySelector("[data-progress]")) return;
  setTimeout(async () => {
    try {
      if (!document.hidden) await fetchAgain();
    } catch {
      // No connection: the next round tries again.
    }
    follow();
  }, EVERY);
}

follow();
