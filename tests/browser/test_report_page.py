"""The page in a real browser: seen, filtered and slid, in both schemes and at two widths, with nothing on its console."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if find_spec("selenium") is None or not (shutil.which("chromium") and shutil.which("chromedriver")):
    pytest.skip("needs selenium, Chromium and its driver: apt-get install chromium chromium-driver", allow_module_level=True)

from oracles.exhibits import accuracy, agreeing, built, different, exhibit, failing, only_reference
from oracles.hostile import HOSTILE
from oracles.results import config, result
from selenium import webdriver
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page that passes, one that fails, and one whose every name is hostile."""
    folder = tmp_path_factory.mktemp("pages")
    hostile = exhibit(folder, [only_reference(label) for label in range(len(HOSTILE))], names=HOSTILE, files=HOSTILE)
    texts = {
        "pass": built(result(), [exhibit(folder, [agreeing()])]),
        "fail": built(failing(), [exhibit(folder, [different(), agreeing()])]),
        "hostile": built(replace(failing(), notes=HOSTILE, configs=(config(accuracy=accuracy(lost=HOSTILE[0])),)), [hostile]),
    }
    two = [exhibit(folder, [different(), agreeing()]), replace(exhibit(folder, [agreeing(), agreeing()]), config="m-onnx-320")]
    texts["two"] = built(replace(failing(), configs=(config(), config(id="m-onnx-320"))), two)
    texts["plain"] = re.sub(r"<script>.*</script>", "", texts["fail"], flags=re.DOTALL)
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


def open_page(browser: Any, page: Path, *, width: int = 1280, scheme: str = "light") -> None:
    """Load a page as a reader of that screen would see it."""
    browser.get_log("browser")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(page.as_uri())


def run(browser: Any, script: str) -> Any:
    """What a script in the page returns."""
    return browser.execute_script(f"return {script}")


def text_of(browser: Any, selector: str) -> str:
    """The text that a reader sees there."""
    return str(run(browser, f"document.querySelector('{selector}').innerText")).strip()


def choose(browser: Any, name: str, value: str) -> None:
    """Take an option of a list."""
    Select(browser.find_element("name", name)).select_by_value(value)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["pass", "fail", "two", "hostile"])
def test_the_verdict_is_seen_nothing_overflows_and_the_console_stays_empty(
    browser: Any, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    open_page(browser, pages[name], width=width, scheme=scheme)
    assert text_of(browser, "#verdict").split()[-1] == ("PASS" if name == "pass" else "FAIL")
    assert run(browser, "document.getElementById('reason').getBoundingClientRect().bottom") < 900
    assert run(browser, "document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert run(browser, "innerWidth") == width
    assert browser.get_log("browser") == []


def test_both_schemes_are_drawn_in_their_own_colours(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["fail"], scheme="light")
    light = run(browser, "getComputedStyle(document.body).backgroundColor")
    open_page(browser, pages["fail"], scheme="dark")
    assert (light, run(browser, "getComputedStyle(document.body).backgroundColor")) == ("rgb(246, 247, 249)", "rgb(16, 20, 24)")


def test_pictures_are_drawn_on_both_sides(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["fail"])
    sides = run(browser, "[...document.querySelectorAll('.side :is(image, use)')].map(each => each.getBBox().width)")
    assert sides == [560.0] * 4


VISIBLE = "[...document.querySelectorAll('figure.image')].filter(each => !each.hidden).length"
DRAWN = "[...new Set([...document.querySelectorAll('.box:not(.hidden)')].map(each => each.classList[1]))].sort()"


def test_a_filter_by_kind_hides_boxes_and_images_without_any(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["fail"])
    assert run(browser, VISIBLE) == 2
    browser.find_element("css selector", "button[name=differences]").click()
    assert run(browser, VISIBLE) == 1
    assert run(browser, DRAWN) == ["edge", "flip", "ghost", "missed", "rescored", "shifted"]
    browser.find_element("css selector", "input[value=missed]").click()
    assert "missed" not in run(browser, DRAWN)
    browser.find_element("css selector", "button[type=reset]").click()
    WebDriverWait(browser, 5).until(lambda _: text_of(browser, "#shown") == "2 of 2 images")


def test_a_filter_by_class_leaves_its_boxes(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["fail"])
    choose(browser, "class", "1")
    assert run(browser, "[...document.querySelectorAll('.box:not(.hidden)')].every(each => each.dataset.class === '1')")
    assert run(browser, DRAWN) == ["flip", "ghost", "matched"]
    assert text_of(browser, "#shown") == "2 of 2 images"


def test_a_filter_by_configuration_leaves_its_images(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["two"])
    assert text_of(browser, "#shown") == "4 of 4 images"
    choose(browser, "config", "1")
    assert text_of(browser, "#shown") == "2 of 4 images"
    assert (
        run(browser, "[...document.querySelectorAll('figure.image:not([hidden]) .where')].map(each => each.textContent)")
        == ["m-onnx-320"] * 2
    )


def test_pictures_stay_where_another_figure_that_holds_them_is_hidden(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["two"])
    choose(browser, "config", "1")
    drawn = "[...document.querySelectorAll('figure.image:not([hidden]) .side use')].map(each => each.getBBox().width)"
    assert run(browser, drawn) == [560.0] * 4


def test_it_prints_in_the_light_with_all_remarks_and_without_controls(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["fail"], scheme="dark")
    media = {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    assert run(browser, "getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert run(browser, "getComputedStyle(document.querySelector('.choices')).display") == "none"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    browser.execute_script("document.querySelector('details').open = false")
    assert browser.print_page().startswith("JVBERi0")  # %PDF-
    assert run(browser, "[...document.querySelectorAll('details')].every(each => each.open)") is True


def test_the_slider_moves_the_border_between_the_sides(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["fail"])
    choose(browser, "view", "slider")
    slider = browser.find_element("css selector", ".slider")
    clip = "getComputedStyle(document.querySelector('.side.candidate')).clipPath"
    before = run(browser, clip)
    slider.send_keys("\ue012" * 20)  # the left arrow key
    assert (before, run(browser, clip)) == ("inset(0px 0px 0px 50%)", "inset(0px 0px 0px 30%)")
    assert browser.get_log("browser") == []


def test_hostile_names_stay_text(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["hostile"])
    assert run(browser, "document.querySelectorAll('script').length") == 1
    assert run(browser, "document.querySelectorAll('img, .file *, .notes *:not(li), text *, option *, .numbers th *').length") == 0
    assert run(browser, "document.querySelectorAll('figure.image').length") == len(HOSTILE)
    assert run(browser, "document.querySelectorAll('select[name=class] option').length") == len(HOSTILE) + 1
    names = run(browser, "[...document.querySelectorAll('.file')].map(each => each.textContent)")
    assert {"<script>alert(1)</script>", "{{ 7 * 7 }}", "\\u202egnp.exe", "&lt;b&gt;"} <= set(names)


def test_a_page_without_its_script_shows_everything(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["plain"])
    assert run(browser, VISIBLE) == 2
    assert run(browser, "getComputedStyle(document.querySelector('.choices')).display") == "none"
