"""The page: what is on it, that it asks nothing of the world, and that what others wrote stays text."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pytest
from oracles.exhibits import CAUSE, NAMES, accuracy, agreeing, built, different, exhibit, failing
from oracles.hostile import HOSTILE
from oracles.results import ENVIRONMENT, check, config, result
from PIL import Image

from parity.datasets import DatasetImage
from parity.display import LONGEST, display
from parity.report.html import LEAST_ROOM, fitted, printable, write_report
from parity.request import GateRequest
from parity.verdict import CandidateId, DatasetId, ReferenceId, Status

if TYPE_CHECKING:
    from pathlib import Path

    from parity.report.gallery import Gallery


class Read(HTMLParser):
    """The tags, attributes and texts of a page, as a browser would split them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag and its attributes."""
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.texts.append(data)


def read(text: str) -> Read:
    """A page, parsed."""
    parser = Read()
    parser.feed(text)
    return parser


def shown(text: str) -> str:
    """A string as the page shows it."""
    return "".join(display(text[start : start + LONGEST]) for start in range(0, len(text), LONGEST))


# What is on it


def test_the_verdict_and_its_reason_come_before_everything_else(tmp_path: Path) -> None:
    text = built(failing(), [exhibit(tmp_path, [different(), agreeing()])])
    places = [text.index(each) for each in ("FAIL</span>", "Red and blue were exchanged: 2 of 3 checks failed (missed, shifted).")]
    places += [
        text.index(f'<section id="{name}">') for name in ("checks", "diagnosis", "detections", "images", "distributions", "reproduce")
    ]
    assert places == sorted(places)


def test_a_check_shows_measurement_limit_origin_and_multiple_of_the_noise(tmp_path: Path) -> None:
    text = built(failing(), [exhibit(tmp_path, [different()])])
    row = text[text.index('<th scope="row">shifted') :][:900]
    assert all(part in row for part in (">2<", ">0.01<", ">417 x<", "2 x noise"))


def test_every_kind_of_difference_is_drawn_on_its_side(tmp_path: Path) -> None:
    text = built(failing(), [exhibit(tmp_path, [different()])])
    reference, candidate = text.split('class="side candidate"')
    reference = reference.split('class="side reference"')[1]
    assert re.findall(r'class="box (\w+)"', reference) == ["matched", "missed", "flip", "shifted", "rescored", "edge"]
    assert re.findall(r'class="box (\w+)"', candidate.split("</svg>")[0]) == ["matched", "flip", "shifted", "rescored", "ghost"]


def test_a_picture_is_stored_once_for_both_sides(tmp_path: Path) -> None:
    text = built(failing(), [exhibit(tmp_path, [different(), agreeing()])])
    assert text.count("data:image/webp;base64,") == 2
    assert text.count('<use href="#picture0"/>') == 1


def test_without_pictures_there_is_still_a_page() -> None:
    assert "PASS" in built(result(), [])


# What it may do


def test_it_names_its_style_and_script_by_digest_and_allows_nothing_else(tmp_path: Path) -> None:
    text = built(failing(), [exhibit(tmp_path, [different()])])
    policy = next(value for name, value in read(text).attributes if name == "content" and "default-src" in value)
    inline = dict(re.findall(r"<(style|script)>(.*?)</", text, re.DOTALL))
    hashes = {tag: b64encode(sha256(content.encode()).digest()).decode() for tag, content in inline.items()}
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_it_asks_nothing_of_the_world(tmp_path: Path) -> None:
    page = read(built(failing(), [exhibit(tmp_path, [different()])]))
    targets = [value for name, value in page.attributes if name in {"href", "src", "action"}]
    assert {value[:1] if value.startswith("#") else value.split(",")[0] for value in targets} == {"#", "data:image/webp;base64"}
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]


# What others wrote


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_stays_text(hostile: str, tmp_path: Path) -> None:
    def page_of(name: str) -> Read:
        found = replace(
            failing(),
            reference=ReferenceId(name, "1", "f"),
            dataset=DatasetId(name, 1, name),
            configs=(config(id=name, candidate=CandidateId("code", name, None), accuracy=accuracy(lost=name)),),
            checks=(check(Status.FAIL, name=name, origin=name, detail=name.replace("; ", "")),),
            diagnosis=(replace(CAUSE, config=name, fault=name, message=name, fix=name, parameters={name: name}),),
            environment=replace(ENVIRONMENT, processor=name, packages={name: name}),
            notes=(name,),
        )
        shown = exhibit(tmp_path, [different()], names=(name, "dog"), files=(name,))
        return read(built(found, [shown]))

    plain, page = page_of("plain"), page_of(hostile)
    assert page.tags == plain.tags
    assert [name for name, _ in page.attributes] == [name for name, _ in plain.attributes]
    everything = "".join(page.texts)
    assert everything.count(shown(hostile)) >= 12
    assert all(each.isprintable() or each == "\n" for each in everything)


def test_there_are_forty_hostile_strings() -> None:
    assert len(set(HOSTILE)) == 40


def test_text_is_shown_whole_however_long() -> None:
    assert printable("a\x1b" * 300) == "a\\x1b" * 300


# How large it is


def test_a_page_that_grows_too_large_shows_fewer_images_and_says_so(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    many = [different(), *[agreeing()] * 15]
    crowd = exhibit(tmp_path, many)
    crowd = replace(crowd, images=tuple(DatasetImage(place, str(place), tmp_path / "noise.png") for place in range(16)))

    def build(shown: Gallery) -> str:
        return "-" * 50_000 * len(shown.figures)

    text, kept = fitted([crowd], build, largest=(50_000 + LEAST_ROOM) * 8)
    assert (len(kept.figures), kept.left_out, kept.left_out_different, len(text)) == (8, 8, 0, 400_000)
    assert kept.figures[0].found != ()


def test_the_page_is_written_whole_and_named(tmp_path: Path) -> None:
    request = GateRequest(tmp_path / "m.pt", candidates=("m.onnx",), data=tmp_path)
    said = write_report(tmp_path / "r.html", request, failing(), [exhibit(tmp_path, [different(), agreeing()], names=NAMES)])
    assert said == f"report written: {tmp_path / 'r.html'}, with 2 of 2 images"
    assert (tmp_path / "r.html").read_text(encoding="utf-8").endswith("</html>\n")
