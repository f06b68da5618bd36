// The window in which a draft becomes a version.
import { CallError, type Calls } from "./calls";
import { el } from "./dom";

interface Answers {
  calls: Calls;
  isAdministrator: boolean;
  next: number;
  /** Saves what is not saved; false where that failed. */
  save: () => Promise<boolean>;
  deployed: (version: number) => void;
  /** Shows the problems, or the scenarios, that stand in the way. */
  refused: (code: string) => void;
}

export function deploy(answers: Answers): void {
  const note = el("textarea", { id: "deploy-note", rows: "3", maxlength: "500", required: true });
  const message = el("div", { role: "alert" });
  const go = el("button", { class: "button button--primary" }, `Deploy version ${answers.next}`);
  const cancel = el("button", { class: "button", type: "button", click: () => window.close() }, "Cancel");
  let override = false;
  const form = el(
    "form", {},
    el("h2", {}, `Deploy version ${answers.next}`),
    el("p", {}, "From now on, new instances start with this version. Those that run keep theirs."),
    el(
      "div", { class: "form-field" },
      el("label", { class: "form-field__label", for: "deploy-note" }, "What has changed, and why?"),
      el("p", { class: "form-field__help" }, "Others read this in the list of versions."),
      note,
    ),
    message,
    el("div", { class: "button-row" }, go, cancel),
  );
  const window = el("dialog", { class: "studio-dialog", "aria-label": "Deploy" }, form);

  const refuse = (error: unknown): void => {
    const found = error instanceof CallError ? error : new CallError(0, String(error));
    const details = Object.entries(found.errors).flatMap(([where, texts]) => texts.map((text) => {
      const place = where.replace(/^(files|scenarios)\.?/, "");
      return el("li", {}, place ? el("strong", {}, `${place}: `) : null, text);
    }));
    message.replaceChildren(el("p", { class: "form-field__error" }, found.message), el("ul", {}, ...details.slice(0, 12)));
    const scenarios = found.code === "SCENARIOS_FAILED";
    if (scenarios && answers.isAdministrator && !override) {
      const agree = el("input", { type: "checkbox", id: "deploy-override" });
      agree.addEventListener("change", () => {
        override = agree.checked;
        go.textContent = override ? "Deploy although scenarios fail" : `Deploy version ${answers.next}`;
      });
      message.append(el(
        "p", { class: "studio-check" }, agree,
        el("label", { for: "deploy-override" }, " Deploy although scenarios fail. The note above says why, and it is logged."),
      ));
    }
    if (found.code) answers.refused(found.code);
  };

  const send = async (): Promise<void> => {
    go.disabled = true;
    go.setAttribute("data-busy", "");
    try {
      if (!(await answers.save())) throw new CallError(0, "The draft could not be saved, so it was not deployed.");
      const { version } = await answers.calls.deploy(note.value.trim(), override);
      answers.deployed(version);
    } catch (error) {
      refuse(error);
      go.disabled = false;
      go.removeAttribute("data-busy");
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send();
  });
  window.addEventListener("close", () => window.remove());
  document.body.append(window);
  window.showModal();
  note.focus();
}
