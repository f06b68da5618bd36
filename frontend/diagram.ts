// Draws the diagram of an instance with the way it came and where it stands. The page's text says the
// same, so nothing is lost when this cannot run.
import { enlarger, frame, open, whenSeen, type Drawing } from "./drawing/viewer";

interface Tokens {
  here: string[];
  failed: boolean;
  elements: string[];
  flows: string[];
}

function mark({ canvas, registry }: Drawing, tokens: Tokens): void {
  const known = (id: string): boolean => registry.get(id) !== undefined;
  const past = tokens.elements.filter((id) => !tokens.here.includes(id));
  for (const id of [...past, ...tokens.flows].filter(known)) canvas.addMarker(id, "millwright-done");
  for (const id of tokens.here.filter(known)) {
    canvas.addMarker(id, tokens.failed ? "millwright-incident" : "millwright-here");
  }
}

/** Draws into a container; with a step, a still picture around that step, else one to move and zoom. */
async function draw(container: HTMLElement, xml: string, tokens: Tokens, step?: string): Promise<void> {
  const drawing = await open(container, xml, step === undefined);
  mark(drawing, tokens);
  if (step === undefined) {
    drawing.canvas.zoom("fit-viewport", "auto");
    return;
  }
  const known = step && drawing.registry.get(step) !== undefined;
  frame(drawing, known ? step : (tokens.here[0] ?? tokens.elements.at(-1) ?? ""));
}

async function show(container: HTMLElement): Promise<void> {
  const { diagram, tokens, standing, focus } = container.dataset;
  if (!diagram || !(tokens || standing)) return;
  const [drawing, answer] = await Promise.all([fetch(diagram), tokens ? fetch(tokens) : null]);
  if (!drawing.ok || answer?.ok === false) return;
  const xml = await drawing.text();
  const state = (answer ? await answer.json() : JSON.parse(standing ?? "")) as Tokens;
  container.hidden = false;
  await draw(container, xml, state, focus ?? "");
  const legend = container.nextElementSibling as HTMLElement | null;
  if (legend) {
    legend.hidden = false;
    legend.after(enlarger((large) => void draw(large, xml, state)));
  }
}

for (const container of document.querySelectorAll<HTMLElement>("[data-diagram]")) {
  whenSeen(container.parentElement ?? container, () => void show(container));
}
