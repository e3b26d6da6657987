"""The manual as a site: built strictly, readable from disk, and nothing in it is loaded from elsewhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if find_spec("material") is None:
    pytest.skip('needs MkDocs Material: pip install "parity-gate[docs]"', allow_module_level=True)

from parity.faults import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
BUILD = (sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file")  # --quiet would silence the warnings that --strict counts
LOADING = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "link": "href",
    "object": "data",
    "video": "src",
    "embed": "src",
}
ELSEWHERE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
IN_STYLES = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", re.IGNORECASE)
NO_RESOURCE = {"canonical", "alternate", "author", "license", "next", "prev"}  # what a link of this kind names is not loaded


class Loads(HTMLParser):
    """What a browser loads because of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down what a tag loads."""
        values = dict(attrs)
        kinds = set((values.get("rel") or "").split())
        if tag in LOADING and not kinds & NO_RESOURCE:
            self.found += filter(None, (values.get(LOADING[tag]), values.get("srcset")))


def loaded(page: str) -> list[str]:
    """The addresses elsewhere that a page loads something from."""
    reader = Loads()
    reader.feed(page)
    return [address for address in reader.found if ELSEWHERE.match(address)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run([*BUILD, ROOT / "mkdocs.yml", "--site-dir", folder], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


def pages(site: Path) -> dict[str, str]:
    """The text of every page by its name."""
    return {page.relative_to(site).as_posix(): page.read_text(encoding="utf-8") for page in site.rglob("*.html")}


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    assert {name: loaded(text) for name, text in pages(site).items() if loaded(text)} == {}


def test_no_style_sheet_loads_anything_from_elsewhere(site: Path) -> None:
    sheets = list(site.rglob("*.css"))
    assert sheets
    assert [sheet.name for sheet in sheets if IN_STYLES.search(sheet.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="https://unpkg.com/iframe-worker/shim"></script>',
        '<link rel="stylesheet" href="//fonts.googleapis.com/css">',
        '<img srcset="https://a/b.png 2x">',
        '<iframe src="http://a/"></iframe>',
    ],
)
def test_a_page_that_does_is_found(tag: str) -> None:
    assert len(loaded(tag)) == 1


@pytest.mark.parametrize(
    "tag", ['<a href="https://github.com">x</a>', '<img src="images/a.png">', '<link rel="canonical" href="https://a/">']
)
def test_a_link_that_loads_nothing_is_not(tag: str) -> None:
    assert loaded(tag) == []


def test_every_snippet_was_put_in(site: Path) -> None:
    assert [name for name, text in pages(site).items() if "--8" in text] == []


def test_every_fault_can_be_linked_to(site: Path) -> None:
    text = (site / "faults.html").read_text(encoding="utf-8")
    assert [name for name in CATALOGUE if f'id="{name}"' not in text] == []


def test_the_commands_are_those_of_the_command_line(site: Path) -> None:
    text = (site / "commands.html").read_text(encoding="utf-8")
    assert 'id="parity-gate"' in text
    assert "--candidate-spec" in text


def test_the_schemas_lie_beside_the_pages(site: Path) -> None:
    for name in ("result.schema.json", "bench.schema.json"):
        assert (site / "schema" / name).read_bytes() == (ROOT / "parity/schema" / name).read_bytes()


def test_a_broken_link_ends_the_build(tmp_path: Path) -> None:
    copy = tmp_path / "project"
    shutil.copytree(ROOT / "docs", copy / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "mkdocs.yml", copy)
    for name in ("README.md", "parity"):
        (copy / name).symlink_to(ROOT / name)
    page = copy / "docs/faq.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n[gone](faults.md#no_such_fault)\n", encoding="utf-8")
    done = subprocess.run(
        [*BUILD, copy / "mkdocs.yml", "--site-dir", tmp_path / "site"], cwd=copy, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode != 0
    assert "no_such_fault" in done.stderr


# In a browser, from disk


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window, which writes down what it loads."""
    if find_spec("selenium") is None or not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("needs selenium, Chromium and its driver: apt-get install chromium chromium-driver")
    from selenium import webdriver  # noqa: PLC0415 - not there without the group of tests

    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def asked_for(browser: Any) -> list[str]:
    """Every address that the browser has asked for since it was asked last."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["index", "predictions", "failures", "faults", "limits", "reports", "commands"])
def test_a_page_opens_from_disk_fits_and_asks_nobody(browser: Any, site: Path, name: str, width: int) -> None:
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get((site / f"{name}.html").as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert [address for address in asked_for(browser) if not address.startswith(("file:", "data:", "blob:", "about:"))] == []
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def test_the_search_works_from_disk(browser: Any, site: Path) -> None:
    from selenium.webdriver.support.wait import WebDriverWait  # noqa: PLC0415 - as above

    browser.get((site / "index.html").as_uri() + "?q=unletterbox")
    found = "return [...document.querySelectorAll('.md-search-result__link')].map(link => link.href)"
    links = WebDriverWait(browser, 30).until(lambda driver: driver.execute_script(found))
    assert any("faults.html" in link for link in links)
