// Draws the diagram of an instance with the way it came and where it stands. The page's text says the
// same, so nothing is lost when this cannot run.
import "bpmn-js/dist/assets/diagram-js.css";
import "bpmn-js/dist/assets/bpmn-js.css";

interface Tokens {
  here: string[];
  failed: boolean;
  elements: string[];
  flows: string[];
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Canvas {
  zoom(level: number | "fit-viewport", center?: { x: number; y: number } | "auto"): number;
  addMarker(element: string, marker: string): void;
  viewbox(box?: Box): Box & { scale: number; inner: Box };
}

interface Registry {
  get(id: string): Partial<Box> | undefined;
}

// Below this size nobody can read the names of the steps.
const READABLE = 0.62;

function mark(canvas: Canvas, registry: Registry, tokens: Tokens): void {
  const known = (id: string): boolean => registry.get(id) !== undefined;
  const past = tokens.elements.filter((id) => !tokens.here.includes(id));
  for (const id of [...past, ...tokens.flows].filter(known)) canvas.addMarker(id, "millwright-done");
  for (const id of tokens.here.filter(known)) {
    canvas.addMarker(id, tokens.failed ? "millwright-incident" : "millwright-here");
  }
}

/** The whole diagram where it stays readable, else the part where the instance stands. */
function frame(canvas: Canvas, registry: Registry, tokens: Tokens, step: string): void {
  canvas.zoom("fit-viewport");
  const view = canvas.viewbox();
  if (view.scale >= READABLE) return;
  const focus = registry.get(step) ?? registry.get(tokens.here[0] ?? tokens.elements.at(-1) ?? "");
  const width = (view.width * view.scale) / READABLE;
  const height = (view.height * view.scale) / READABLE;
  const x = (focus?.x ?? view.inner.x) + (focus?.width ?? 0) / 2;
  const y = (focus?.y ?? view.inner.y) + (focus?.height ?? 0) / 2;
  canvas.viewbox({ x: x - width / 2, y: y - height / 2, width, height });
}

/** Draws into a container; with a step, a still picture around that step, else one to move and zoom. */
async function draw(container: HTMLElement, xml: string, tokens: Tokens, step?: string): Promise<void> {
  const movable = step === undefined;
  const { default: Viewer } = movable
    ? await import("bpmn-js/lib/NavigatedViewer")
    : await import("bpmn-js/lib/Viewer");
  const viewer = new Viewer({ container });
  await viewer.importXML(xml);
  const canvas = viewer.get<Canvas>("canvas");
  const registry = viewer.get<Registry>("elementRegistry");
  mark(canvas, registry, tokens);
  if (movable) canvas.zoom("fit-viewport", "auto");
  else frame(canvas, registry, tokens, step);
}

/** A button that opens the diagram large, to move and zoom in. */
function enlarger(xml: string, tokens: Tokens): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button--quiet";
  button.textContent = "Enlarge the diagram";
  button.addEventListener("click", () => {
    const dialog = document.createElement("dialog");
    dialog.className = "diagram-dialog";
    dialog.setAttribute("aria-label", "Diagram");
    const container = document.createElement("div");
    container.className = "diagram diagram--tall";
    const close = document.createElement("button");
    close.type = "button";
    close.className = "button";
    close.textContent = "Close";
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    dialog.append(container, close);
    document.body.append(dialog);
    dialog.showModal();
    void draw(container, xml, tokens);
  });
  return button;
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
    legend.after(enlarger(xml, state));
  }
}

for (const container of document.querySelectorAll<HTMLElement>("[data-diagram]")) {
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    void show(container);
  }, { rootMargin: "200px" });
  seen.observe(container.parentElement ?? container);
}
