import io

import matplotlib.text
import numpy as np
import pandas as pd
from PIL import Image

from stfuse.learning.weights import CURVE
from stfuse.plots import to_png
from stfuse.plots_training import training_figure


def curve(epochs=5, stages=1, held=True, waiting=0.02, scale=1.0) -> pd.DataFrame:
    rows = []
    for stage in range(1, stages + 1):
        for epoch in range(epochs + 1):
            loss = scale * np.exp(-epoch / 3)
            train = loss if epoch else np.nan
            rows.append([stage, epoch, train, 1.2 * loss if held else np.nan, 1e-3, 2.0 * epoch, waiting])
    return pd.DataFrame(rows, columns=CURVE)


def words(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def panels(figure):
    """The axes of losses, without those of the rates on top of them."""
    return [axes for axes in figure.axes if axes.get_yscale() == "log"]


def lines(axes, style):
    return [line for line in axes.get_lines() if line.get_linestyle() == style and len(line.get_xdata()) > 2]


def test_a_panel_shows_both_losses_the_rate_and_the_best_epoch():
    figure = training_figure({"srcnn (seed 0)": curve()}, "Training")
    (axes,) = panels(figure)
    training, held, best = axes.get_lines()
    np.testing.assert_allclose(training.get_ydata()[1:], np.exp(-np.arange(1, 6) / 3))
    np.testing.assert_allclose(held.get_ydata(), 1.2 * np.exp(-np.arange(6) / 3))
    assert (training.get_linestyle(), held.get_linestyle(), best.get_marker()) == ("-", "--", "o")
    assert best.get_xdata() == [5]
    (right,) = [axes for axes in figure.axes if axes.get_yscale() == "linear"]
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), 1e-3)
    assert axes.get_title(loc="left") == "srcnn" and "5 epochs, 10 s, 2.0 % waiting for data" in words(figure)


def test_stages_follow_one_another():
    figure = training_figure({"dstfn (seed 0)": curve(5, stages=2)}, "Training")
    (axes,) = panels(figure)
    held = lines(axes, "--")
    assert [list(line.get_xdata()) for line in held] == [[0, 1, 2, 3, 4, 5], [5, 6, 7, 8, 9, 10]]
    assert "stage 2" in words(figure) and "10 epochs, 20 s" in words(figure)
    assert "stage 1" not in words(training_figure({"srcnn (seed 0)": curve()}, "Training"))


def test_trainings_of_a_method_share_a_panel_however_many():
    dates = pd.date_range("2023-01-01", periods=40, freq="9D").strftime("%Y-%m-%d")
    runs = {f"ddi {date} (seed 0)": curve(3 + i % 2, scale=1 + i) for i, date in enumerate(dates)}
    figure = training_figure({**runs, "srcnn (seed 0)": curve(), "srcnn (seed 1)": curve()}, "Training")
    many, few = panels(figure)
    assert len(lines(many, "--")) == 40 and len(lines(few, "--")) == 2
    assert "40 trainings, 3-4 epochs" in words(figure) and figure.get_figheight() < 6
    assert not [line for line in many.get_lines() if line.get_marker() == "o"]
    assert len([line for line in few.get_lines() if line.get_marker() == "o"]) == 2


def test_runs_that_learned_nothing_are_named_but_not_all_of_forty():
    runs = {"bilinear": curve()[:0], **{f"ddi {i} (seed 0)": curve()[:0] for i in range(40)}}
    said = words(training_figure(runs, "Training"))
    assert "bilinear, ddi 0 (seed 0)" in said and "and 35 more" in said and "No method here learns." in said


def test_nothing_held_out_and_nothing_waited():
    figure = training_figure({"srcnn": curve(held=False, waiting=np.nan)}, "Training")
    assert "0.0 % waiting" in words(figure) and not lines(panels(figure)[0], "--")


def test_the_picture_is_as_wide_as_the_others():
    runs = {name: curve(stages=1 + i % 2) for i, name in enumerate(("srcnn", "esrcnn", "dstfn", "ddi"))}
    pictures = [to_png(training_figure(runs, "Training")) for _ in range(2)]
    assert pictures[0] == pictures[1] and Image.open(io.BytesIO(pictures[0])).size[0] == 1650
