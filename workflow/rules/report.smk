# results/{report}.html: everything on one page.


include: "inputs/report.smk"


rule report:
    """Everything on one page."""
    input:
        figures=report_figures,
        tables=report_tables,
    output:
        f"results/{config['report']}.html",
    log:
        f"results/logs/report/{config['report']}.log",
    benchmark:
        f"results/benchmarks/report/{config['report']}.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=digest(SCRIPTS / "report.py", SCRIPTS / "stfuse" / "report.html.jinja"),
        config=config,
        studies=STUDIES,
        experiments=report_experiments,
        sites=SITES,
        benchmarks="results/benchmarks",
    script:
        "../scripts/report.py"
