// Keeps a list fresh: asks cheaply whether it has changed, and only then fetches the page again.

const EVERY = 15_000; // milliseconds

interface State {
  revision: string;
  counts: Record<string, number>;
}

function showCounts(counts: Record<string, number>): void {
  for (const badge of document.querySelectorAll<HTMLElement>("[data-count]")) {
    const value = counts[badge.dataset["count"] ?? ""];
    if (value === undefined) continue;
    badge.hidden = value === 0;
    const text = badge.firstChild;
    if (text) text.textContent = value < 1000 ? String(value) : "999+";
  }
}

function announce(message: string): void {
  const region = document.createElement("p");
  region.className = "visually-hidden";
  region.textContent = message;
  document.querySelector("#flashes")?.append(region);
  setTimeout(() => region.remove(), 5_000);
}

/** Somebody who is just using a control of the list is not disturbed. */
function isInUse(list: HTMLElement): boolean {
  const active = document.activeElement;
  return list.contains(active) && active?.matches("button, input, select, textarea") === true;
}

async function refresh(list: HTMLElement): Promise<void> {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById(list.id);
  if (!fresh) return;
  const focused = document.activeElement?.closest("[id]")?.id;
  const known = new Set([...list.querySelectorAll("[id]")].map((row) => row.id));
  const added = [...fresh.querySelectorAll(".task-row")].filter((row) => !known.has(row.id)).length;
  list.replaceChildren(...fresh.childNodes);
  list.dataset["revision"] = fresh.dataset["revision"] ?? "";
  if (focused && known.has(focused)) document.getElementById(focused)?.querySelector<HTMLElement>("a")?.focus();
  announce(added ? `${added} new ${added === 1 ? "task" : "tasks"} in the list.` : "The list has changed.");
}

function follow(list: HTMLElement, address: string): void {
  let etag = "";
  let busy = false;

  async function look(): Promise<void> {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const response = await fetch(address, { headers: etag ? { "If-None-Match": etag } : {} });
      if (response.status !== 200 || response.redirected) return;
      const state = (await response.json()) as State;
      showCounts(state.counts);
      if (state.revision !== list.dataset["revision"]) {
        if (isInUse(list)) return;
        await refresh(list);
      }
      etag = response.headers.get("ETag") ?? "";
    } catch {
      // No connection: the next round tries again.
    } finally {
      busy = false;
    }
  }

  setInterval(() => void look(), EVERY);
  document.addEventListener("visibilitychange", () => void look());
}

for (const list of document.querySelectorAll<HTMLElement>("[data-live]")) {
  follow(list, list.dataset["live"] ?? "");
}
