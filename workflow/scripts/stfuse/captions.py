"""What the report says about its figures and tables, by their file names."""

from __future__ import annotations

CAPTIONS = {
    "prediction": (
        "Prediction {detail}",
        "Above, what the methods were given and what was really observed; below, what each method made of it. "
        "All pictures "
        "share one stretch, so equal colours are equal reflectance. In the error maps red means predicted too "
        "bright (or too "
        "green), blue too dark. RMSE is over the whole scene. Grey was not observed.",
    ),
    "scatter": (
        "Predicted against observed {detail}",
        "Each hexagon counts pixels. A perfect method puts all of them on the dashed line. The curves below "
        "show how the "
        "residuals are distributed: a narrow peak at zero is good, a shifted one is a bias.",
    ),
    "profiles": (
        "NDVI of single fields {detail}",
        "Mean NDVI of a few fields through the season: from each sensor alone, from the fused series, and with the "
        "values that radar helped to fill. Bands hold a pixel's true value with 90 % probability; around harvests and "
        "cuts they hold it less often. The fields are the largest ones whose courses differ (correlation below 0.9). "
        "Ticks under each panel are the transition dates found, triangles cuts and harvests.",
    ),
    "seasons": (
        "Seasons of every pixel, from the series of {detail}",
        "Six dates, length and height of each pixel's largest season, how sure its first and last date are, and its "
        "seasons in the order of time. Lines are the borders of fields.",
    ),
    "phenology": (
        "Transition dates {detail}",
        "When the season starts, peaks and ends, per pixel. Where the truth is known, the strips show how many "
        "days each field's "
        "date is off; the bar is the median.",
    ),
    "scores": (
        "Scores of all methods {detail}",
        "Each method beside two baselines that need no method: the coarse image enlarged (bilinear), and the "
        "nearest fine date "
        "repeated (nearest). A hollow marker is worse than one of them.",
    ),
    "ensemble": ("Seeds of {detail} as an ensemble",
        "The same training begun from several seeds: the mean of what they predict, and how much they differ. Left, "
        "how often intervals around the mean hold the truth, as the seeds spread and with the spread scaled by what "
        "all other dates ask for. A good spread is large where the error is.",
    ),
    "lengths": ("Length of the gaps {detail}",
        "How far the hidden values that are scored lie from the nearest value kept. Where most gaps are short, errors "
        "over all gaps say little of the long ones.",
    ),
    "gaps": ("Errors by the length of the gap {detail}",
        "Above, the errors of all methods in each class of gap length; below, how much of linear interpolation's error "
        "each one saves. Points lie a little to the side of one another so that none is hidden. Thin grey lines are "
        "the paper's own numbers, of other places.",
    ),
    "pixel": ("Single pixels, filled by {detail}",
        "The pixel of the row below with the widest range of NDVI, and the one that is filled worst. Hollow points are "
        "predictions of a date whose own values were all hidden; bars below are their errors.",
    ),
    "row": ("One row of pixels through time, filled by {detail}",
        "Time runs to the right, the row from top to bottom. Clouds and days without images are grey. Where something "
        "was observed, the filled row shows what is predicted when that whole date is hidden, so the error is one of "
        "prediction.",
    ),
    "strip": ("A strip of images, filled by {detail}",
        "Dates one after the other, each filled from all others alone. Pictures of a kind share one scale.",
    ),
    "training": ("Training {detail}",
        "How the loss fell while the methods learned. A held-out curve that rises again means overfitting.",
    ),
    "scenes": (
        "Every scene of the period {detail}",
        "What the archives have over the site, a lane per sensor: how clear each scene is, which are kept, how far "
        "their images were moved onto the reference sensor's, which stand out of their season, and why the others "
        "were dropped. Below: the shifts and what they did for the match, and the lines that bring each band to the "
        "reference sensor's. The reference sensor's own images are laid on the mean of its clear dates (the frame), "
        "unless the site leaves them where they are; they are not adjusted.",
    ),
    "agreement": (
        "Agreement of the sensors {detail}",
        "Images that two sensors took on the same day or nearly so, band by band: hollow as the archives deliver them "
        "(scaled and masked), filled after harmonisation. Dashed lines: perfect agreement.",
    ),
    "accuracy": (
        "Accuracy of the analysis-ready images {detail}",
        "Harmonised reflectance against the known truth at the sensor's own pixel size, by sensor and band: what "
        "remains of noise, haze, misregistration and different bands.",
    ),
    "year": (
        "The known truth through the year {detail}",
        "The simulated land on dates spread over the period, as it would be seen without clouds, atmosphere and noise. "
        "All dates share one stretch, so a change of colour is a change of reflectance.",
    ),
    "sensors": (
        "One day as every sensor sees it {detail}",
        "The truth at its own resolution, and of each sensor the clear scene nearest to that day, as the simulated "
        "archive delivers it: its own pixels, blur, noise, bands and misregistration.",
    ),
    "likeness": (
        "How like a real patch {detail}",
        "The same statistics of analysis-ready images of the simulated site and of a real one. They depend on the size "
        "of a patch, so the simulated site is cut into windows as large as the real patch. Where the orange line "
        "leaves the shaded span, no window of the simulated site is like the real patch. Semivariance is half the mean "
        "squared difference of pixels so far apart.",
    ),
}  # fmt: skip
"""Figure stem -> title and text."""

TABLES = {
    "scores": ("Mean scores",
        "Over the dates that every method has. The last columns name the metrics in which a baseline is better.",
    ),
    "dates": ("Scores by date", "Differences to the baselines are on the pixels that both predicted."),
    "ensemble": ("Intervals of the ensemble",
        "Share of the pixels whose truth lies in an interval that should hold 90 %, and its mean width, before and "
        "after the spread is multiplied by the factor found on the other dates; beside them the error of the mean "
        "and the mean error of the seeds. Means over bands.",
    ),
    "errors": (
        "Errors of the transition dates",
        "Days between found and true dates of the fields: mean size (mae) and mean (bias; negative = too early). "
        "`common` rows count only fields that every source could fit, which is the fair comparison.",
    ),
    "event_scores": ("Cuts and harvests found",
        "Events found in the fields beside the true ones, over all classes; the file has each class, too. Asked for is "
        "what made NDVI fall far enough, and it is found within ten days. Recall is the share of true events found, "
        "precision the share of found ones that are true. Visible are true events that the source could show at all: "
        "its field was seen before and after within the longest gap allowed (`max_gap`), and once more later. In the "
        "row of one kind an event counts as found only if it was told as that kind: cuts as cuts, all others as "
        "harvests. What was found without telling its kind counts in the row over all kinds alone.",
    ),
    "overall": ("Errors over all gaps",
        "By site, kind of truth and method; site `all` counts every value of every site once. `best` names the metrics "
        "in which no method is better, `coverage90` is the share of values within the stated 90 % intervals.",
    ),
    "gaps": ("Errors by the length of the gap",
        "Columns are classes of days to the nearest value kept; `best` and `better than interpolation` name classes. "
        "Methods that see means over several days are left out: these have no gap length.",
    ),
    "splits": ("Errors over all gaps, by experiment",
        "What changes when methods are scored at other places, or on later dates, than they learned from.",
    ),
    "scenes": ("Scenes of the period",
        "● in an image, ○ kept but needed by no experiment, ✕ dropped; ! suspect. Hold the pointer over a cell for "
        "more; the file has all columns.",
    ),
    "bandpass": ("Bandpass lines",
        "What brings each band to the reference sensor's, with standard errors where the line was fitted here.",
    ),
    "agreement": ("Agreement of the sensors", "Per band, before and after harmonisation."),
    "accuracy": ("Accuracy of the analysis-ready images", "Against the known truth, by sensor and band."),
    "likeness": ("Simulated and real patch",
        "Every statistic of the real patch and of the windows of the simulated site (median, lowest, highest). A "
        "standardised difference of 1 is as large as the windows' standard deviation and a difference that hardly "
        "matters, taken together.",
    ),
    "unlike": ("Where the simulated site is unlike", "The largest standardised differences, the worst first."),
    "all": ("All scores", "One row per experiment, site, method, seed, date, truth, band, stratum and metric."),
    "summary": ("Summary of all scores", "One row per experiment, site, truth, band, metric and method."),
}  # fmt: skip

PARTS = (
    "prediction", "scatter", "scores", "ensemble", "lengths", "gaps", "pixel", "row", "strip", "profiles", "seasons",
    "phenology", "training", "year", "sensors", "likeness", "scenes", "bandpass", "agreement", "accuracy",
)  # fmt: skip
"""Order of the figures within a section."""


def kind_of(stem: str) -> str:
    """The kind of a figure or table: its stem up to the first underscore."""
    return stem.partition("_")[0]


def figure_words(stem: str) -> tuple[str, str]:
    """Title and caption of a figure by its file stem, ``prediction_2023-07-09`` say."""
    kind, _, detail = stem.partition("_")
    title, text = CAPTIONS.get(kind, (stem.replace("_", " "), ""))
    return title.format(detail=detail.replace("_", " ")).strip(), text


def table_words(stem: str) -> tuple[str, str]:
    """Title and caption of a table by its file stem."""
    if stem in TABLES:
        return TABLES[stem]
    kind, _, detail = stem.partition("_")
    title, text = TABLES.get(kind, (stem.replace("_", " "), ""))
    return f"{title} {detail.replace('_', ' ')}".strip(), text


def order_of(stem: str) -> tuple[int, str]:
    """Where a figure comes in its section."""
    kind = kind_of(stem)
    return (PARTS.index(kind) if kind in PARTS else len(PARTS), stem)
