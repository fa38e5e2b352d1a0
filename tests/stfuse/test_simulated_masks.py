from dataclasses import replace

import numpy as np
import pytest

import small_world
from small_sensors import DAY, KIND, NAMES, mask_of, observe, unusable
from stfuse.harmonisation.masks import clear
from stfuse.simulated import clouds
from stfuse.simulated.covers import BANDS, CODES
from stfuse.simulated.instruments import gather
from stfuse.simulated.sensors import landsat8, venus
from stfuse.simulated.sensors.optical import SNOWY


def test_clouds_brighten_and_shadows_darken():
    values = np.full((7, 2, 2), 0.2, np.float32)
    cloud, shadow = np.float32([[1, 0], [0, 0]]), np.float32([[0, 1], [0, 0]])
    veil = np.float32([[0, 0], [0, 0.1]])
    seen = clouds.through(values, BANDS, clouds.Sky(cloud, shadow, veil))
    assert (seen[:, 0, 0] > 0.3).all() and (seen[:, 0, 1] < 0.12).all() and (seen[:, 1, 0] == values[:, 1, 0]).all()
    assert ((seen[:, 1, 1] > 0.205) & (seen[:, 1, 1] < 0.235)).all()
    assert clouds.through(values, BANDS, clouds.clear_sky((2, 2))) is values


def test_shadows_lie_away_from_the_sun():
    # In the west of clouds that are 700 m to 2200 m high, with the sun in the east at 45 degrees: as far away as high.
    sky = clouds.draw_sky((300, 300), 10, 0.3, (45, 90), np.random.default_rng(4))
    likeness = [np.corrcoef(sky.cloud[:, s : s + 70].ravel(), sky.shadow[:, :70].ravel())[0, 1] for s in range(230)]
    assert max(likeness) > 0.97 and 70 <= int(np.argmax(likeness)) <= 220


def test_a_sky_does_not_depend_on_the_pixels_it_is_looked_at_with():
    fine, coarse = (
        clouds.draw_sky((n, n), pixel, 0.4, (50, 150), np.random.default_rng(2)) for n, pixel in ((400, 5), (200, 10))
    )
    blocks = fine.cloud.reshape(200, 2, 200, 2).mean(axis=(1, 3))
    assert fine.cloud.mean() > 0.05 and np.abs(blocks - coarse.cloud).max() < 0.08


def test_the_share_of_the_sky_is_the_one_asked_for():
    covers = [clouds.draw_sky((512, 512), 20, 0.35, (50, 150), np.random.default_rng(i)).cloud > 0 for i in range(16)]
    assert np.mean(covers) == pytest.approx(0.35, abs=0.06)


@pytest.mark.parametrize("name", NAMES)
def test_snow_on_open_ground_is_in_the_masks(name):
    world = small_world.world()
    days = len(world.dates)
    snowy = replace(world, weather=replace(world.weather, snow=np.full(days, 0.9)), green=np.zeros_like(world.green))
    mask, grid = mask_of(name, observe(name, snowy))
    flagged = mask == 11 if name == "sentinel2" else mask & (1 << 5 if name == "landsat8" else 1 << 2) > 0
    dry = gather(1 - world.share_of([CODES["water"]]), world.grid, grid)
    floods = gather(world.of_objects(world.growth.water[world.index(DAY)]), world.grid, grid)
    np.testing.assert_array_equal(flagged, 0.9 * (dry - floods) > SNOWY)
    assert flagged.any()
    green = replace(snowy, green=np.ones_like(world.green))
    bare = mask_of(name, observe(name, green))[0]
    assert not (bare == 11 if name == "sentinel2" else bare & (1 << 5 if name == "landsat8" else 1 << 2)).any()


def test_floods_are_water_in_the_masks():
    world = small_world.world()
    growth = replace(world.growth, water=np.ones_like(world.growth.water))
    wet = replace(world, growth=growth, green=np.zeros_like(world.green))
    assert (mask_of("sentinel2", observe("sentinel2", wet))[0] == 6).all()
    assert (mask_of("landsat8", observe("landsat8", wet))[0] & (1 << 7) > 0).all()
    assert (mask_of("venus", observe("venus", wet))[0] == 1).all()


def test_water_under_a_closed_canopy_is_not_seen():
    world = small_world.world()
    growth = replace(world.growth, water=np.full_like(world.growth.water, 0.95))
    paddy = replace(world, growth=growth, green=np.full_like(world.green, 0.8))
    lakes = gather(world.share_of([CODES["water"]]), world.grid, mask_of("sentinel2", observe("sentinel2", paddy))[1])
    assert not (mask_of("sentinel2", observe("sentinel2", paddy))[0] == 6)[lakes < 0.3].any()


def test_qa_pixel_has_the_true_bits():
    scene = observer_scene()
    no = np.zeros((9, 9), bool)
    cloud, shadow, veil = no.copy(), no.copy(), no.copy()
    water, snow = np.zeros((9, 9), np.float32), np.zeros((9, 9), np.float32)
    cloud[0, 0], shadow[8, 8], veil[8, 6], water[8, 0], snow[8, 4] = True, True, True, 1, 0.9
    grid = scene.mask_grid[:9, :9]
    found = clouds.Found(cloud, no, shadow, veil)
    scene = replace(scene, found=found, water=water, snow=snow, mask_grid=grid, edge=None)
    qa = landsat8.qa_pixel(scene)
    # Values of the product guide: clear land, clear water, cloud, shadow, snow and cirrus, all of high confidence.
    assert qa[4, 8] == 21824 and qa[8, 0] == 21952 and qa[0, 0] == 22280 and qa[8, 8] == 23888 and qa[8, 4] == 30048
    assert qa[8, 6] == 54596
    assert qa[0, 3] & 0b10 and not qa[0, 3] & 0b1000000 and not qa[0, 4] & 0b10


def test_venus_masks_have_muscates_bits():
    scene = observer_scene()
    no = np.zeros((9, 9), bool)
    thin, thick, shadow, veil = no.copy(), no.copy(), no.copy(), no.copy()
    water = np.zeros((9, 9), np.float32)
    thin[0, 0], thick[0, 1], shadow[0, 2], veil[0, 4], water[0, 3] = True, True, True, True, 1
    found = clouds.Found(thin | thick, thick, shadow, veil)
    grid, snow = scene.mask_grid[:9, :9], np.zeros((9, 9), np.float32)
    scene = replace(scene, found=found, water=water, snow=snow, mask_grid=grid, edge=(1.0, 0.0, -1e6))
    assert (venus.cloud_mask(scene) == 0).all() and (venus.edge_mask(scene) == 1).all()
    scene = replace(scene, edge=None)
    assert venus.cloud_mask(scene)[0, :6].tolist() == [0b100011, 0b110011, 0b101, 0, 0b1000000, 0]
    assert venus.ground_mask(scene)[0, :6].tolist() == [2, 2, 8, 1, 2, 0] and not venus.edge_mask(scene).any()


def test_a_veil_is_thin_wide_and_falls_on_a_share_of_the_days():
    veils = [clouds.draw_veil((100, 100), 20, np.random.default_rng(i)) for i in range(60)]
    falls = [v for v in veils if v.any()]
    assert len(falls) / len(veils) == pytest.approx(clouds.VEILED, abs=0.2)
    assert all(v.min() >= 0 and v.max() < 0.3 for v in falls) and max(v.max() for v in falls) > 0.05
    # Smooth: neighbouring pixels differ by little of what all differ by.
    assert np.mean([np.abs(np.diff(v)).mean() / (v.std() + 1e-6) for v in falls]) < 0.15


def test_no_veil_lies_over_a_clear_day():
    world = small_world.world()
    for cover, expected in ((0.05, False), (0.2, True)):
        own = replace(world, weather=replace(world.weather, cloud=np.full(len(world.dates), cover)))
        optics = landsat8.Observer(own, small_world.settings()).optics
        skies = [optics._sky(day, (60.0, 150.0)) for day in world.dates]
        assert any(sky.veil.any() for sky in skies) == expected


def observer_scene():
    return landsat8.Observer(small_world.world(), small_world.settings(**small_world.OFF)).optics.acquire(DAY)


def test_masks_can_be_used_as_the_real_ones():
    for name, kind in KIND.items():
        mask, grid = mask_of(name, observe(name, clouds=True))
        usable = clear(mask, kind, abs(grid.resolution.x), 0)
        np.testing.assert_array_equal(usable, ~unusable(name, mask))
