"""A real Chromium, driven by Playwright, that fails a test when a page complains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from tests.support.servers import find

FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",  # tests run as root in containers, on pages of our own
]

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PHONE_AGENT = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Mobile Safari/537.36"
)
PATIENCE = 10_000  # milliseconds; a page that needs longer hangs

CHECKS = Path(__file__).with_name("page_checks.js")

expect.set_options(timeout=PATIENCE)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The installed Chromium, without a window.

    :raises MissingProgram: it is not installed
    """
    program = find("chromium", "chromium-browser", "google-chrome", package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def another(browser: Browser, *flags: str) -> Iterator[Browser]:
    """A second Chromium beside one that runs, started with flags of its own."""
    program = find("chromium", "chromium-browser", "google-chrome", package="chromium")
    second = browser.browser_type.launch(executable_path=program, args=[*FLAGS, *flags])
    try:
        yield second
    finally:
        second.close()


@contextmanager
def window(
    browser: Browser, base_url: str, *, phone: bool = False, scripts: bool = True, policy: bool = True
) -> Iterator[Page]:
    """A fresh window, with cookies of its own, on a desktop or a phone, with scripts or without.

    Without ``policy`` it heeds no content security policy: whatever is in a page may run.

    Every page that is opened in it is looked over by ``page_checks.js``.

    :raises AssertionError: on leaving, if a page wrote an error to its console, a script failed,
        something could not be loaded, or the server failed
    """
    complaints: list[str] = []
    context = browser.new_context(
        base_url=base_url,
        viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
        user_agent=PHONE_AGENT if phone else None,
        has_touch=phone,
        is_mobile=phone,
        device_scale_factor=2 if phone else 1,
        locale="en-GB",
        reduced_motion="reduce",
        java_script_enabled=scripts,
        bypass_csp=not policy,
    )
    context.set_default_timeout(PATIENCE)
    context.add_init_script(path=CHECKS)

    def hear(message: ConsoleMessage) -> None:
        # A page that refuses what somebody typed has a status of 4xx, which the console calls an
        # error; whether anything was not loaded is seen below.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def see(response: Response) -> None:
        page_itself = response.request.is_navigation_request()
        if response.status in (409, 422) and "/api/" in response.url:
            return  # the API refuses with a reason, which the script tells the person
        if response.status >= (500 if page_itself else 400):
            complaints.append(f"{response.status} for {response.request.method} {response.url}")

    page = context.new_page()
    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", see)
    try:
        yield page
    finally:
        context.close()
    assert complaints == [], "the page complained"
