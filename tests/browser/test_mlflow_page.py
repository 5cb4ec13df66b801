"""MLflow's own page of the smoke study: filters, a study's run with those of its jobs, the saved chart of scores."""

import json
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from conftest import REPORT
from mlflow import MlflowClient
from playwright.sync_api import expect
from tracking_server import tracking_server

STUDY = REPORT.parent
WANTED = "tags.dataset = 'clipart-tags' AND tags.method = 'kd'"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowClient]:
    """Of a server that shows a copy of the study's database."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(STUDY.parent / "mlflow.db", folder / "server.db")
    with tracking_server(folder) as address:
        yield MlflowClient(tracking_uri=address)


@pytest.fixture
def page(browser: Any, client: MlflowClient) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1500, "height": 1100})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def open_runs(page: Any, client: MlflowClient, **query: str) -> str:
    """Open the study's page of runs; the experiment's number."""
    experiment = client.get_experiment_by_name(f"msd/{STUDY.name}")
    assert experiment is not None
    page.goto(f"{client.tracking_uri}/#/experiments/{experiment.experiment_id}/runs?{urlencode(query)}")
    return str(experiment.experiment_id)


def test_runs_are_filtered_by_dataset_and_method_below_their_study(page: Any, client: MlflowClient) -> None:
    experiment = open_runs(page, client)
    expect(page.get_by_test_id("experiment-link")).to_have_text(STUDY.name, timeout=60_000)
    jobs, tables = (
        page.get_by_role("link", name=name) for name in ("student students/clipart-tags/kd", "tables tables")
    )
    expect(tables).to_have_count(0)
    page.get_by_role("gridcell").get_by_role("button").first.click()
    expect(tables).to_be_visible()
    page.get_by_test_id("search-box").fill(WANTED)
    page.get_by_test_id("search-box").press("Enter")
    expect(tables).to_have_count(0, timeout=60_000)
    wanted = client.search_runs([experiment], f"{WANTED} AND tags.rule = 'student'")
    assert len(wanted) > 1
    expect(jobs).to_have_count(len(wanted))


def test_the_saved_chart_has_the_score_of_each_method(page: Any, client: MlflowClient, screenshots: Any) -> None:
    open_runs(page, client, compareRunsMode="CHART", viewStateShareKey="scores-by-method")
    expect(page.get_by_text("Test score by method")).to_be_visible(timeout=60_000)
    chart = page.get_by_test_id("experiment-view-compare-runs-card").last
    for path in STUDY.glob("cells/clipart-tags/*/cell.json"):
        cell = json.loads(path.read_text())
        chosen = next(one for one in cell["variants"] if one["variant"] == cell["selected"])
        expect(chart.get_by_text(cell["method"], exact=True).first).to_be_visible()
        expect(chart.get_by_text(f"{chosen['test']['mean']:.2f}").first).to_be_visible()
    page.screenshot(path=screenshots / "mlflow.png")
