# What the rules of several stages ask: settings, code, dates, bands, resources.


def labels(wildcards):
    """The words that name what a job makes."""
    return dict(wildcards.items())


def seeds(method):
    """The seeds a method runs with: those of the config where it learns, else 0."""
    return METHODS[method].get("seeds", [0]) if NEEDS[method].samples != "none" else [0]


def method_entry(wildcards):
    """A method's own settings, so that changing one reruns only that method."""
    settings = {k: v for k, v in METHODS[wildcards.method].items() if k not in ABOUT_RUNS}
    return {"name": wildcards.method, "file": method_file(wildcards.method).stem, "settings": settings}


def site_keys(*keys):
    """The named settings of a job's site, and no others: changing a remark must not fetch an archive again."""

    def of_job(wildcards):
        site = SITES[wildcards.site]
        return {key: site[key] for key in ("name", "crs", "bounds", *keys) if key in site}

    return of_job


def sensor_entry(wildcards):
    """The configuration of a job's sensor."""
    return SENSORS[wildcards.sensor]


def sensor_bands(wildcards):
    """The bands a job brings of its sensor."""
    return bands_of(wildcards.site, wildcards.sensor)


def code(script):
    """A digest of all that a script is made of, as a parameter: editing a module reruns the jobs that use it."""
    return digest(SCRIPTS / f"{script}.py")


def code_with_method(script):
    """The same, with the job's method file."""

    def of_job(wildcards):
        return digest(SCRIPTS / f"{script}.py", method_file(wildcards.method))

    return of_job


def days(site):
    """The kept scenes of a site by sensor and date, known once its catalogue was searched."""
    return plan.read_days(checkpoints.find_scenes.get(site=site).output.scenes)


DECISIONS = {}


def planned(what, experiment, site, *needs):
    """An answer of stfuse/cases.py on an experiment at a site, worked out once for as long as the scenes stay."""
    asked_of = experiment["name"], str(experiment.get("targets")), experiment.get("train_until")
    known, key = days(site), (what, asked_of, site, needs)
    if key not in DECISIONS or DECISIONS[key][0] is not known:
        # Where methods only learn, no date is a target.
        asked = experiment if site in experiment["sites"] else experiment | {"targets": []}
        used = plan.taking_part(asked, known)
        DECISIONS[key] = known, getattr(plan, what)(asked, used, *needs)
    return DECISIONS[key][1]


def experiment_days(experiment, site):
    """The kept scenes that take part in an experiment, by sensor and date."""
    return planned("taking_part", experiment, site)


def learned_at(experiment):
    """The sites that an experiment's methods learn at."""
    return experiment.get("train_sites", experiment["sites"])


def experiments_at(site):
    """The experiments that use a site, to predict or to learn, those on the gaps of series among them."""
    return [e for e in [*EXPERIMENTS.values(), *FILLINGS.values()] if site in e["sites"] or site in learned_at(e)]


COLOURS = ("blue", "green", "red")


def bands_of(site, sensor):
    """The bands of a sensor that any experiment asks for at a site, in the sensor's order."""
    asked = {b for e in experiments_at(site) for b in e["bands"] if sensor in (e["fine"], e.get("coarse"))}
    asked |= {b for e in experiments_at(site) if sensor in e["aux"].values() for b in SENSORS[sensor]["bands"]}
    # What figures show of filled series in natural colours.
    asked |= {b for e in experiments_at(site) if sensor == e["fine"] and e["name"] in FILLINGS for b in COLOURS}
    if sensor == SITES[site]["reference"]:
        # Co-registration looks for the same bands in both sensors.
        asked |= {b for e in experiments_at(site) for b in e["bands"]}
    return [b for b in SENSORS[sensor]["bands"] if b in asked]


def memory(wildcards, attempt):
    """Megabytes: what the libraries take, and the site's pixels; more at each attempt."""
    return attempt * int(1500 + 600 * megapixels(wildcards))


def runtime(wildcards, attempt):
    """Minutes: generous for a laptop-sized site, growing with its area; more at each attempt."""
    return attempt * int(10 + 20 * megapixels(wildcards))


def learns(wildcards):
    """Whether a job's method learns."""
    return NEEDS[wildcards.method].samples != "none"


def fusing_threads(wildcards):
    """One thread on a small site, where many images are made at a time; more on a large one, for its windows."""
    return 1 if megapixels(wildcards) < 4 else 8


def fusing_memory(wildcards, threads, attempt):
    """Megabytes: scenes are read window by window, so what counts is windows worked on at a time, and references.

    A network works on one window at a time, in as many pieces at once as there is memory for.
    """
    if learns(wildcards):
        return attempt * int(2500 + 100 * NEEDS[wildcards.method].cost + 75 * len(fused_sample(wildcards)["fine"]))
    return attempt * (1000 + threads * (350 + 75 * len(fused_sample(wildcards)["fine"])))


def fusing_runtime(wildcards, attempt):
    """Minutes, generous for one old core: by the site's area and what a pixel costs the method."""
    return attempt * int(10 + 20 * megapixels(wildcards) * max(1, NEEDS[wildcards.method].cost / 2))


def training_threads(wildcards):
    """Two threads for small networks, which gain little beyond; more for large ones."""
    return (8 if NEEDS[wildcards.method].cost > 4 else 2) if learns(wildcards) else 1


def training_memory(wildcards, attempt):
    """Megabytes: images are read block by block and at most a gigabyte of them is kept, whatever the site's size."""
    return attempt * (int(3500 + 150 * NEEDS[wildcards.method].cost) if learns(wildcards) else 1500)


def training_runtime(wildcards, attempt):
    """Minutes: what a pixel costs the network, longer where the entry asks for more steps; the site's area for the
    first look at all of it. A killed job goes on."""
    cost = NEEDS[wildcards.method].cost * longer(METHODS[wildcards.method]) if learns(wildcards) else 0
    return attempt * int(10 + 20 * cost + 5 * megapixels(wildcards))


def checkpoint_minutes(wildcards):
    """Minutes between two checkpoints of a training. A resource, because no result depends on it: changing it
    trains nothing anew."""
    return METHODS[wildcards.method].get("checkpoint", 5)


def longer(entry):
    """How many times the steps that networks have by default an entry asks for; 1 where it does not."""
    stages = {key.removesuffix("epochs").removesuffix("steps") for key in entry if key.endswith(("epochs", "steps"))}
    asked = (entry.get(f"{s}epochs", Plan.epochs) * entry.get(f"{s}steps", Plan.steps) for s in stages)
    return max(1, sum(asked) / (Plan.epochs * Plan.steps))


def megapixels(wildcards):
    """Fine pixels of the largest site a job touches, in millions."""
    site = getattr(wildcards, "site", getattr(wildcards, "trainset", None))
    touched = [SITES[site]] if site in SITES else list(SITES.values())
    areas = ((s["bounds"][2] - s["bounds"][0]) * (s["bounds"][3] - s["bounds"][1]) for s in touched)
    return max(areas) / SENSORS[touched[0]["reference"]]["resolution"] ** 2 / 1e6


def period_days(site):
    """Days of a site's period."""
    return plan.days_between(*map(str, SITES[site]["period"])) + 1


def gpus(wildcards):
    """One GPU for methods that gain from one; ignored where there is none."""
    return int(NEEDS[wildcards.method].gpu)
