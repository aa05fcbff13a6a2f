"""The page is one file, the same every time, hides nothing that is missing, and keeps what others wrote as text."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from exx import DataError, dollars, load_results, number, p_value, percent, points
from exx.testing import check_reporter
from exx_html import exx_register_reporters
from exx_html.figures import Figure, apart
from exx_html.items import read_table
from exx_html.numbers import count, interval, visible, where
from exx_html.reporter import HtmlReporter


def page_of(folder, out, **options) -> str:
    """Write the report and read it."""
    (path,) = HtmlReporter(**options).write(load_results(folder), out)
    return path.read_text(encoding="utf-8")


def unpack(page: str, name: str):
    """A block of data in the page."""
    found = re.search(rf'<script type="application/octet-stream" id="{name}">([^<]*)</script>', page)
    return found and json.loads(gzip.decompress(base64.b64decode(found[1])))


_KINDS = ["index", "answers-0", "right-0", "passages-0"]


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        """Keep the tag."""
        self.found.append((tag, dict(attrs)))


def tags_of(page: str) -> list[tuple[str, dict]]:
    """All tags of a page."""
    parser = Tags()
    parser.feed(page)
    return parser.found


@pytest.fixture(scope="module")
def page(trial, tmp_path_factory):
    """The page about the small trial."""
    return page_of(trial, tmp_path_factory.mktemp("page"))


@pytest.fixture
def copied(trial, tmp_path):
    """The small trial's run, to be changed."""
    run = tmp_path / trial.parent.parent.name
    shutil.copytree(trial.parent.parent, run)
    return run / "trial" / "results"


def test_the_plugin_offers_the_reporter():
    """The hook gives the class whose name is html."""
    assert [offered.name for offered in exx_register_reporters()] == ["html"]


def test_the_same_results_give_the_same_bytes(trial, page, tmp_path):
    """Nothing in the page depends on when or where it is written."""
    assert page_of(trial, tmp_path) == page


def test_the_page_refers_to_nothing_outside_of_it(page):
    """No address is loaded from: the only sources are within the page."""
    tags = tags_of(page)
    sources = [value for _, attrs in tags for name, value in attrs.items() if name in {"src", "href", "data", "action"}]
    hrefs = [attrs["xlink:href"] for _, attrs in tags if "xlink:href" in attrs]

    assert {source for source in (*sources, *hrefs) if not source.startswith("#")} == {"data:,"}


def test_the_policy_lets_only_the_pages_own_script_and_style_in(page):
    """The hashes in the policy are those of the two blocks, and nothing unsafe is allowed."""
    policy = next(
        attrs["content"] for tag, attrs in tags_of(page) if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    blocks = {"style": re.search("<style>(.*?)</style>", page, re.DOTALL)[1], "script": page.split("<script>")[-1]}
    blocks["script"] = blocks["script"].split("</script>")[0]

    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for name, text in blocks.items():
        assert f"{name}-src 'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert not [attrs for _, attrs in tags_of(page) if "style" in attrs or any(name.startswith("on") for name in attrs)]


def test_ids_are_unique(page):
    """Figures share the page: no two elements have the same id, and every reference within the page has an end."""
    ids = [attrs["id"] for _, attrs in tags_of(page) if "id" in attrs]
    wanted = {attrs["xlink:href"][1:] for _, attrs in tags_of(page) if "xlink:href" in attrs}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", page))

    assert len(ids) == len(set(ids))
    assert wanted <= set(ids)


def test_colours_survive_when_figures_are_told_apart():
    """Ids get a beginning of their own; a colour, which looks like a reference, does not."""
    drawn = '<g id="a" fill="#0072b2" clip-path="url(#c)"><use xlink:href="#a"/></g>'

    (figure,) = apart([Figure(title="t", svg=drawn)], "x-")

    assert figure.svg == '<g id="x-0-a" fill="#0072b2" clip-path="url(#x-0-c)"><use xlink:href="#x-0-a"/></g>'


def test_what_others_wrote_is_text(page):
    """A model's name and a metric's title with markup are escaped, and a direction mark is written out."""
    assert "some&lt;/script&gt;model⟨U+202E⟩" in page
    assert "Answer match &lt;b&gt;" in page
    assert "\u202e" not in page
    assert not [tag for tag, _ in tags_of(page) if tag in {"b", "i", "img"} and tag != "b"]


def test_the_items_are_in_the_page(page):
    """The blocks hold scores, questions, answers, right answers, and the shared passage once."""
    index = unpack(page, "exx-index")

    assert len(index["item"]) == 14
    assert index["places"] == [[0.0, "open"], [0.0, "closed"], [0.7, "closed"]]
    assert index["questions"][0] == "What is o0 <i>?"
    assert [index["scores"][arm][0][7] for arm in (0, 1)] == [None, 10_000]
    assert unpack(page, "exx-passages-0") == ["The passage they share."]
    assert unpack(page, "exx-answers-0")[4] == [["control says one|o4 Éclair"], ["treatment says one|o4 Éclair"]]
    assert unpack(page, "exx-answers-0")[7][0] == [["the server said <b>no</b>"]]
    assert unpack(page, "exx-right-0")[0] == [["right o0", "<u>"], 0]


def test_the_deltas_of_the_bootstrap_are_counted(trial):
    """Open-book answer match: three gains, one loss, two of no change, counted by hand."""
    table = read_table(load_results(trial), 10**9)

    assert table.deltas("answer_match", (0.0, "open")) == {1.0: 3, -1.0: 1, 0.0: 2}


def test_several_answers_to_a_question_are_kept_in_order(copied):
    """Replicates are ordered by their number, not by their place in the file."""
    with (copied / "predictions.csv").open("a", encoding="utf-8") as file:
        file.write("one|o4|control|0.0|2|open,third,\none|o4|control|0.0|1|open,second,\n")
    table = read_table(load_results(copied), 10**9)

    assert table.rows[4].said(0) == ["control says one|o4 Éclair", "second", "third"]


def test_what_does_not_fit_is_left_out_and_said(trial, tmp_path):
    """Passages are left out first, then right answers; the list stays, and the page says what is missing."""
    sizes = {texts_mb: page_of(trial, tmp_path, texts_mb=texts_mb) for texts_mb in (0.0009, 0.002)}
    kept = {mb: [kind for kind in _KINDS if unpack(page, f"exx-{kind}") is not None] for mb, page in sizes.items()}

    assert kept[0.0009][:1] == ["index"] and kept[0.0009] != _KINDS
    assert all("did not fit into the page" in page for page in sizes.values())
    assert kept[0.002] == _KINDS, "only the answer of a megabyte, which is over 8 times the budget, is left out"
    assert "1 long answers" in sizes[0.002]


def test_without_a_budget_there_is_no_browser(trial, tmp_path):
    """texts_mb 0 leaves the items out, with the reason."""
    page = page_of(trial, tmp_path, texts_mb=0)

    assert "texts_mb is 0" in page
    assert "application/octet-stream" not in page


def test_what_is_missing_is_said(copied, tmp_path):
    """Files that are not there leave their reasons in the page, and the items stay."""
    reasons = {
        "predictions.csv": "so the answers are not at hand",
        "trial_manifest.json": "so it is not known which model was asked what",
        "costs.json": "costs.json is not among the results",
        "unsupported_sensitivity.json": "unsupported_sensitivity.json is not among the results",
        "cost_effectiveness.json": "cost_effectiveness.json is not among the results",
        "integrity.json": "What became of every planned answer is not known",
    }
    for name in reasons:
        (copied / name).unlink(missing_ok=True)
    page = page_of(copied, tmp_path)

    assert [name for name, reason in reasons.items() if reason not in page] == []
    assert unpack(page, "exx-index") is not None


def test_without_scores_there_are_no_items(copied, tmp_path):
    """Without per_item_scores.csv the page says why it has neither items nor counts of answers."""
    (copied / "per_item_scores.csv").unlink()
    page = page_of(copied, tmp_path)

    assert "so there are no items to show" in page and "so answers cannot be counted" in page
    assert "application/octet-stream" not in page


def test_what_is_there_is_drawn(copied, tmp_path):
    """With every artifact at hand the sensitivity curve, the cost plane and the other figures are in the page."""
    at = {"threshold": 0.5, "difference": 0.1, "low": 0.0, "high": 0.2}
    curve = {
        "temp": 0.0,
        "type": "open",
        "subgroup": None,
        "curve": [at, at | {"threshold": 0.9}],
        "in_words": "Curved.",
    }
    plane = {"points": [[0.01, 0.1], [0.02, 0.2]], "estimate": [0.015, 0.15]}
    priced = {"em": {"plane": plane, "in_words": "Dearer."}, "f1": {"plane": None, "reason": "no price"}}
    blocks = {
        "unsupported_sensitivity": [curve],
        "cost_effectiveness": [{"temp": 0.0, "type": "open", "metrics": priced}],
    }
    for name, content in blocks.items():
        (copied / f"{name}.json").write_text(json.dumps({"reason": None, "blocks": content}), encoding="utf-8")
    page = page_of(copied, tmp_path)
    captions = re.findall("<figcaption>(.*?)</figcaption>", page)

    assert [caption.partition(":")[0].partition(",")[0] for caption in captions[:6]] == [
        *["Differences"] * 3, "Right and wrong", "Bootstrap distribution", "Right and wrong"
    ]  # fmt: skip
    assert "Sensitivity to the detector&#39;s threshold: Open-book, temperature\u00a00" in captions
    assert "Cost and effect: Exact match, Open-book, temperature\u00a00" in captions
    assert "Not drawn: no price." in page and "Curved." in page and "Dearer." in page
    assert page.count("<svg") == len(captions)


def test_a_score_that_is_no_number_is_told(copied, tmp_path):
    """A damaged score file is an error that names the file and the cell."""
    path = copied / "per_item_scores.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("one|o1,open,control,0.0,0", "one|o1,open,control,0.0,x"))

    with pytest.raises(DataError, match=r"per_item_scores.csv.*'x'"):
        HtmlReporter().write(load_results(copied), tmp_path)


def test_a_damaged_artifact_is_told(copied, tmp_path):
    """An analysis's file that is not JSON is an error, not a missing figure."""
    (copied / "unsupported_sensitivity.json").write_text("{", encoding="utf-8")

    with pytest.raises(DataError, match=r"unsupported_sensitivity.json.*not valid JSON"):
        HtmlReporter().write(load_results(copied), tmp_path)


@pytest.mark.parametrize("texts_mb", [-1, 501])
def test_an_option_out_of_range_is_refused(texts_mb):
    """texts_mb is between 0 and 500."""
    with pytest.raises(ValueError, match="texts_mb"):
        HtmlReporter(texts_mb=texts_mb)


def test_numbers_are_written_the_way_people_read_them():
    """Per cent, points, p-values never rounded onto 0.05, dollars, and dashes for what is not defined; by hand."""
    assert [percent(None), percent(0.125), points(-0.0123), points(None), points(0.00001)] == [
        "–",
        "12.5 %",
        "−1.2",
        "–",
        "0.0",
    ]
    assert [p_value(p) for p in (None, 0.0004, 0.04996, 0.123, 0.999, 1.0)] == [
        "–",
        "< 0.001",
        "0.04996",
        "0.12",
        "> 0.99",
        "1.00",
    ]
    assert [number(n) for n in (None, "-Infinity", True, float("inf"), -1.23456, "word", [1])] == [
        "–", "−∞", "yes", "∞", "−1.235", "word", "[1]",
    ]  # fmt: skip
    assert [dollars(d) for d in (None, 0.0, -12.345, 0.012, 0.0000012)] == [
        "–",
        "$0.00",
        "−$12.35",
        "$0.012",
        "$0.0000012",
    ]
    assert [count(None), count(1234), interval(1, None), interval(1, 2.5)] == ["–", "1,234", "–", "1 to 2.5"]
    assert where(0.7, "closed") == "Closed-book, temperature\u00a00.7"
    assert visible("a\u202eb\x1b\n\tc\U000e0041é") == "a⟨U+202E⟩b⟨U+001B⟩\n\tc⟨U+E0041⟩é"


def test_keeps_the_contract():
    """What exx asks of every reporter: see exx.testing."""
    check_reporter(HtmlReporter)
