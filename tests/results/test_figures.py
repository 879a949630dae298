"""Figures hold what the records hold, in files that depend on nothing else."""

import sys
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex

from rep4ex_bench import figures
from rep4ex_bench.boards.report.appearance import LIGHT_COLOURS, appearances
from rep4ex_bench.errors import UnknownNameError, UsageError
from rep4ex_bench.figures.drawing import marker_style
from rep4ex_bench.results import Results


@pytest.fixture
def scenario(results):
    """The label of the first scenario."""
    return results.records["scenario_label"].iloc[0]


def colours(results):
    return {
        label: LIGHT_COLOURS[look.colour] for label, look in appearances(results.records).items()
    }


def drawn(axis, colour, dashed=False):
    """The data of the lines of one colour."""
    return [
        line.get_xydata()
        for line in axis.lines
        if to_hex(line.get_markeredgecolor() if not dashed else line.get_color()) == colour
    ]


def points(axis, colour):
    found = [line for line in axis.lines if line.get_marker() not in ("None", "|", "x", ">", "<")]
    own = [line for line in found if to_hex(line.get_markeredgecolor()) == colour]
    return np.concatenate([line.get_xydata() for line in own])


def test_curves_are_medians_of_the_seeds_and_bands_their_range(results, records):
    figure = figures.error_by_distance(results)
    own = records[(records["metric"] == "nmse_by_distance") & (records["status"] == "ok")]
    assert [axis.get_title(loc="left").splitlines()[0] for axis in figure.axes] == list(
        own["scenario_label"].unique()
    )
    for axis, (_, rows) in zip(figure.axes, own.groupby("scenario_label", sort=False), strict=True):
        for label, of_method in rows.groupby("method_label"):
            (line,) = drawn(axis, colours(results)[label], dashed=True)
            values = of_method.groupby("at")["value"]
            np.testing.assert_allclose(line, values.median().reset_index())
            corners = np.vstack(
                [path.vertices for band in axis.collections for path in band.get_paths()]
            )
            for at, low, high in zip(values.groups, values.min(), values.max(), strict=True):
                for edge in (low, high):
                    assert np.isclose(corners, (at, edge), rtol=1e-12).all(axis=1).any()
        assert axis.get_yscale() == "log"


def test_dots_are_the_seeds_in_the_order_of_the_leaderboard(results):
    figure = figures.seed_strips(results)
    board, scores = results.leaderboard(), results.scores()
    board = board[board["left_out"] == ""]
    for axis, (scenario, rows) in zip(
        figure.axes, board.groupby("scenario_label", sort=False), strict=True
    ):
        labels = [text.get_text() for text in axis.get_yticklabels()]
        marks = {"method": "", "oracle": " (oracle)", "control": " (control)"}
        assert labels == [
            label + marks[role]
            for label, role in zip(rows["method_label"], rows["role"], strict=True)
        ]
        low, high = axis.get_xlim()
        crosses = [line for line in axis.lines if line.get_marker() == "x"]
        failed = scores[(scores["scenario_label"] == scenario) & np.isinf(scores["value"])]
        assert len(crosses) == failed["method_label"].nunique()
        for place, label in enumerate(rows["method_label"]):
            own = scores[
                (scores["scenario_label"] == scenario) & (scores["method_label"] == label)
            ]["value"]
            inside = own[(own >= low) & (own <= high)]
            found = points(axis, colours(results)[label])
            np.testing.assert_array_equal(found[:, 0], inside)
            assert (found[:, 1] == place).all()
        ticks = sorted(line.get_xdata()[0] for line in axis.lines if line.get_marker() == "|")
        medians = rows["nmse_outside"]
        assert ticks == sorted(medians[(medians >= low) & (medians <= high)])


def test_cost_has_a_point_a_finished_cell(results, records):
    figure = figures.cost_against_error(results)
    own = records[(records["metric"] == "nmse_outside") & (records["status"] == "ok")]
    for axis, (_, rows) in zip(figure.axes, own.groupby("scenario_label", sort=False), strict=True):
        for label, of_method in rows.groupby("method_label"):
            found = points(axis, colours(results)[label])
            expected = of_method[["process_seconds", "value"]].to_numpy()
            np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(expected, axis=0))
        low, high = axis.get_ylim()
        assert low <= rows["value"].min()
        assert rows["value"].max() <= high


def test_oracles_are_dashed_or_hollow_and_marked(results):
    axis = figures.error_by_distance(results).axes[0]
    (line,) = [x for x in axis.lines if to_hex(x.get_color()) == colours(results)["oracle"]]
    assert line.is_dashed()
    (line,) = [x for x in axis.lines if to_hex(x.get_color()) == colours(results)["rep4ex"]]
    assert not line.is_dashed()
    axis = figures.cost_against_error(results).axes[0]
    hollow = {
        to_hex(x.get_markeredgecolor()) for x in axis.lines if x.get_markerfacecolor() == "none"
    }
    assert hollow == {colours(results)[label] for label in ("oracle", "constant_mean")}


def test_a_tuned_method_is_filled_as_all_that_compete(records):
    results = Results(records.assign(method=records["method"].replace("rep4ex", "tuned")))
    look = appearances(results.records)["rep4ex"]
    assert (look.role, marker_style(look)["markerfacecolor"]) == (
        "tuned",
        LIGHT_COLOURS[look.colour],
    )


@pytest.mark.parametrize("name", ["distance", "cost"])
def test_the_legend_names_everybody_and_covers_no_data(results, hostile, name):
    figure = figures.FIGURES[name](results)
    figure.draw_without_rendering()  # which lays it out
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    for label in ("rep4ex", hostile, "oracle (oracle)", "constant_mean (control)"):
        assert any(text.startswith(label) for text in texts)
    assert not any(text.get_parse_math() for text in legend.get_texts())
    box = legend.get_window_extent()
    for axis in figure.axes:
        assert not box.overlaps(axis.get_tightbbox())
    inside = figure.bbox
    assert inside.x0 <= box.x0
    assert box.x1 <= inside.x1


def test_a_curve_of_fewer_seeds_says_so(results, hostile):
    legend = figures.error_by_distance(results).legends[0]
    texts = [text.get_text() for text in legend.get_texts()]
    assert f"{hostile} (6 of 7 seeds)" in texts
    assert "partial" in texts


@pytest.mark.parametrize("name", list(figures.FIGURES))
def test_the_same_records_give_the_same_bytes(few_seeds, scenario, name):
    before = dict(matplotlib.rcParams)
    draw = figures.FIGURES[name]
    first, again = (figures.figure_bytes(draw(few_seeds, [scenario]), "svg") for _ in range(2))
    assert first == again
    assert ElementTree.fromstring(first).tag.endswith("svg")
    assert b"<dc:date>" not in first
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(("form", "start"), [("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_other_formats_are_as_fixed(few_seeds, scenario, form, start):
    figure = figures.cost_against_error(few_seeds, [scenario])
    first, again = (figures.figure_bytes(figure, form) for _ in range(2))
    assert first == again
    assert first.startswith(start)


def test_one_scenario_can_be_drawn_and_an_unknown_one_is_named(results, scenario):
    for draw in figures.FIGURES.values():
        assert len(draw(results, [scenario]).axes) == 1
        with pytest.raises(UnknownNameError, match="Known: "):
            draw(results, ["photos"])


def test_records_without_what_is_drawn_are_an_error(results):
    records = results.records
    unplaced = Results(records[records["metric"] != "nmse_by_distance"])
    with pytest.raises(UsageError, match="no metric with an axis 'nmse_by_distance'"):
        figures.error_by_distance(unplaced)
    with pytest.raises(UsageError, match="no CPU seconds beside errors"):
        figures.cost_against_error(Results(records.assign(process_seconds=np.nan)))


def test_without_matplotlib_the_error_says_what_to_install(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for draw in figures.FIGURES.values():
        with pytest.raises(UsageError, match=r"pip install 'rep4ex-bench\[figures\]'"):
            draw(results)


def test_an_unknown_format_is_named(results):
    with pytest.raises(UnknownNameError, match="Known: pdf, png, svg"):
        figures.figure_bytes(figures.seed_strips(results), "jpg")
