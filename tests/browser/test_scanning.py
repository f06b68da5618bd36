"""Labels are scanned: with the camera, in browsers that read codes and in those that do not, and from photos.

The camera is Chromium's own pretended one, which shows a film that the test has made of a real code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
import qrcode
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, Page, Request, expect

from app.ops.demo.factory import PASSWORD
from tests.support.browser import another, window
from tests.support.person import Person
from tests.support.site import Site

ADDRESS = "http://localhost:8000/m/M-0001"  # as labels have it that were printed under another name
MACHINE = "Hydraulic press 400 t"
FRAMES = 20

# A reader as some browsers have it, which finds a code the third time it looks.
NATIVE = """
  window.looks = 0;
  window.BarcodeDetector = class {
    static async getSupportedFormats() { return ["qr_code", "ean_13"]; }
    constructor({ formats }) { if (formats.join() !== "qr_code") throw new TypeError(formats); }
    async detect(source) {
      if (!(source.videoWidth || source.width)) throw new Error("no picture");
      window.looks += 1;
      return window.looks < 3 ? [] : [{ rawValue: "%s" }];
    }
  };
"""
WITHOUT = "delete window.BarcodeDetector;"


def picture(text: str, *, turned: float = 7.0) -> Image.Image:
    """A label as a camera sees it: somewhere in the picture, turned, a little blurred and noisy."""
    code = qrcode.QRCode(box_size=7, border=4, error_correction=qrcode.ERROR_CORRECT_H)
    code.add_data(text)
    label = code.make_image().get_image().convert("L")
    seen = Image.new("L", (640, 480), 120)
    seen.paste(Image.effect_noise((640, 480), 40))
    label = label.rotate(turned, expand=True, fillcolor=255)
    seen.paste(label, ((640 - label.width) // 2 + int(turned), (480 - label.height) // 2))
    return seen.filter(ImageFilter.GaussianBlur(0.8)).convert("RGB")


def film(path: Path, text: str) -> Path:
    """A film of a label in a hand that is not quite still, as the pretended camera wants it."""
    with path.open("wb") as out:
        for frame in range(FRAMES):
            picture(text, turned=5 + frame % 4).save(out, "JPEG", quality=85)
    return path


@pytest.fixture(scope="module")
def camera(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with a camera that looks at the label of a machine, and a person who allows it."""
    shown = film(tmp_path_factory.mktemp("camera") / "label.mjpeg", ADDRESS)
    flags = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={shown}",
    )
    with another(browser, *flags) as seeing:
        yield seeing


@contextmanager
def somebody(browser: Browser, site: Site, script: str = "") -> Iterator[Person]:
    """A technician with a phone on the page to scan; ``script`` changes what their browser can do."""
    with window(browser, site.url, phone=True) as page:
        person = Person(page, phone=True)
        person.sign_in("technician")
        if script:
            page.add_init_script(script)
        page.goto("/scan")
        yield person


def expect_machine(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(MACHINE)
    expect(page).to_have_url(re.compile(r"/m/M-0001$"))


def fetched(page: Page) -> list[str]:
    """What the scanner's script has fetched since."""
    found: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith(".js") and "/scan-" in request.headers.get("referer", ""):
            found.append(request.url)

    page.on("request", note)
    return found


def test_a_browser_without_a_reader_uses_ours_and_fetches_it_only_then(
    camera: Browser, demo_site: Site
) -> None:
    with somebody(camera, demo_site, WITHOUT) as person:
        scripts = fetched(person.page)
        person.press("Start the camera")
        expect_machine(person.page)
        assert any("chunk-" in script for script in scripts)


def test_a_browser_with_a_reader_uses_its_own(camera: Browser, demo_site: Site) -> None:
    with somebody(camera, demo_site, NATIVE % ADDRESS) as person:
        scripts = fetched(person.page)
        person.press("Start the camera")
        expect_machine(person.page)
        assert not any("chunk-" in script for script in scripts)


def test_the_camera_is_on_only_while_somebody_looks_for_a_code(camera: Browser, demo_site: Site) -> None:
    never = NATIVE.replace("window.looks < 3", "true") % ADDRESS
    with somebody(camera, demo_site, never) as person:
        page, video = person.page, person.page.locator("video")
        person.press("Start the camera")
        expect(page.get_by_role("status")).to_have_text("Looking for a code. Hold the square into the frame.")
        expect(video).to_be_visible()
        live = "video => video.srcObject?.getTracks()[0].readyState"
        assert video.evaluate(live) == "live"
        track = video.evaluate_handle("video => video.srcObject.getTracks()[0]")
        person.press("Stop")
        expect(video).to_be_hidden()
        assert track.evaluate("track => track.readyState") == "ended"
        expect(page.get_by_role("button", name="Start the camera")).to_be_visible()


def test_cameras_can_be_chosen_and_the_choice_is_remembered(camera: Browser, demo_site: Site) -> None:
    two = """
      const media = navigator.mediaDevices, open = media.getUserMedia.bind(media);
      const all = media.enumerateDevices.bind(media);
      window.asked = [];
      media.getUserMedia = (wanted) => { window.asked.push(wanted.video); return open({ video: true }); };
      media.enumerateDevices = async () => {
        const found = (await all()).filter((one) => one.kind === "videoinput").slice(0, 1);
        return [...found, { kind: "videoinput", deviceId: "front", label: "Front camera" }];
      };
      MediaStreamTrack.prototype.getCapabilities = () => ({ torch: true });
      MediaStreamTrack.prototype.applyConstraints = async (wanted) => {
        window.light = wanted.advanced[0].torch;
      };
    """
    never = NATIVE.replace("window.looks < 3", "true") % ADDRESS
    with somebody(camera, demo_site, never + two) as person:
        page = person.page
        person.press("Start the camera")
        choice = page.get_by_label("Camera", exact=True)
        expect(choice).to_be_visible()
        assert page.evaluate("asked.at(-1).facingMode") == "environment"

        light = page.get_by_role("button", name="Light")
        person.press(light)
        expect(light).to_have_attribute("aria-pressed", "true")
        assert page.evaluate("window.light") is True

        choice.select_option("Front camera")
        page.wait_for_function("asked.at(-1).deviceId?.exact === 'front'")
        page.reload()
        person.press("Start the camera")
        page.wait_for_function("asked.at(-1)?.deviceId?.exact === 'front'")


def test_who_forbids_the_camera_is_told_what_to_do(camera: Browser, demo_site: Site) -> None:
    denied = """
      navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", "NotAllowedError"); };
    """
    with somebody(camera, demo_site, denied) as person:
        person.press("Start the camera")
        alert = person.page.get_by_role("alert")
        expect(alert).to_contain_text("Allow it in the browser's settings")
        expect(person.page.get_by_role("button", name="Start the camera")).to_be_visible()
        person.page.get_by_label("Code on the label").fill("m-0001")
        person.press("Open")
        expect_machine(person.page)


def test_without_a_camera_a_photo_is_read(browser: Browser, demo_site: Site, tmp_path: Path) -> None:
    with somebody(browser, demo_site, WITHOUT) as person:
        page = person.page
        person.press("Start the camera")
        expect(page.get_by_role("alert")).to_contain_text("no camera")

        nothing = tmp_path / "wall.jpg"
        Image.effect_noise((800, 600), 60).convert("RGB").save(nothing)
        page.get_by_label("Take a photo").set_input_files(nothing)
        expect(page.get_by_role("alert")).to_contain_text("No code can be read in this photo.")

        broken = tmp_path / "broken.jpg"
        broken.write_bytes(b"no picture at all")
        page.get_by_label("Take a photo").set_input_files(broken)
        expect(page.get_by_role("alert")).to_contain_text("This photo cannot be read.")

        large = tmp_path / "label.jpg"
        picture(ADDRESS).resize((3200, 2400)).save(large)
        page.get_by_label("Take a photo").set_input_files(large)
        expect_machine(page)


def test_a_code_of_something_else_is_said(camera: Browser, demo_site: Site) -> None:
    with somebody(camera, demo_site, NATIVE % "https://example.org/menu") as person:
        person.press("Start the camera")
        expect(person.page.get_by_text("This code is not one of our labels.")).to_be_visible()


def test_what_a_label_sheet_prints_can_be_scanned(browser: Browser, demo_site: Site, tmp_path: Path) -> None:
    """The code that the page of a machine draws, as a photo."""
    with somebody(browser, demo_site, WITHOUT) as person:
        page = person.page
        answer = page.request.get(f"{demo_site.url}/machines/1/qr.png")
        photo = tmp_path / "printed.png"
        Image.open(BytesIO(answer.body())).convert("RGB").rotate(12, expand=True, fillcolor="white").save(
            photo
        )
        page.get_by_label("Take a photo").set_input_files(photo)
        expect_machine(page)


def test_phones_own_scanners_open_the_address(browser: Browser, demo_site: Site) -> None:
    with window(browser, demo_site.url, phone=True) as page:
        page.goto("/m/M-0001")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        page.get_by_label("E-mail address").fill("technician@millwright.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).tap()
        expect_machine(page)
