// A sheet of a stock count saves each line as it is typed, so that two people can count different lines.
// Without scripts every line has a button that does the same.

/** Sends a line, and shows what the server answers in its place. */
async function save(form: HTMLFormElement): Promise<void> {
  const card = form.closest<HTMLElement>("[data-count-line]");
  const said = card?.querySelector<HTMLElement>("[role=status]");
  if (!card || !said || form.dataset["saving"]) return;
  form.dataset["saving"] = "1";
  const sent = new FormData(form);
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: sent,
      headers: { "X-Requested-With": "fetch", Accept: "text/html" },
    });
    if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector<HTMLElement>("[data-count-line]");
    if (!fresh) throw new Error("no line");
    const progress = fresh.querySelector<HTMLTemplateElement>("template[data-progress]");
    const place = document.querySelector("[data-count-progress]");
    if (progress && place) place.replaceChildren(progress.content.cloneNode(true));
    progress?.remove();
    const typedSince = new FormData(form).get("counted") !== sent.get("counted");
    if (typedSince) {
      delete form.dataset["saving"];
      await save(form);
      return;
    }
    // Whoever has gone on to another line meanwhile stays there.
    const here = card.contains(document.activeElement) ? document.activeElement?.getAttribute("name") : null;
    card.replaceWith(document.adoptNode(fresh));
    if (here) fresh.querySelector<HTMLElement>(`[name="${here}"]`)?.focus();
  } catch {
    delete form.dataset["saving"];
    said.replaceChildren("Not saved: there is no connection. Press Save to try again.");
    said.classList.add("form-field__error");
  }
}

function forms(event: Event): HTMLFormElement | null {
  const target = event.target;
  return target instanceof Element ? target.closest<HTMLFormElement>("form[data-count-form]") : null;
}

document.addEventListener("change", (event) => {
  const form = forms(event);
  const field = event.target;
  // Anything else than the number is sent together with it.
  if (form && field instanceof HTMLInputElement && field.name === "counted") void save(form);
});

document.addEventListener(
  "submit",
  (event) => {
    const form = forms(event);
    if (!form) return;
    event.preventDefault();
    const fields = [...document.querySelectorAll<HTMLInputElement>("[data-count-form] [name=counted]")];
    const typed = form.querySelector<HTMLInputElement>("[name=counted]");
    const following = typed ? fields[fields.indexOf(typed) + 1] : undefined;
    // Enter goes on to the next line, as on paper.
    if (event.submitter === null || document.activeElement === typed) following?.focus();
    void save(form);
  },
  { capture: true },
);

// What was typed before this script had come.
for (const form of document.querySelectorAll<HTMLFormElement>("form[data-count-form]")) {
  const field = form.querySelector<HTMLInputElement>("[name=counted]");
  if (field && field.value !== field.defaultValue && document.activeElement !== field) void save(form);
}
