"""The sites of config/sites/ that are simulated worlds named after the studies' places, read once for all tests."""

from datetime import date
from pathlib import Path

import yaml

from stfuse.simulated.sensors import SENSORS
from stfuse.simulated.settings import read_settings

ROOT = Path(__file__).parents[1]
SITES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "config/sites").glob("*.yaml"))}
PRESETS = sorted(name for name, site in SITES.items() if "simulated" in site and name != "mosaic")
SETTINGS = {name: read_settings(SITES[name]["simulated"], name) for name in PRESETS}
PERIODS = {name: tuple(map(date.fromisoformat, SITES[name]["period"])) for name in PRESETS}


def sensor(name):
    return next(s for s in SENSORS if s.name == name)
