"""The report in a real browser: what it shows, on a phone, by keyboard, to assistive technology, and to attackers.

Needs Chromium with its driver and the package selenium; the check of accessibility needs axe-core, whose file is found
in `node_modules` beside the repository or in it, or is named by the environment variable AXE_CORE.
"""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import itil4
from itil4 import Actor
from itil4.clock import FrozenClock
from itil4.interop.html_report import html_report
from itil4.practices.service_policy import ServiceLevelPolicy, TargetRule
from itil4.service_level import Condition, Target

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
wait = pytest.importorskip("selenium.webdriver.support.wait")
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not (BROWSER and DRIVER):
    pytest.skip("Chromium and its driver are not installed", allow_module_level=True)

ROOT = Path(__file__).parents[2]
SAM = Actor("sam", roles={"service_desk", "technical_specialist"})
HOSTILE = '</script></title><img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script> & "'


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report on twenty incidents, five of them open, with hostile texts wherever a record has one."""
    clock = FrozenClock(datetime(2026, 3, 2, 8, tzinfo=UTC))
    target = TargetRule(
        target=Target(duration=timedelta(minutes=90), metric=HOSTILE, stop=[Condition(categories="resolved")])
    )
    itsm = itil4.connect(clock=clock, policies={"service_level": ServiceLevelPolicy(targets=[target])})
    for number in range(20):
        incident = itsm.incidents.log(
            summary=HOSTILE if number == 19 else "X" * 200, group=HOSTILE, impact="high", urgency="low", by=SAM
        )
        clock.tick(timedelta(minutes=30))
        incident = itsm.incidents.hold(incident, kind=HOSTILE, by=SAM)
        if number < 15:
            clock.tick(timedelta(minutes=10 * number))
            itsm.incidents.resolve(incident, resolution=HOSTILE, by=SAM)
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(html_report(itsm, title=f"Report {HOSTILE}"), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("headless", "no-sandbox", "disable-gpu", "disable-background-networking",
                     f"user-data-dir={profile}", "host-resolver-rules=MAP * ~NOTFOUND"):  # fmt: skip
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(params=[390, 1280])
def opened(request, browser, page):
    """The report, opened anew on a screen of that width."""
    phone = request.param < 500
    size = {"width": request.param, "height": 844, "deviceScaleFactor": 1, "mobile": phone}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    return browser


def test_the_page_shows_its_sections_without_an_error(opened):
    """All headings are there, a drawing of the stream is seen, and the console has nothing to say."""
    headings = [each.text for each in opened.find_elements("css selector", "h2")]
    assert headings == [
        "At a glance", "Incident management", "Service clocks: Incident management",
        "Value stream: Restoration of a live service", "Guiding principles",
    ]  # fmt: skip
    seen = [each for each in opened.find_elements("css selector", "svg") if each.is_displayed()]
    assert len(seen) == 3 and all(each.size["width"] > 200 for each in seen)
    assert [each["message"] for each in opened.get_log("browser") if each["level"] == "SEVERE"] == []


def test_nothing_scrolls_sideways(opened):
    """Neither the page, closed or with every figure open, nor anything in it is wider than the screen."""
    for _ in range(2):
        wide = opened.execute_script(
            "return [document.documentElement.scrollWidth - document.documentElement.clientWidth,"
            " [...document.querySelectorAll('main *')].filter(e => e.namespaceURI.endsWith('xhtml') &&"
            " e.getBoundingClientRect().width && !e.closest('thead') &&"
            " (e.getBoundingClientRect().right > innerWidth + 1)).length]"
        )
        assert wide == [0, 0]
        opened.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")


def test_figures_open_by_keyboard_and_show_all_their_records(opened):
    """Tab reaches the figures, Enter opens one, and then all twenty records are there, not the first twelve."""
    body = opened.find_element("css selector", "body")
    for _ in range(200):
        opened.switch_to.active_element.send_keys(keys.TAB)
        focused = opened.switch_to.active_element
        if focused.tag_name == "summary" and focused.text.startswith("Logged"):
            break
    else:
        pytest.fail("Tab never reached the figure")
    outline = focused.value_of_css_property("outline-style")
    focused.send_keys(keys.ENTER)
    figure = focused.find_element("xpath", "..")
    wait.WebDriverWait(opened, 5).until(lambda _: "INC0000020" in figure.text)
    assert outline == "solid" and "more" not in figure.text
    assert body.is_displayed()


def test_the_first_stop_of_the_keyboard_skips_to_the_content(opened):
    """Nobody has to tab through the links to every section first."""
    opened.find_element("css selector", "body").send_keys(keys.TAB)
    assert opened.switch_to.active_element.text == "To the content"
    opened.switch_to.active_element.send_keys(keys.ENTER)
    assert opened.switch_to.active_element.get_attribute("id") == "main"


def test_hostile_texts_stay_texts(opened):
    """No script of a record ran, no element came of it, and people can read what was written."""
    assert opened.title == f"Report {HOSTILE}"
    assert opened.find_elements("css selector", "img, iframe, object, embed, svg script") == []
    assert len(opened.find_elements("css selector", "script")) == 2
    assert HOSTILE in opened.find_element("css selector", "h1").text
    assert any(HOSTILE in each.text for each in opened.find_elements("css selector", "td"))


def test_the_policy_of_the_page_stops_even_what_would_slip_through(opened):
    """A script and a handler that somebody puts into the page all the same do not run."""
    opened.execute_script(
        "const script = document.createElement('script'); script.textContent = 'document.title = \"owned\"';"
        "document.body.append(script);"
        "document.body.insertAdjacentHTML('beforeend', '<b onclick=\"document.title = 1\" id=probe>x</b>');"
        "document.getElementById('probe').click();"
    )
    assert opened.title == f"Report {HOSTILE}"


def test_axe_finds_nothing_serious(opened):
    """The rules of axe-core, with every figure open: nothing serious or critical."""
    places = [
        os.environ.get("AXE_CORE", ""),
        *(base / "node_modules/axe-core/axe.min.js" for base in (ROOT, ROOT.parent)),
    ]
    found = next((Path(each) for each in places if each and Path(each).is_file()), None)
    if found is None:
        pytest.skip("axe-core is not installed (npm install axe-core)")
    opened.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    opened.execute_script(found.read_text(encoding="utf-8"))
    result = opened.execute_async_script("const done = arguments[0]; axe.run().then(done, e => done(String(e)))")
    assert len(result["passes"]) > 15
    serious = [(each["id"], each["nodes"][0]["html"][:200]) for each in result["violations"]
               if each["impact"] in ("serious", "critical")]  # fmt: skip
    assert serious == []
