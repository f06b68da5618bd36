// Keeps the number on the bell fresh while a page is looked at. Of several tabs one asks, and tells the others.

const EVERY = 15_000; // milliseconds
const CHANNEL = "millwright-counts";

interface Counts {
  counts: Record<string, number>;
}

let heard = Date.now();

function show(counts: Record<string, number>): void {
  heard = Date.now();
  for (const badge of document.querySelectorAll<HTMLElement>('[data-count="unread"]')) {
    const value = counts["unread"];
    if (value === undefined) continue;
    badge.hidden = value === 0;
    const text = badge.firstChild;
    if (text) text.textContent = value < 1000 ? String(value) : "999+";
  }
}

const channel = "BroadcastChannel" in window ? new BroadcastChannel(CHANNEL) : undefined;
channel?.addEventListener("message", (event: MessageEvent<Counts>) => show(event.data.counts));

async function ask(address: string): Promise<void> {
  if (document.hidden || Date.now() - heard < EVERY) return;
  heard = Date.now(); // an answer that is long in coming is not asked for twice
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    if (!response.ok || response.redirected) return;
    const found = (await response.json()) as Counts;
    show(found.counts);
    channel?.postMessage(found);
  } catch {
    // Without a connection the number stays as it was.
  }
}

const bell = document.querySelector<HTMLElement>("[data-bell]");
// The inbox asks for its numbers itself.
if (bell?.dataset["bell"] && !document.querySelector("[data-live]:not([data-stream])")) {
  const address = bell.dataset["bell"];
  setInterval(() => void ask(address), 1_000);
}

export {};
