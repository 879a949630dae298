"""The tutorials do what they say: the notebook runs, the method keeps the contract."""

import re
from pathlib import Path

import numpy as np
import pytest

from rep4ex_bench import get_method, load_fitted, register
from rep4ex_bench.conformance import CHECKS, conformance_tasks
from rep4ex_bench.metric import Evaluation
from rep4ex_bench.registry import METHODS, get_metric, get_scenario

TUTORIALS = Path(__file__).resolve().parent.parent.parent / "docs" / "tutorials"
NOTEBOOKS = sorted(TUTORIALS.glob("*.ipynb"))


def read(path):
    nbformat = pytest.importorskip("nbformat", reason="the extra `docs` is not installed")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def test_there_is_a_notebook():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path):
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert cells
    for cell in cells:
        assert cell.outputs == []
        assert cell.execution_count is None


def test_the_notebook_runs(tmp_path, monkeypatch):
    pytest.importorskip("ipykernel", reason="the extra `docs` is not installed")
    client = pytest.importorskip("nbclient", reason="the extra `docs` is not installed")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = read(TUTORIALS / "own-data.ipynb")
    there = {"metadata": {"path": str(tmp_path)}}
    client.NotebookClient(notebook, kernel_name="python3", resources=there).execute()
    shown = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "data" in output
    ]
    assert "(9, 0)" in shown  # cells, and those that failed
    assert "True" in shown  # what was loaded predicts the same
    assert "truth" in shown[-1]


@pytest.fixture
def by_hand(monkeypatch):
    monkeypatch.setattr(METHODS, "_registered", {})
    text = (TUTORIALS / "your-own-method.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    found = {"__name__": "by_hand.method"}
    exec(code, found)
    return register(found["ByHand"])()


def test_the_method_of_the_tutorial_keeps_the_contract(by_hand):
    for check in CHECKS:
        check(by_hand, conformance_tasks()[0])


def test_it_is_saved_and_loaded(by_hand, tmp_path):
    task = conformance_tasks()[0]
    fitted = by_hand.fit(task.train)
    fitted.save(tmp_path)
    expected = fitted.predict_do(task.queries.actions)
    assert expected.tobytes() == load_fitted(tmp_path).predict_do(task.queries.actions).tobytes()


def test_it_knows_more_than_a_regression_on_the_actions(by_hand):
    task = get_scenario("linear_action", n=1000).sample(0)
    error = {}
    for method in (by_hand, get_method("ols_on_actions")):
        fitted = method.fit(task.train, 0, "cpu")
        prediction = np.asarray(fitted.predict_do(task.queries.actions))
        evaluation = Evaluation(task, fitted, prediction, 0)
        error[method.name] = get_metric("nmse_outside").compute(evaluation)
    assert error["by_hand"] < error["ols_on_actions"]
