// Draws the heat of a process on its diagram: a shade for each step, and its number on it. Another measure is
// shown without another page. The table says the same.
import "./css/heat.css";
import { enlarger, open, whenSeen, type Drawing } from "./drawing/viewer";

type Heat = Record<string, Record<string, [shade: number, text: string]>>;

const OVERLAY = "heat";
const SHADES = [1, 2, 3, 4, 5];

function paint({ canvas, registry, overlays }: Drawing, heat: Heat, measure: string): void {
  overlays.remove({ type: OVERLAY });
  const ids = new Set(Object.values(heat).flatMap((places) => Object.keys(places)));
  for (const id of ids) {
    const shape = registry.get(id);
    if (!shape) continue;
    for (const shade of SHADES) canvas.removeMarker(id, `shade-${shade}`);
    const place = heat[measure]?.[id];
    if (!place) continue;
    const [shade, text] = place;
    if (shade) canvas.addMarker(id, `shade-${shade}`);
    const number = document.createElement("span");
    number.className = `heat-number heat-${shade}`;
    number.textContent = text;
    const position = { top: 0, left: (shape.width ?? 0) / 2 };
    overlays.add(id, OVERLAY, { position, html: number, scale: { min: 0.75, max: 1.2 } });
  }
}

/** The links of the measures change the drawing, its legend and the address instead of the page. */
function choose(section: HTMLElement, show: (measure: string) => void): void {
  const links = [...section.querySelectorAll<HTMLAnchorElement>("a[data-measure]")];
  for (const link of links) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const measure = link.dataset["measure"] ?? "";
      for (const each of links) each.removeAttribute("aria-current");
      link.setAttribute("aria-current", "true");
      for (const legend of section.querySelectorAll<HTMLElement>("[data-legend]")) {
        legend.hidden = legend.dataset["legend"] !== measure;
      }
      for (const field of document.querySelectorAll<HTMLInputElement>("input[name=measure]")) field.value = measure;
      history.replaceState(null, "", link.href);
      show(measure);
    });
  }
}

async function start(section: HTMLElement): Promise<void> {
  const container = section.querySelector<HTMLElement>(".diagram");
  if (!container) return;
  const response = await fetch(section.dataset["drawing"] ?? "");
  if (!response.ok) return;
  const xml = await response.text();
  const heat = JSON.parse(section.dataset["heat"] ?? "{}") as Heat;
  const draw = async (into: HTMLElement): Promise<Drawing> => {
    const drawing = await open(into, xml, true);
    drawing.canvas.zoom("fit-viewport", "auto");
    const current = section.querySelector<HTMLElement>("a[data-measure][aria-current]");
    paint(drawing, heat, current?.dataset["measure"] ?? "");
    return drawing;
  };
  container.hidden = false;
  const drawing = await draw(container);
  choose(section, (measure) => paint(drawing, heat, measure));
  container.after(enlarger((large) => void draw(large)));
  section.dataset["drawn"] = "";
}

for (const section of document.querySelectorAll<HTMLElement>("[data-heat]")) {
  whenSeen(section, () => void start(section));
}
