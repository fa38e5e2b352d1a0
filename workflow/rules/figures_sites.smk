# results/figures/{site} and results/tables/{site}: the scenes of a site, and what the simulated world is like.


include: "inputs/figures_sites.smk"


rule draw_scenes:
    """All scenes of {wildcards.site}: what the archives have, what was kept and what was done to it."""
    input:
        unpack(scene_files),
    output:
        figure="results/figures/{site}/scenes.png",
        table="results/tables/{site}/scenes.csv",
        lines="results/tables/{site}/bandpass.csv",
    log:
        "results/logs/figures/{site}/scenes.log",
    benchmark:
        "results/benchmarks/figures/{site}/scenes.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_scenes"),
        min_clear=site_min_clear,
        title=figure_title,
    script:
        "../scripts/figures_scenes.py"


rule draw_agreement:
    """How alike the sensors' images of {wildcards.site} are, or how near to a known truth."""
    input:
        table="results/ard/{site}/{table}.csv",
    output:
        "results/figures/{site}/{table,agreement|accuracy}.png",
    log:
        "results/logs/figures/{site}/{table}.log",
    benchmark:
        "results/benchmarks/figures/{site}/{table}.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_agreement"),
        title=figure_title,
    script:
        "../scripts/figures_agreement.py"


rule draw_year:
    """Pictures of {wildcards.site} through the year, and of one day as every sensor sees it."""
    input:
        truth="results/simulated/{site}/truth.nc",
        scenes="results/simulated/{site}/scenes",
    output:
        year="results/figures/{site}/year.png",
        sensors="results/figures/{site}/sensors.png",
    log:
        "results/logs/figures/{site}/year.log",
    benchmark:
        "results/benchmarks/figures/{site}/year.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_year"),
        site=site_keys("period"),
        sensors=pictured_sensors,
        title=figure_title,
    script:
        "../scripts/figures_year.py"


rule draw_likeness:
    """How like {wildcards.real} the simulated {wildcards.site} is."""
    input:
        unpack(likeness_files),
    output:
        figure="results/figures/{site}/likeness_{real}.png",
        table="results/tables/{site}/likeness_{real}.csv",
        unlike="results/tables/{site}/unlike_{real}.csv",
    log:
        "results/logs/figures/{site}/likeness_{real}.log",
    benchmark:
        "results/benchmarks/figures/{site}/likeness_{real}.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_likeness"),
        compared=likeness_settings,
    script:
        "../scripts/figures_likeness.py"
