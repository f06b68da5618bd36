"""People at their browsers, what they photograph, and what is shown when a test fails."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from PIL import Image
from playwright.sync_api import Browser, Error, Page

from tests.support.browser import window
from tests.support.person import Person
from tests.support.site import Site


class Cast(Protocol):
    """Brings somebody to a window of their own, signed in."""

    def __call__(self, login: str, *, phone: bool = False, scripts: bool = True) -> Person: ...


@pytest.fixture
def cast(browser: Browser, demo_site: Site) -> Iterator[Cast]:
    """People of the demonstration factory; the test fails if one of their pages complains."""
    with ExitStack() as windows:

        def bring(login: str, *, phone: bool = False, scripts: bool = True) -> Person:
            page = windows.enter_context(window(browser, demo_site.url, phone=phone, scripts=scripts))
            person = Person(page, phone)
            person.sign_in(login)
            return person

        yield bring


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo as a phone takes it: a JPEG that says where it was taken."""
    place = Image.Exif()
    place[0x010E] = "Hall 1, bay 4"  # the description
    path = tmp_path / "leak.jpg"
    Image.effect_noise((800, 600), 60).convert("RGB").save(path, exif=place)
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure comes what the site wrote, and pictures of the windows."""
    report = yield
    fixtures = getattr(item, "funcargs", {})
    site, browser, folder = (fixtures.get(name) for name in ("demo_site", "browser", "tmp_path"))
    if report.failed and site:
        report.sections.append(("what the site wrote", site.log[-5000:]))
    if report.failed and report.when == "call" and browser and folder:
        pages: list[Page] = [page for context in browser.contexts for page in context.pages]
        for number, page in enumerate(pages, start=1):
            picture = folder / f"window-{number}.png"
            try:
                page.screenshot(path=picture, full_page=True)
                shown = str(picture)
            except Error as error:  # a window that hangs must not hide why the test failed
                shown = f"no picture: {error}"
            report.sections.append((f"window {number}", f"{page.url}\n{shown}"))
    return report
