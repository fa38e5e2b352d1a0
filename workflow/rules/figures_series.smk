# results/figures of dense series: what they say of every pixel's seasons.


include: "inputs/figures_series.smk"


rule draw_seasons:
    """Dates, length, amplitude and uncertainty of every pixel's seasons in the series of {wildcards.source}."""
    input:
        unpack(season_files),
    output:
        "results/figures/{experiment}/{site}/seasons_{source}.png",
    log:
        "results/logs/figures/{experiment}/{site}/seasons_{source}.log",
    benchmark:
        "results/benchmarks/figures/{experiment}/{site}/seasons_{source}.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_seasons"),
        year=first_year,
        title=figure_title,
    script:
        "../scripts/figures_seasons.py"
