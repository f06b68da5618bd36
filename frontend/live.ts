// Keeps a list fresh: hears, or asks cheaply, whether it has changed, and only then fetches the page again.

const EVERY = 15_000; // milliseconds
const AT_LEAST = 5_000; // milliseconds between two refreshes: a busy site leaves time to read

interface State {
  revision: string;
  counts?: Record<string, number>;
  /** When what the list tells was last looked for. */
  at?: string | null;
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

/** A list that was looked for again and has not changed is not old. */
function showTime(at: string): void {
  for (const place of document.querySelectorAll<HTMLTimeElement>("[data-live-at]")) {
    place.dateTime = at;
    place.textContent = new Date(at).toLocaleTimeString("en-GB", { timeZone: place.dataset["liveAt"] });
  }
}

function announce(message: string): void {
  const region = document.createElement("p");
  region.className = "visually-hidden";
  region.textContent = message;
  document.querySelector("#flashes")?.append(region);
  setTimeout(() => region.remove(), 5_000);
}

/** Somebody who is just using a control of the list, or has selected rows, is not disturbed. */
function isInUse(list: HTMLElement): boolean {
  const active = document.activeElement;
  const usesControl = list.contains(active) && active?.matches("button, input, select, textarea") === true;
  return usesControl || list.querySelector("input:checked") !== null;
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
  const summary = fresh.dataset["summary"];
  if (summary !== undefined) {
    // What changes all the time is told only where its summary does.
    if (summary !== list.dataset["summary"]) announce(`The list has changed: ${summary}.`);
    list.dataset["summary"] = summary;
    return;
  }
  announce(added ? `${added} new ${added === 1 ? "task" : "tasks"} in the list.` : "The list has changed.");
}

/** Asks every few seconds, whenever somebody can see the answer. */
function poll(list: HTMLElement, address: string): void {
  let etag = "";
  let busy = false;

  async function look(): Promise<void> {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const response = await fetch(address, { headers: etag ? { "If-None-Match": etag } : {} });
      if (response.status !== 200 || response.redirected) return;
      const state = (await response.json()) as State;
      if (state.counts) showCounts(state.counts);
      if (state.at) showTime(state.at);
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

/** Hears of changes by server-sent events. Where there are none to be had, `otherwise` is done. */
function listen(list: HTMLElement, address: string, otherwise: () => void): void {
  let source: EventSource | undefined;
  let heard: State | undefined;
  let busy = false;
  let notBefore = 0;

  async function act(): Promise<void> {
    if (busy || !heard || heard.revision === list.dataset["revision"]) return;
    if (isInUse(list) || Date.now() < notBefore) return;
    busy = true;
    try {
      await refresh(list);
      heard = undefined; // the page that came may know more than what was heard before it
      notBefore = Date.now() + AT_LEAST;
    } catch {
      // No connection: the next event, or the next second, tries again.
    } finally {
      busy = false;
    }
  }

  function open(): void {
    // A page that nobody sees takes no stream from those who look.
    if (source || document.hidden) return;
    source = new EventSource(address);
    source.addEventListener("message", (event: MessageEvent<string>) => {
      heard = JSON.parse(event.data) as State;
      if (heard.at) showTime(heard.at);
      void act();
    });
    source.addEventListener("error", () => {
      if (source?.readyState !== EventSource.CLOSED) return; // it comes again by itself
      stop();
      otherwise();
    });
  }

  function close(): void {
    source?.close();
    source = undefined;
  }

  function changed(): void {
    if (document.hidden) close();
    else open();
  }

  // What was heard while somebody was busy with the list is made up for.
  const late = setInterval(() => void act(), 1_000);
  document.addEventListener("visibilitychange", changed);

  function stop(): void {
    close();
    clearInterval(late);
    document.removeEventListener("visibilitychange", changed);
  }

  open();
}

for (const list of document.querySelectorAll<HTMLElement>("[data-live]")) {
  const { live = "", stream } = list.dataset;
  if (stream && "EventSource" in window) listen(list, stream, () => poll(list, live));
  else poll(list, live);
}

export {};
