"""Land of a few fields, and what grows on it, for the tests of the stage `simulated`."""

from datetime import date, timedelta

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from stfuse.simulated.covers import CODES, COVERS, NIR08, RED
from stfuse.simulated.land.landscape import Landscape
from stfuse.simulated.seasons import grow, make_seasons
from stfuse.simulated.settings import Settings
from stfuse.simulated.spectra import object_spectra
from stfuse.simulated.weather import Weather

YEAR = [date(2023, 1, 1) + timedelta(days=i) for i in range(365)]
DAYS = np.arange(1.0, 366.0)
GROWING = [c.name for c in COVERS if c.curve]


def settings(**changes):
    return Settings(seed=3, **changes)


def land_of(*names):
    cover = np.array([CODES[name] for name in names])
    return Landscape(np.arange(len(names), dtype=np.int32)[None], cover, len(names), np.arange(len(names)))


def farmland(cell=5.0, side=300, names=("winter_wheat", "maize", "grassland")):
    """A square of 25 fields around a stream, with cells of so many metres; pixels of twice that."""
    row = np.arange(side)[:, None] * 5 // side
    labels = (row * 5 + row.T).astype(np.int32)
    labels[:, side // 2 : side // 2 + 4] = 25
    cover = np.array([CODES[names[i % len(names)]] for i in range(25)] + [CODES["water"]])
    grid = GeoBox((side // 2, side // 2), Affine(2 * cell, 0, 5e5, 0, -2 * cell, 5e6), "EPSG:32631")
    return Landscape(labels, cover, 25, np.arange(26)), grid


def dry(days=365, **values):
    nothing = {"cloud": np.zeros(days), "wetness": np.zeros(days), "temperature": np.full(days, 9.0), "snow": 0.0}
    return Weather(**{k: np.broadcast_to(v, days) for k, v in {**nothing, **values}.items()})


def seasons_of(land, own=None, years=(2022, 2023, 2024)):
    return make_seasons(land, years, 2023, own or settings())


def growth_of(land, own=None, events=(), days=DAYS):
    return grow(days, land, seasons_of(land, own), events)


def spectra_of(land, own=None, events=(), weather=None):
    own = own or settings()
    return object_spectra(DAYS, land, growth_of(land, own, events), weather or dry(), own)[0]


def ndvi(spectra):
    return (spectra[..., NIR08] - spectra[..., RED]) / (spectra[..., NIR08] + spectra[..., RED])
