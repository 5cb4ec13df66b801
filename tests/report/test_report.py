"""Stage report: one self-contained page whose numbers all come from the results."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from synthetic_study import DATASETS

from msd.errors import UserError
from msd.report import report as report_module
from msd.report.page import PageTable, sections
from msd.report.registered import registration
from msd.report.report import report
from msd.tables.table import Table

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Elements and visible text of a page; fails on tags that do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def html(reported_study):
    return (reported_study.root / "results/tiny/report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


@pytest.fixture(scope="module")
def block(html):
    """The JSON from which the lineage panels are made."""
    text = re.search(r'<script type="application/json" id="lineage">(.*?)</script>', html, flags=re.DOTALL)[1]
    return json.loads(text)


def test_loads_nothing_from_elsewhere(html, page):
    assert not any("src" in script for script in page.all("script"))
    assert not page.all("link")
    assert "default-src 'none'" in page.all("meta")[1]["content"]
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.all("img"))
    assert "url(" not in html
    assert "@import" not in html
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|innerHTML", html)


def test_every_picture_has_a_text_and_a_size(page):
    images = page.all("img")
    assert len(images) == 16
    assert all(len(image["alt"]) > 20 and int(image["width"]) > 200 and int(image["height"]) > 100 for image in images)
    alts = "\n".join(image["alt"] for image in images)
    assert images[0]["alt"].startswith("Forest plot of the tests of 3 claims")
    assert "KD 0.808" in images[1]["alt"]
    assert "KD: label" in alts  # what the examples show
    assert "student reads from saliency" in alts


def test_ids_are_unique_and_every_link_has_a_target(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [link["href"][1:] for link in page.all("a") if link["href"].startswith("#")]
    assert set(targets) <= set(ids)
    labels = {attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes}
    assert labels <= set(ids)


def test_tables_scroll_in_their_own_box_and_can_be_reached_by_keyboard(page):
    boxes = [box for box in page.all("div") if box.get("class") == "scroll"]
    assert len(boxes) == len(page.all("table"))
    assert all(box["tabindex"] == "0" and box["role"] == "region" for box in boxes)
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))


def test_page_knows_light_dark_and_small_screens(html):
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport" content="width=device-width' in html


def test_every_row_of_a_table_is_whole_and_names_the_lineage_of_its_cells(reported_study, block):
    for name in ("main", "teacher", "views", "saliency"):
        table = json.loads((reported_study.root / f"results/tiny/tables/{name}.json").read_text())
        shown = report_module.page_table(Table.from_json(table))
        named = [item for labels, entries in shown.rows for item in entries if item.lineage]
        assert {len(labels) for labels, _ in shown.rows} == {len(shown.heads)}
        assert {len(entries) for _, entries in shown.rows} == {len(shown.columns)}
        assert len({item.lineage for item in named}) == len(named) == len(table["cells"])
        for item in named:
            cell = block["cells"][item.lineage]["cell"]
            assert item.sort == cell["mean"]
            assert cell in table["cells"]


def test_lineage_leads_from_every_cell_to_a_download(block):
    def sources(names):
        waiting, found = list(names), set()
        for name in waiting:
            makers = {block["files"][place][3] for place in block["records"][name]["inputs"]} - {None}
            waiting += [maker for maker in makers if maker not in waiting]
            found |= {name} & block["sources"].keys()
        return found

    for name, cell in block["cells"].items():
        dataset = cell["cell"]["dataset"]
        if not cell["runs"]:
            assert cell["cell"]["verdict"] == "not run", name
            continue
        tasks = DATASETS if dataset == "all" else [dataset]
        assert sources(cell["runs"]) == {f"results/data/{task}/record.json" for task in tasks}, name
    assert {figure["record"] for figure in block["figures"].values()} == {"results/tiny/figures/record.json"}
    assert block["problems"] == []


def test_tables_are_rendered_from_whatever_json_the_job_names(in_study):
    path, place = Path("results/tiny/tables/record.json"), "results/tiny/tables/further.json"
    table = json.loads(Path("results/tiny/tables/main.json").read_text()) | {"name": "further"}
    Path(place).write_text(json.dumps(table))
    before = path.read_text()
    record = json.loads(before)
    try:
        record["outputs"].append({**record["outputs"][0], "path": place})
        path.write_text(json.dumps(record))
        job = in_study.report_job("further.html")
        job.inputs["tables"].append(place)
        report(job)
    finally:
        path.write_text(before)
    text = Path("results/tiny/further.html").read_text(encoding="utf-8")
    assert '<h2 id="table-of-further">Further</h2>' in text
    assert text.count('data-lineage="further#') == len(table["cells"])


def test_verdicts_come_first_and_what_is_unknown_last():
    tables = {name: PageTable(name, "", [], [], [], []) for name in ("further", "main", "claims")}
    assert [section.name for section in sections(tables, {})] == ["verdicts", "scores", "table-of-further"]


def test_a_record_that_the_job_does_not_declare_is_named(in_study):
    job = in_study.report_job("x.html")
    job.inputs["records"] = [path for path in job.inputs["records"] if "teachers/match/seed-7/outputs" not in path]
    with pytest.raises(UserError, match=r"teachers/match/seed-7/outputs/record\.json, which is not among the records"):
        report(job)


def test_the_citation_file_is_shown(page):
    text = " ".join(" ".join(page.text).split())
    assert "Woojeong Jin, Maziar Sanjabi" in text
    assert "https://aclanthology.org/2021.findings-emnlp.302" in [link["href"] for link in page.all("a")]


def test_scores_sources_and_limits_are_there(page):
    text = " ".join(" ".join(page.text).split())
    assert "0.808 ± 0.021 (n=3)" in text  # KD: 97 of 120, seeds one answer apart
    assert "CC0-1.0 <public domain>" in text
    assert "match-data 1.0" in text
    assert "dropped: no plot 1,234" in text
    assert "torch 2.13.0" in text
    assert re.search(r"l0\.5 0\.825 ?, l0\.9 0\.725", text)
    assert "with uncommitted changes" in text


def test_a_dataset_stands_beside_the_choices_that_its_numbers_depend_on(html):
    [row] = re.findall(r'<th scope="row">Match</th><td>Hateful Memes</td>.*?</tr>', html, flags=re.DOTALL)
    assert '<td class="text">files: seen; side: 256</td><td>no paper value</td>' in row


def test_a_study_is_registered_where_every_student_began_with_the_tests_that_judge_it(in_study, page):
    assert "Registered: all 48 training jobs of students began with these tests" in " ".join(
        " ".join(page.text).split()
    )
    job = in_study.report_job("x.html")
    student = next(Path(path) for path in job.inputs["records"] if "/students/" in path)
    before = student.read_text()
    try:
        student.write_text(json.dumps(json.loads(before) | {"claims_sha256": None}))
        sentence = registration(job.inputs["records"], job.inputs["environment"])
    finally:
        student.write_text(before)
    assert sentence.startswith("Not registered: of 48 training jobs of students, 1 began before")


def test_no_number_is_typed_into_the_prose():
    folder = Path(report_module.__file__).parent
    names = ("report.html.j2", "parts.html.j2")
    template = "".join((folder / "templates" / name).read_text(encoding="utf-8") for name in names)
    prose = re.sub(r"<style>.*?</style>|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", template, flags=re.DOTALL)
    prose = re.sub(r"<[^>]*>", " ", prose)
    allowed = {"256"}  # SHA-256
    assert set(re.findall(r"\d+(?:\.\d+)?", prose)) <= allowed
    captions = folder.parents[1] / "workflow/report"
    assert {path.name for path in captions.glob("*.rst")} >= {"main.rst", "densities.rst", "saliency.rst", "curves.rst"}
    for path in captions.glob("*.rst"):
        assert not re.search(r"\d", path.read_text(encoding="utf-8").replace("figure 1", "")), path


def test_made_twice_is_the_same(html, in_study):
    report(in_study.report_job("again.html"))
    for form in ("svg", "png"):
        graph = Path(f"results/tiny/report/rules.{form}").read_bytes()
        assert graph == Path(f"results/tiny/again/rules.{form}").read_bytes()
    assert Path("results/tiny/again.html").read_text(encoding="utf-8") == html


def test_titles_are_escaped(in_study):
    report(in_study.report_job("escaped.html", title="<script>alert(1)</script>"))
    assert "<script>alert" not in Path("results/tiny/escaped.html").read_text(encoding="utf-8")


def test_a_figure_without_a_caption_is_named(in_study):
    job = in_study.report_job("x.html")
    job.inputs["captions"] = [path for path in job.inputs["captions"] if "saliency" not in path]
    with pytest.raises(UserError, match=r"add workflow/report/saliency\.rst"):
        report(job)


def test_the_main_table_is_needed(in_study):
    job = in_study.report_job("x.html")
    job.inputs["tables"] = [table for table in job.inputs["tables"] if not table.endswith("main.json")]
    with pytest.raises(UserError, match=r"main\.json"):
        report(job)
