// Runs in every page that a test opens, and complains in the console, which fails the test: what
// somebody with a screen reader, a keyboard or a phone would stumble over.

(() => {
  const complain = (text) => console.error(`${location.pathname}: ${text}`);

  const describe = (element) => element.outerHTML.replace(/\s+/g, " ").slice(0, 160);

  const isShown = (element) => element.checkVisibility({ visibilityProperty: true });

  const textOf = (ids) =>
    (ids ?? "")
      .split(/\s+/)
      .map((id) => document.getElementById(id)?.textContent ?? "")
      .join(" ")
      .trim();

  const named = (element) =>
    [
      element.getAttribute("aria-label"),
      textOf(element.getAttribute("aria-labelledby")),
      ...[...(element.labels ?? [])].map((label) => label.textContent),
      element.matches("a, button") ? element.textContent : "",
      ...[...element.querySelectorAll("img[alt], [role=img][aria-label]")].map(
        (picture) => picture.getAttribute("alt") ?? picture.getAttribute("aria-label"),
      ),
    ].some((name) => name?.trim());

  function checkDocument() {
    if (!document.documentElement.lang) complain("the page does not say its language");
    if (!document.title.trim()) complain("the page has no title");
    const headings = [...document.querySelectorAll("h1")].filter(isShown);
    if (headings.length !== 1) complain(`the page has ${headings.length} main headings`);
    if (document.querySelectorAll("main").length !== 1) complain("the page has not exactly one main part");
    const ids = [...document.querySelectorAll("[id]:not(svg *)")].map((element) => element.id);
    const twice = ids.filter((id, position) => ids.indexOf(id) !== position);
    if (twice.length) complain(`ids occur twice: ${twice.join(", ")}`);
  }

  function checkNames() {
    const controls = "a[href], button, input:not([type=hidden]), select, textarea, summary";
    for (const control of document.querySelectorAll(controls)) {
      if (!isShown(control) || control.closest("[aria-hidden=true], .djs-container")) continue;
      if (!control.matches("summary") && !named(control)) complain(`nameless: ${describe(control)}`);
      if (control.tabIndex > 0) complain(`out of the order of the keyboard: ${describe(control)}`);
    }
    for (const image of document.querySelectorAll("img:not([alt])")) complain(`no alt: ${describe(image)}`);
    for (const described of document.querySelectorAll("[aria-describedby]")) {
      for (const id of described.getAttribute("aria-describedby").trim().split(/\s+/)) {
        if (!document.getElementById(id)) complain(`described by nothing (${id}): ${describe(described)}`);
      }
    }
    for (const field of document.querySelectorAll("[aria-invalid=true]")) {
      if (!textOf(field.getAttribute("aria-describedby"))) complain(`wrong without a word: ${describe(field)}`);
    }
  }

  function checkRoom() {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth > clientWidth) complain(`${scrollWidth - clientWidth} pixels wider than the screen`);
    if (!matchMedia("(pointer: coarse)").matches) return;
    for (const target of document.querySelectorAll("button, select, .button, .tabbar__link")) {
      const { width, height } = target.getBoundingClientRect();
      if (isShown(target) && width > 1 && Math.min(width, height) < 40) {
        complain(`too small for a thumb (${Math.round(width)} × ${Math.round(height)}): ${describe(target)}`);
      }
    }
  }

  addEventListener("load", () => {
    if (document.contentType !== "text/html") return;
    checkDocument();
    checkNames();
    checkRoom();
  });
})();
