"""Somebody at work in a browser: signs in, finds their tasks, presses buttons."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import cycle

from playwright.sync_api import Locator, Page, expect

from app.ops.demo.factory import PASSWORD
from tests.support.browser import PATIENCE


@dataclass(frozen=True)
class Person:
    """A person of the demonstration factory in a window of their own, on a desktop or a phone."""

    page: Page
    phone: bool = False

    def sign_in(self, login: str) -> None:
        """Sign in by typing; ``login`` is the first part of the address, such as ``technician``."""
        self.page.goto("/sign-in")
        self.page.get_by_label("E-mail address").fill(f"{login}@millwright.example")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Sign in")
        expect(self.page).to_have_title("Inbox · Millwright")

    def press(self, what: str | Locator, *, patience: float = PATIENCE) -> None:
        """Press a button, with the thumb on a phone; ``patience`` in milliseconds for what takes long."""
        target = what
        if isinstance(target, str):
            target = self.page.get_by_role("main").get_by_role("button", name=target, exact=True)
        if self.phone:
            target.tap(timeout=patience)
        else:
            target.click(timeout=patience)

    def follow(self, link: str) -> None:
        """Follow a link of the page, on a phone with the thumb."""
        self.press(self.page.get_by_role("main").get_by_role("link", name=link, exact=True))

    def choose(self, label: str, text: str, within: Locator | None = None) -> None:
        """Choose the option of a field that has this text in it."""
        field = (within or self.page.get_by_role("main")).get_by_label(label)
        option = field.get_by_role("option").filter(has_text=text)
        field.select_option(option.get_attribute("value"))

    def open_task(self, name: str, words: str) -> None:
        """Open the task with that name from the inbox, where these words find it.

        What other people did may take a moment to arrive here: the inbox is opened until it has.
        """
        link = self.page.get_by_role("link", name=f"{name}: ")
        deadline = time.monotonic() + PATIENCE / 1000
        for scope in cycle(("mine", "group")):
            self.page.goto(f"/?scope={scope}&q={words}")
            if link.count():
                break
            assert time.monotonic() < deadline, f"“{name}” ({words}) never came to the inbox"
        self.press(link)
        expect(self.page.get_by_role("heading", level=1)).to_have_text(name)

    def row(self, name: str) -> Locator:
        """A row of a list in the form, by its name: ``Parts: 2``."""
        return self.page.get_by_role("group", name=name, exact=True)
