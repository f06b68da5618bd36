// The Studio: the files of a process in their editors, saved, checked, tried and deployed.
import "./css/studio.css";
import { forgetAside, keepAside, keptAside } from "./studio/aside";
import { Calls } from "./studio/calls";
import type { Context } from "./studio/context";
import { deploy } from "./studio/deploying";
import { Desk, told } from "./studio/desk";
import type { DiagramEditor, Mark } from "./studio/diagram";
import { ask, show } from "./studio/dialogs";
import { clockTime, dayAndTime, el, part } from "./studio/dom";
import { Draft, type State } from "./studio/draft";
import { joined } from "./studio/new-files";
import { Impact } from "./studio/impact";
import { Drawer } from "./studio/panel";
import { Problems } from "./studio/problems";
import { Scenarios } from "./studio/scenarios";
import type { Vocabulary } from "./studio/vocabulary";

const LARGE = "(min-width: 56rem)"; // below, files are shown and checked, and not edited

async function open(page: HTMLElement): Promise<void> {
  const { key = "", versions = "/studio" } = page.dataset;
  const calls = new Calls(key);
  const [answer, vocabulary] = await Promise.all([calls.draft(), calls.vocabulary<Vocabulary>()]);
  const draft = new Draft(calls, answer);
  const context: Context = {
    key, calls, vocabulary, editable: matchMedia(LARGE).matches, files: () => draft.files,
  };
  page.classList.toggle("studio--reading", !context.editable);
  const drawer = new Drawer();
  const problems = new Problems(drawer);
  const desk = new Desk(context, draft);
  const saved = async (): Promise<boolean> => draft.store();
  const scenarios = new Scenarios(drawer, async () => ((await saved()) ? calls.scenarios() : null));
  new Impact(drawer, async (days) => ((await saved()) ? calls.impact(days) : null));

  // -- marks on the diagram -----------------------------------------------------------------------
  let covered: [string, Mark][] = [];
  const paint = (): void => {
    const diagram = desk.diagram;
    if (!diagram) return;
    diagram.editor.mark(["error", "warning"], problems.marks(diagram.file));
    diagram.editor.mark(["missed", "covered"], covered);
  };
  desk.onDiagram = (_: string, diagram: DiagramEditor) => {
    setTimeout(paint);
    if (!answer.base) part("h1").textContent = diagram.name(); // until it is deployed, only its diagram knows
  };
  scenarios.onCoverage = (coverage) => {
    const marks = (ids: string[], mark: Mark): [string, Mark][] => ids.map((id) => [id, mark]);
    covered = coverage ? [
      ...marks([...coverage.elements, ...coverage.flows], "covered"),
      ...marks([...coverage.missedElements, ...coverage.missedFlows], "missed"),
    ] : [];
    paint();
  };
  scenarios.onLine = (name, line) => void desk.lead("scenarios.yaml", name || null, line);
  part("[data-record]").addEventListener("click", () => void record());
  async function record(): Promise<void> {
    const key = await ask({
      title: "Make a scenario of a real run", field: "Business key of the run", action: "Make it",
      text: "People become their parts in it, and records are named anew. It is added to the scenarios of this draft.",
      refuse: (answer) => (answer ? "" : "Enter the key, such as PR-2026-000045."),
    });
    if (key === null) return;
    try {
      const { yaml, warnings } = await calls.record(key);
      const files = await draft.collect();
      await desk.write("scenarios.yaml", joined(files["scenarios.yaml"], yaml));
      await desk.lead("scenarios.yaml", /name: *(.*)/.exec(yaml)?.[1] ?? null, null);
      if (warnings.length) show("Look the scenario over", el("ul", {}, ...warnings.map((each) => el("li", {}, each))));
    } catch (error) {
      show("No scenario was made", el("p", {}, told(error)));
    }
  }
  problems.onChosen = ({ file, element, line }) => void desk.lead(file || desk.names()[0] || "", element, line);

  // -- checking -----------------------------------------------------------------------------------
  let checking = 0;
  const check = async (): Promise<void> => {
    const mine = ++checking;
    problems.busy();
    try {
      const found = await calls.check();
      if (mine !== checking) return;
      problems.show(found);
    } catch (error) {
      if (mine === checking) problems.failed(told(error));
    }
    paint();
  };

  // -- saving -------------------------------------------------------------------------------------
  const state = part("[data-state]");
  const bars = part("[data-bars]");
  draft.onState = (now) => {
    state.textContent = words(now, draft);
    state.dataset.state = now.name;
    if (now.name === "conflict") conflict(now.why);
    buttons();
  };
  draft.onSaved = () => {
    scenarios.outdated();
    newer();
    void check();
  };

  const bar = (id: string, tone: string, text: string, ...actions: [string, () => void | Promise<unknown>][]): void => {
    bars.querySelector(`[data-bar="${id}"]`)?.remove();
    const buttonsOf = actions.map(([label, act]) =>
      el("button", { type: "button", class: "button button--small", click: () => void act() }, label));
    bars.append(el(
      "div", { class: `studio-bar studio-bar--${tone}`, role: "alert", "data-bar": id }, el("span", {}, text), ...buttonsOf,
    ));
  };
  const dismiss = (id: string): void => bars.querySelector(`[data-bar="${id}"]`)?.remove();

  /** Reads the page again, with what the server has; what this window has is kept in the browser. */
  const reload = async (before: () => Promise<unknown> = async () => undefined): Promise<void> => {
    await draft.collect().catch(() => undefined);
    if (!keepAside(key, draft.files)) {
      const sure = await ask({
        title: "This browser has no room to keep what you have here",
        text: "Download your files first (under “Files”), or go on without them.", action: "Go on without them", danger: true,
      });
      if (sure === null) return;
    }
    await before();
    leaving = true;
    location.reload();
  };
  function conflict(why: string): void {
    bar("conflict", "bad", `${why} What you have in this window is not saved there.`,
      ["Keep what is here", async () => {
        dismiss("conflict");
        await draft.overwrite().catch((error: unknown) => draft.onState({ name: "failed", why: told(error) }));
      }],
      ["Take the other one", () => reload()]);
  }
  function newer(): void {
    const version = draft.newer;
    if (!version) {
      dismiss("newer");
      return;
    }
    const when = dayAndTime(version.deployedAt);
    bar("newer", "warn",
      `${version.deployedBy || "Somebody"} deployed version ${version.version} on ${when}, after you had begun`
      + `${draft.base ? ` with version ${draft.base.version}` : ""}${version.note ? `: “${version.note}”` : "."}`,
      ["Take that version instead", () => reload(() => (draft.isStored ? calls.discard() : Promise.resolve()))],
      ["Keep mine", async () => {
        if (await draft.keep(version.version)) dismiss("newer");
      }]);
  }
  const aside = keptAside(key);
  if (aside) {
    bar("aside", "info", `What you had in this browser at ${clockTime(aside.at)} is kept.`,
      ["Bring it back", async () => {
        for (const file of Object.keys(draft.files)) if (!(file in aside.files)) draft.remove(file);
        for (const [file, text] of Object.entries(aside.files)) draft.put(file, text);
        if (await draft.flush()) {
          forgetAside(key);
          leaving = true;
          location.reload();
        }
      }],
      ["Forget it", () => {
        forgetAside(key);
        dismiss("aside");
      }]);
  }

  // -- leaving ------------------------------------------------------------------------------------
  let leaving = false;
  addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") void draft.flush();
  });
  addEventListener("beforeunload", (event) => {
    if (draft.isSaved || leaving) return;
    void draft.flush();
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest?.<HTMLAnchorElement>("a[data-leave]");
    if (!link || draft.isSaved || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    void draft.flush().then(() => location.assign(link.href)); // what could not be saved asks before it goes
  });

  // -- buttons and keys ---------------------------------------------------------------------------
  const undo = part<HTMLButtonElement>("[data-undo]");
  const redo = part<HTMLButtonElement>("[data-redo]");
  function buttons(): void {
    undo.disabled = !desk.editor?.canUndo();
    redo.disabled = !desk.editor?.canRedo();
    part<HTMLButtonElement>("[data-discard]").disabled = !draft.isStored;
  }
  desk.onChange = buttons;
  undo.addEventListener("click", () => desk.editor?.undo());
  redo.addEventListener("click", () => desk.editor?.redo());
  part("[data-keys]").addEventListener("click", keys);
  part("[data-discard]").addEventListener("click", () => void discard());
  async function discard(): Promise<void> {
    const sure = await ask({
      title: "Throw this draft away?", action: "Throw away", danger: true,
      text: draft.base ? `The files become those of the newest version again.` : "The process has not been deployed: nothing is left of it.",
    });
    if (sure === null) return;
    await calls.discard();
    leaving = true;
    location.assign(part<HTMLAnchorElement>("a[data-back]").href);
  }
  part("[data-deploy]").addEventListener("click", () => deploy({
    calls,
    isAdministrator: page.dataset.administrator === "1",
    next: ((draft.newer ?? draft.base)?.version ?? 0) + 1,
    save: saved,
    deployed: (version) => {
      leaving = true;
      location.assign(`${versions}?deployed=${encodeURIComponent(`${key}:${version}`)}`);
    },
    refused: (code) => {
      if (code === "SCENARIOS_FAILED") drawer.open("scenarios");
      else drawer.open("problems");
    },
  }));
  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.defaultPrevented) return;
    const letter = event.key.toLowerCase();
    if (letter === "s") {
      event.preventDefault();
      void draft.flush();
      return;
    }
    const within = event.target as HTMLElement;
    if (within.isContentEditable || within.matches("input, textarea, select")) return;
    if (letter === "z" && !event.shiftKey) desk.editor?.undo();
    else if (letter === "y" || letter === "z") desk.editor?.redo();
    else return;
    event.preventDefault();
  });

  state.textContent = words(draft.state, draft);
  newer();
  await desk.show(decodeURIComponent(location.hash.slice(1)));
  buttons();
  page.setAttribute("aria-busy", "false");
  await look(draft, problems, check);
}

/** The checks look at what is stored; of a draft that is not stored yet, they are those of its version. */
async function look(draft: Draft, problems: Problems, check: () => Promise<void>): Promise<void> {
  if (draft.isStored || draft.base) await check();
  else problems.show({ errors: 0, warnings: 0, problems: [] });
}

function words(state: State, draft: Draft): string {
  switch (state.name) {
    case "saved":
      if (state.at) return `Saved ${clockTime(state.at)}`;
      return draft.base ? `As version ${draft.base.version}` : "Nothing yet";
    case "changed":
    case "saving":
      return "Saving…";
    default:
      return `Not saved: ${state.why}`;
  }
}

function keys(): void {
  const list: [string, string][] = [
    ["Ctrl + Z, Ctrl + Y", "Undo, do again"], ["Ctrl + S", "Save now"], ["Ctrl + F", "Search in the diagram"],
    ["Ctrl + C, Ctrl + V", "Copy and paste elements"], ["Delete", "Remove what is chosen"], ["E", "Edit the name of an element"],
    ["A", "Append to an element"], ["N", "Create an element"], ["R", "Change the kind of an element"],
    ["H, L, S", "Hand, lasso and space tools"], ["Ctrl + A", "Choose everything"],
    ["Ctrl + 0, Ctrl + 1, Ctrl + +, Ctrl + −", "Zoom"], ["Enter, Shift + Enter", "Next and previous rule of a table"],
  ];
  const rows = list.map(([pressed, what]) => el("tr", {}, el("th", { scope: "row" }, pressed), el("td", {}, what)));
  show("Keys", el("table", { class: "studio-keys" }, el("tbody", {}, ...rows)));
}

const page = part(".studio");
open(page).catch((error: unknown) => {
  page.setAttribute("aria-busy", "false");
  part("[data-bars]").append(el("p", { class: "studio-bar studio-bar--bad", role: "alert" }, `The Studio could not be opened: ${told(error)}`));
  throw error;
});

