"""The page in a real browser: it stays silent and offline, filters count right, no answer reaches out of its box."""

from __future__ import annotations

from contextlib import contextmanager
from urllib.parse import quote

import pytest

from exx import load_results
from exx_html.reporter import HtmlReporter

LONG = 1_048_580


@pytest.fixture(scope="module")
def report(trial, tmp_path_factory):
    """The page about the small trial."""
    (path,) = HtmlReporter().write(load_results(trial), tmp_path_factory.mktemp("report"))
    return path


@pytest.fixture
def visit(chromium, report):
    """Open the page, and make sure that it stays silent and asks the network for nothing."""

    @contextmanager
    def opened(fragment="", *, path=report, silent=True, **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        page = context.new_page()
        heard: list[str] = []
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("dialog", lambda dialog: heard.append(f"dialog {dialog.message}"))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{path.as_uri()}{fragment}")
        page.wait_for_selector("html[data-ready]")
        yield page
        context.close()
        assert not silent or not heard
        assert {url.partition("#")[0] for url in asked} == {path.as_uri()}

    return opened


def until(page, script, argument=None) -> None:
    """Wait until something holds; the driver's own way to wait needs eval, which the page's policy forbids."""
    for _ in range(200):
        if page.evaluate(script, argument):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"never held: {script}")


def counts(page) -> dict[str, int]:
    """What the filters' buttons say."""
    script = "b => [b.dataset.effect ?? b.dataset.state, Number(b.querySelector('.count').textContent)]"
    return dict(page.eval_on_selector_all("[data-effect], [data-state]", f"all => all.map({script})"))


def shown(page) -> list[str]:
    """The keys of the listed items, which all fit on the screen."""
    return page.eval_on_selector_all(
        ".entry",
        "all => all.sort((a, b) => a.dataset.at - b.dataset.at).map(e => e.querySelector('.below').textContent)",
    )


def test_counts_are_right(visit):
    """All filters say how many items they leave, as counted by hand in the table of the trial."""
    with visit() as page:
        effects = {"all": 14, "fixed": 5, "broke": 2, "same": 6}
        assert counts(page) == {**effects, "abstained": 2, "unsupported": 1, "truncated": 1, "failed": 1}


@pytest.mark.parametrize(
    ("button", "items"),
    [
        ("[data-effect=fixed]", ["one|o0", "one|o1", "one|o2", "two|c3", "two|c3"]),
        ("[data-effect=broke]", ["one|o3", "two|c0"]),
        ("[data-state=abstained]", ["one|o3", "one|o5"]),
        ("[data-state=unsupported]", ["one|o2"]),
        ("[data-state=truncated]", ["one|o4"]),
        ("[data-state=failed]", ["two|c1"]),
    ],
)
def test_a_button_leaves_its_items(visit, button, items):
    """Each filter shows exactly the items that were planted for it."""
    with visit() as page:
        page.click(button)
        assert shown(page) == items


def test_choices_narrow_each_other(visit):
    """Dataset, type, temperature, arm and metric hold together, and reset undoes them all."""
    with visit() as page:
        page.select_option("#by-dataset", "two")
        page.select_option("#by-temp", "0.7")
        assert shown(page) == ["two|c0", "two|c1", "two|c2", "two|c3"]
        page.select_option("#by-type", "open")
        assert shown(page) == [] and page.is_visible("#nothing")
        page.click("#reset")
        assert counts(page)["all"] == 14
        page.click("[data-state=abstained]")
        page.select_option("#by-arm", "control")
        assert shown(page) == ["one|o5"]
        page.click("#reset")
        page.select_option("#by-metric", "1")
        page.click("[data-effect=broke]")
        assert shown(page) == ["one|o0"]


def test_search_looks_into_answers_questions_and_right_answers(visit):
    """All words must be found, whatever their case, in any text of the item."""
    with visit() as page:
        for query, found in (
            ("TREATMENT éclair c3", 2),
            ("right o5", 1),
            ("what is C0", 2),
            ("said <b>no", 1),
            ("nowhere", 0),
        ):
            page.fill("#search", query)
            until(page, "q => new URLSearchParams(location.hash.slice(1)).get('q') === q", query)
            assert counts(page)["all"] == found, query


def test_an_item_shows_both_arms(visit):
    """Question, right answers, both answers with their scores, and the passage once it is asked for."""
    with visit() as page:
        page.click("[data-state=truncated]")
        detail = page.locator("#detail")
        assert detail.locator(".question").inner_text() == "What is o4 <i>?"
        assert detail.locator(".alias").all_inner_texts() == ["right o4", "<u>"]
        assert "control says one|o4 Éclair" in detail.locator(".answer.control").inner_text()
        assert "treatment says one|o4 Éclair" in detail.locator(".answer.treatment").inner_text()
        assert detail.locator(".answer.control .badge").all_inner_texts() == ["cut off"]
        assert "The passage they share." not in detail.inner_text()
        detail.locator("summary").click()
        detail.get_by_text("The passage they share.").wait_for()


def test_keys_move_through_the_list(visit):
    """Slash goes to the search, Escape to the list; arrows, j and k, Home and End move, Enter goes to the item."""
    with visit() as page:
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "search"
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.id") == "list"
        for key, at in (
            ("ArrowDown", 1),
            ("j", 2),
            ("k", 1),
            ("End", 13),
            ("ArrowDown", 13),
            ("Home", 0),
            ("ArrowUp", 0),
        ):
            page.keyboard.press(key)
            assert page.get_attribute("#list", "aria-activedescendant") == f"entry-{at}"
            assert page.get_attribute(f"#entry-{at}", "aria-selected") == "true"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "detail"


def test_the_focus_can_be_seen(visit):
    """Tab shows where it is."""
    with visit() as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_address_leads_back(visit):
    """Filters and the item are in the address, and opening it again shows the same."""
    with visit() as page:
        page.click("[data-effect=fixed]")
        page.click(".entry >> nth=1")
        address = page.evaluate("location.hash")
    with visit(address) as page:
        assert shown(page) == ["one|o0", "one|o1", "one|o2", "two|c3", "two|c3"]
        assert page.locator("#detail .question").inner_text() == "What is o1 <i>?"
    with visit("#show=nonsense&state=x&metric=__proto__&item=%00&temp=9") as page:
        assert counts(page)["all"] == 14


def test_links_in_the_page_set_the_filters(visit):
    """The section on changed sides leads to the items that were broken."""
    with visit() as page:
        page.click("text=those it broke")
        page.locator("[data-effect=broke][aria-pressed=true]").wait_for()
        assert shown(page) == ["one|o3", "two|c0"]


def look_at(page, key):
    """Open an item by its address."""
    page.goto(f"{page.url.partition('#')[0]}#item={quote(key)}&at=open%200")
    until(page, "key => document.querySelector('#detail .where')?.textContent.startsWith(key)", key)


def skeleton(page) -> list:
    """Every element and its width, but for what is of the item itself: its texts, its scores, its row in the list."""
    script = """own => [...document.querySelectorAll('body *')].filter(e => !e.closest(own))
        .map(e => [e.tagName, e.id, Math.round(e.getBoundingClientRect().width)])"""
    return page.evaluate(script, ".answer, .sheet, .question, .right, .where, .scores, .steps, script, svg")


@pytest.mark.parametrize("key", ["one|o0", "one|o1", "one|o2", "one|o3"])
def test_a_hostile_answer_stays_in_its_box(visit, key):
    """Markup, a script, marks of direction and a megabyte change nothing outside of their own cell."""
    with visit() as page:
        look_at(page, "one|o4")
        before = skeleton(page)
        look_at(page, key)
        assert skeleton(page) == before
        assert page.evaluate("window.broken") is None
        assert page.locator("img, iframe, #detail svg, #detail script").count() == 0
        box, inside = page.locator(".answer.treatment").bounding_box(), page.locator("#detail").bounding_box()
        assert box["width"] < inside["width"] and page.evaluate("document.documentElement.scrollWidth") == 1280


def test_markup_is_shown_as_it_was_written(visit):
    """What a model wrote can be read, to the letter."""
    with visit() as page:
        look_at(page, "one|o0")
        assert "<img src=x onerror=\"window.broken='image'\">" in page.locator(".answer.treatment").inner_text()
        look_at(page, "one|o1")
        assert "</script><script>window.broken='script'</script>" in page.locator(".answer.treatment").inner_text()


def test_marks_of_direction_are_written_out(visit):
    """An override, an isolate, a zero-width space and an escape are chips, and the text is isolated."""
    with visit() as page:
        look_at(page, "one|o2")
        box = page.locator(".answer.treatment")
        assert box.locator(".unseen").all_inner_texts() == ["U+202E", "U+2066", "U+200B", "U+001B"]
        assert "\u202e" not in page.content()
        assert (
            page.evaluate("getComputedStyle(document.querySelector('.answer.treatment .said')).unicodeBidi")
            == "isolate"
        )


def test_a_long_answer_is_cut_until_it_is_asked_for(visit):
    """2,000 characters are shown, then all of them, in a box that keeps its size."""
    with visit() as page:
        look_at(page, "one|o3")
        said = page.locator(".answer.treatment .said")
        assert len(said.evaluate("e => e.textContent")) == 2_000
        page.click(f"text=Show all {LONG:,} characters")
        assert len(said.evaluate("e => e.textContent")) == LONG
        assert page.locator(".answer.treatment").bounding_box()["height"] < 900
        assert page.evaluate("document.documentElement.scrollWidth") == 1280


def test_the_policy_is_in_force(visit):
    """A script that gets into the page after all is not run."""
    with visit(silent=False) as page:
        page.evaluate(
            "const s = document.createElement('script'); s.textContent = 'window.broken = 1'; document.body.append(s)"
        )
        assert page.evaluate("window.broken") is None


def test_light_and_dark(visit):
    """The page follows the system, and the button overrules it."""
    paper = "getComputedStyle(document.body).backgroundColor"
    with visit(color_scheme="light") as page:
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
    with visit(color_scheme="dark") as page:
        assert page.evaluate(paper) == "rgb(13, 17, 23)"
        page.click("#theme")
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
        page.click("#theme")
        assert page.evaluate(paper) == "rgb(13, 17, 23)"


def test_400_pixels_are_enough(visit):
    """Nothing but what scrolls by itself is wider than the screen, and an item can be opened."""
    with visit(viewport={"width": 400, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 400
        page.click(".entry >> nth=2")
        page.locator("#detail .question", has_text="What is o2").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_on_paper(visit):
    """What is folded is printed, the item browser and the navigation are not, and a PDF comes out."""
    with visit() as page:
        page.emulate_media(media="print")
        assert not page.is_visible("#browser") and not page.is_visible("nav")
        assert page.is_visible(".printed") and page.is_visible("#verdict")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("details.fold:not([open])").count() == 0
        assert page.pdf().startswith(b"%PDF")


def test_every_control_has_a_name(visit):
    """Buttons, fields, lists, regions and figures are named for those who cannot see them."""
    with visit() as page:
        nameless = page.eval_on_selector_all(
            "button, input, select, [role]:not([role=presentation], [role=status]), article",
            """all => all.filter(e => !e.getAttribute('aria-label') && !e.textContent.trim() && !e.closest('label'))
                .map(e => e.outerHTML.slice(0, 80))""",
        )
        assert nameless == []


def test_20000_items_stay_few_elements(visit, large_trial, tmp_path):
    """However long the list, only what is in view exists; the end is reached, and the filters count right."""
    (path,) = HtmlReporter().write(load_results(large_trial), tmp_path)
    with visit(path=path) as page:
        assert page.locator(".entry").count() < 60
        page.focus("#list")
        page.keyboard.press("End")
        page.locator("#entry-19999").wait_for()
        page.evaluate("document.getElementById('list').scrollTop = 500000")
        until(page, "document.querySelector('.entry') && !document.getElementById('entry-19999')")
        assert page.locator(".entry").count() < 60
        assert page.evaluate("document.querySelectorAll('*').length") < 3_000
        said = page.locator("[data-effect=fixed] .count").inner_text()
        assert said == "2,000"
        page.fill("#search", "i19998 treatment")
        page.locator("#found", has_text="1 of 20,000 items").wait_for()
        assert shown(page) == ["one|i19998"]
