# From satellite archives to dense fine-resolution series, and how good they are.
#
#   results/simulated/{site}/catalog.json                                    the embedded default world and its archive
#   results/raw/{site}/scenes.csv                                            what the catalogue has, what is kept and why
#   results/raw/{site}/{sensor}/{scene}/                                     the site's window, as delivered
#   results/ard/{site}/{sensor}/{date}.tif                                   surface reflectance on the site's grid
#   results/degraded/{experiment}/{site}/{sensor}/{date}.tif                 the Wald pair
#   results/model/{experiment}/{trainset}/{method}/seed{seed}.npz            what a method learned
#   results/fused/{experiment}/{site}/{method}/seed{seed}/{date}.tif         the prediction
#   results/fused/{experiment}/{site}/{method}/ensemble/{date}.tif           mean of several seeds; spread beside it
#   results/fused/{experiment}/{site}/{method}/seed{seed}.nc                 every date of it as one series
#   results/pixels/{experiment}/{site}.zarr                                  series of pixels, whose gaps are to be filled
#   results/scores/{experiment}/{site}/{method}/seed{seed}.csv  -> all.csv   how good it is
#   results/scores/{experiment}/{site}/{method}/ensemble.csv                 whether the seeds know how sure they are
#   results/series/{experiment}/{site}/{source}/seed{seed}.nc                the dense NDVI series
#   results/phenology/{experiment}/{site}/{source}/seed{seed}.tif            transition dates
#   results/figures/{experiment}/{site}/{name}.png, results/tables/...       what a person looks at
#   results/figures/{site}/{name}.png                                        a site's scenes, agreement, accuracy, year, sensors
#   results/tables/{site}/scenes.csv                                         every scene: kept or dropped and why, what was done
#   results/{report}.html                                                    everything on one page
#
# trainset = a site, or `pooled`; source = a method's series, or one sensor's alone.

from snakemake.utils import min_version

min_version("9.25")

# Snakemake's default of 100 jobs a second makes it look for jobs once more a second for each job that ended: after a few
# hundred it takes a core by itself. Cores and `jobs:` are limit enough; another `--max-jobs-per-timespan` is kept.
if rate := getattr(workflow.scheduling_settings, "max_jobs_per_timespan", None):
    if (rate.max_jobs, rate.timespan) == (100, 1):
        workflow.scheduling_settings.max_jobs_per_timespan = None


configfile: f"{workflow.basedir}/config/config.yaml"


include: "workflow/rules/common.smk"


# What archives bear is no matter of cores: a limit of its own, which `--resources downloads=N` overrules.
if "downloads" not in workflow.global_resources:
    workflow.register_resource("downloads", config["downloads"])


include: "workflow/rules/simulated.smk"
include: "workflow/rules/raw.smk"
include: "workflow/rules/ard.smk"
include: "workflow/rules/degraded.smk"
include: "workflow/rules/model.smk"
include: "workflow/rules/fused.smk"
include: "workflow/rules/pixels.smk"
include: "workflow/rules/scores.smk"
include: "workflow/rules/series.smk"
include: "workflow/rules/phenology.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


rule all:
    """Everything the config names, ending with the report."""
    default_target: True
    input:
        f"results/{config['report']}.html",
        # Named, so that a scene that was deleted comes back, and with it what depends on it.
        every_scene,
        all_layers,
        all_ensembles,
        all_filled,
        "results/scores/all.csv" if anything_scored() else [],
