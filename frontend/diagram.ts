// Draws the diagram of an instance with the way it came and where it stands. The page's text says the
// same, so nothing is lost when this cannot run.
import { enlarger, frame, open, roomIn, spread, whenSeen, type Drawing } from "./drawing/viewer";

interface Tokens {
  here: string[];
  failed: boolean;
  elements: string[];
  flows: string[];
  waiting?: Record<string, string>;
}

function mark({ canvas, registry }: Drawing, tokens: Tokens): void {
  const known = (id: string): boolean => registry.get(id) !== undefined;
  const past = tokens.elements.filter((id) => !tokens.here.includes(id));
  for (const id of [...past, ...tokens.flows].filter(known)) canvas.addMarker(id, "millwright-done");
  for (const id of tokens.here.filter(known)) {
    canvas.addMarker(id, tokens.failed ? "millwright-incident" : "millwright-here");
  }
}

/** Writes at each step how long something has waited there. The page's list says it, too. */
function tellWaiting({ overlays, registry }: Drawing, tokens: Tokens): void {
  for (const [id, text] of Object.entries(tokens.waiting ?? {})) {
    if (!registry.get(id)) continue;
    const note = document.createElement("span");
    note.className = "diagram-wait";
    note.textContent = text;
    overlays.add(id, "waiting", { position: { bottom: 10, left: 6 }, html: note, scale: { min: 0.8, max: 1.2 } });
  }
}

/** Lets somebody choose a step by clicking it: the option of a field that means it, if there is one. */
function letPick(container: HTMLElement, { canvas, registry, events }: Drawing): void {
  const field = (id: string | undefined): HTMLSelectElement | null =>
    document.querySelector<HTMLSelectElement>(`select[id="${id ?? ""}"]`);
  const to = field(container.dataset["pick"]);
  if (!to) return;
  const from = field(container.dataset["pickFrom"]);
  const offers = (select: HTMLSelectElement | null, id: string): boolean =>
    [...(select?.options ?? [])].some((option) => option.value !== "" && option.value === id);
  let shown = "";
  const show = (): void => {
    if (shown && registry.get(shown)) canvas.removeMarker(shown, "millwright-picked");
    shown = to.value;
    if (shown && registry.get(shown)) canvas.addMarker(shown, "millwright-picked");
  };
  for (const option of to.options) {
    if (option.value && registry.get(option.value)) canvas.addMarker(option.value, "millwright-pickable");
  }
  events.on("element.click", ({ element }) => {
    // A name beside a symbol means the symbol.
    const id = element?.id.replace(/_label$/, "") ?? "";
    if (!offers(to, id)) return;
    to.value = id;
    to.dispatchEvent(new Event("change", { bubbles: true }));
  });
  to.addEventListener("change", show);
  from?.addEventListener("change", show);
  show();
  container.closest("section")?.querySelector("[data-pick-hint]")?.removeAttribute("hidden");
}

/** Draws into a container; with a step, a still picture around that step, else one to move and zoom. */
async function draw(container: HTMLElement, xml: string, tokens: Tokens, step?: string): Promise<Drawing> {
  const drawing = await open(container, xml, step === undefined);
  mark(drawing, tokens);
  if (step === undefined) drawing.canvas.zoom("fit-viewport", "auto");
  else frame(drawing, focused(drawing, tokens, step));
  return drawing;
}

/** The step that is shown: the one asked for, else where the instance stands, else where it was last. */
function focused({ registry }: Drawing, tokens: Tokens, step: string): string {
  const known = step && registry.get(step) !== undefined;
  return known ? step : (tokens.here[0] ?? tokens.elements.at(-1) ?? "");
}

/** Draws all of the diagram at a size that can be read, for somebody to choose a step on it. */
async function drawToPick(container: HTMLElement, xml: string, tokens: Tokens, step: string): Promise<Drawing> {
  const room = roomIn(container);
  const drawing = await open(room, xml, false);
  mark(drawing, tokens);
  spread(drawing, room, focused(drawing, tokens, step));
  letPick(container, drawing);
  return drawing;
}

async function show(container: HTMLElement): Promise<void> {
  const { diagram, tokens, standing, focus, pick } = container.dataset;
  if (!diagram || !(tokens || standing)) return;
  const [drawing, answer] = await Promise.all([fetch(diagram), tokens ? fetch(tokens) : null]);
  if (!drawing.ok || answer?.ok === false) return;
  const xml = await drawing.text();
  const state = (answer ? await answer.json() : JSON.parse(standing ?? "")) as Tokens;
  const waits = "waits" in container.dataset;
  container.hidden = false;
  const drawn =
    pick !== undefined
      ? await drawToPick(container, xml, state, focus ?? "")
      : await draw(container, xml, state, "whole" in container.dataset ? undefined : (focus ?? ""));
  if (waits) tellWaiting(drawn, state);
  const legend = container.nextElementSibling as HTMLElement | null;
  if (legend) {
    legend.hidden = false;
    if (pick !== undefined) return;
    legend.after(
      enlarger((large) => {
        void draw(large, xml, state).then((whole) => {
          if (waits) tellWaiting(whole, state);
        });
      }),
    );
  }
}

for (const container of document.querySelectorAll<HTMLElement>("[data-diagram]")) {
  whenSeen(container.parentElement ?? container, () => void show(container));
}
