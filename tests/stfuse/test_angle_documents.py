"""Granule metadata of ESA, and MUSCATE's, read to numbers that were looked up in the documents by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stfuse.errors import InputError
from stfuse.harmonisation.angles import EVERY
from stfuse.products.angle_documents import muscate, sentinel2_granule

METADATA = Path(__file__).parents[3] / "shared" / "stac-fixtures" / "metadata"
GRANULES = {
    "07HFE": "sentinel-2-safe/S2A_MSIL2A_20190212T192651_N0212_R013_T07HFE_20201007T160857/MTD_TL.xml",
    "01WCS": "sentinel-2-safe/S2A_MSIL2A_20230625T234621_N0509_R073_T01WCS_20230626T022157/MTD_TL.xml",
    "33XWJ": "sentinel-2-safe/S2B_MSIL2A_20220413T150759_N0400_R025_T33XWJ_20220414T082126/MTD_TL.xml",
    "34LBP": "sentinel-2-roda/S2A_T34LBP_20220401/metadata.xml",
}


def real(tile: str) -> str:
    path = METADATA / GRANULES[tile]
    if not path.exists():
        pytest.skip("the STAC fixtures are not here (../shared)")
    return path.read_text()


def test_the_sun_s_grid_is_the_document_s() -> None:
    angles = sentinel2_granule(real("07HFE"), ["red"])
    assert angles is not None
    assert (angles.crs, angles.first, angles.step) == ("EPSG:32707", (600000, 6500020), (5000, -5000))
    assert angles.sun[0].shape == (23, 23)
    assert (angles.sun[0][0, 0], angles.sun[0][1, 2], angles.sun[1][1, 1]) == (32.9495, 32.8869, 63.5751)
    assert angles.means()["sun_elevation"] == pytest.approx(90 - 32.707, abs=0.01)  # its Mean_Sun_Angle


def test_detectors_are_joined_by_the_mean_direction() -> None:
    angles = sentinel2_granule(real("01WCS"), ["red", "pan"])
    assert angles is not None
    assert set(angles.view) == {"red"}
    zenith, azimuth = angles.view["red"]
    # Seen by detector 1 alone.
    assert (zenith[0, 18], azimuth[0, 18]) == pytest.approx((11.6939, 116.711))
    # By detector 1 (9.81515, 118.423) and detector 2 (9.84713, 105.567): between them, and nearer to the zenith.
    assert (zenith[5, 21], azimuth[5, 21]) == pytest.approx((9.770, 111.98), abs=0.01)
    # Not seen: as the nearest node that was.
    assert (zenith[0, 0], azimuth[0, 0]) == pytest.approx((zenith[0, 18], azimuth[0, 18]), abs=2)
    assert np.isfinite(zenith).all() and np.isfinite(azimuth).all()


@pytest.mark.parametrize("tile", GRANULES)
def test_view_azimuths_point_from_the_ground_to_the_sensor(tile: str) -> None:
    # All four tiles lie at an edge of the swath. Away from the sensor its zenith angle grows, a degree in 14 km.
    angles = sentinel2_granule(real(tile), ["red"])
    assert angles is not None
    zenith, azimuth = angles.view["red"]
    seen = np.gradient(zenith)
    down, across = (part[np.hypot(*seen) > 0.1].mean() for part in seen)
    growing = np.degrees(np.arctan2(across, -down)) % 360
    away = (np.median(azimuth) + 180) % 360
    assert abs((growing - away + 180) % 360 - 180) < 35


def test_a_document_without_grids_states_means() -> None:
    text = real("07HFE")
    start, end = text.index("<Sun_Angles_Grid>"), text.index("</Sun_Angles_Grid>") + len("</Sun_Angles_Grid>")
    angles = sentinel2_granule(text[:start] + text[end:], ["red"])
    assert angles is not None
    assert angles.sun[0].shape == (1, 1)
    assert (angles.sun[0].item(), angles.sun[1].item()) == (32.707073851362, 62.3286549448294)
    assert angles.view[EVERY][0].item() == pytest.approx(10.8, abs=0.2)  # B04 alone: 10.779
    assert "means" in angles.source
    assert sentinel2_granule("<a/>", ["red"]) is None


def test_what_is_no_document_is_refused() -> None:
    for read in (lambda text: sentinel2_granule(text, ["red"]), muscate):
        with pytest.raises(InputError, match="metadata"):
            read("<html><body>Access denied")


MEANS = """<Muscate_Metadata_Document><Geometric_Informations><Mean_Value_List>
<Sun_Angles><ZENITH_ANGLE unit="deg">65.5</ZENITH_ANGLE><AZIMUTH_ANGLE unit="deg">161.25</AZIMUTH_ANGLE></Sun_Angles>
<Mean_Viewing_Incidence_Angle_List>
<Mean_Viewing_Incidence_Angle detector_id="01"><ZENITH_ANGLE unit="deg">24</ZENITH_ANGLE>
<AZIMUTH_ANGLE unit="deg">100</AZIMUTH_ANGLE></Mean_Viewing_Incidence_Angle>
<Mean_Viewing_Incidence_Angle detector_id="04"><ZENITH_ANGLE unit="deg">26</ZENITH_ANGLE>
<AZIMUTH_ANGLE unit="deg">100</AZIMUTH_ANGLE></Mean_Viewing_Incidence_Angle>
</Mean_Viewing_Incidence_Angle_List></Mean_Value_List>{grids}</Geometric_Informations></Muscate_Metadata_Document>"""


def rows(*numbers: str) -> str:
    values = "".join(f"<VALUES>{row}</VALUES>" for row in numbers)
    return f"<COL_STEP>5000</COL_STEP><ROW_STEP>4000</ROW_STEP><Values_List>{values}</Values_List>"


def test_muscate_s_means_hold_for_all_bands() -> None:
    angles = muscate(MEANS.format(grids=""))
    assert angles is not None
    assert angles.means() == pytest.approx(
        {"sun_elevation": 24.5, "sun_azimuth": 161.25, "view_zenith": 25, "view_azimuth": 100}
    )
    assert angles.of_view("nir08") is not None


def test_muscate_s_grids_count_before_its_means() -> None:
    grids = f"""<Geoposition_Informations><Coordinate_Reference_System><Horizontal_Coordinate_System>
    <HORIZONTAL_CS_CODE>32631</HORIZONTAL_CS_CODE></Horizontal_Coordinate_System></Coordinate_Reference_System>
    <Geopositioning><Group_Geopositioning_List><Group_Geopositioning group_id="XS"><ULX>253615.0</ULX>
    <ULY>5167736.0</ULY></Group_Geopositioning></Group_Geopositioning_List></Geopositioning></Geoposition_Informations>
    <Angles_Grids_List><Sun_Angles_Grids><Zenith>{rows("60 61 62", "63 64 65")}</Zenith>
    <Azimuth>{rows("160 161 162", "163 164 165")}</Azimuth></Sun_Angles_Grids>
    <Viewing_Incidence_Angles_Grids_List><Band_Viewing_Incidence_Angles_Grids_List>
    <Viewing_Incidence_Angles_Grids detector_id="01"><Zenith>{rows("20 20 NaN", "20 NaN NaN")}</Zenith>
    <Azimuth>{rows("90 90 NaN", "90 NaN NaN")}</Azimuth></Viewing_Incidence_Angles_Grids>
    <Viewing_Incidence_Angles_Grids detector_id="02"><Zenith>{rows("NaN 22 22", "NaN NaN 22")}</Zenith>
    <Azimuth>{rows("NaN 90 90", "NaN NaN 90")}</Azimuth></Viewing_Incidence_Angles_Grids>
    </Band_Viewing_Incidence_Angles_Grids_List></Viewing_Incidence_Angles_Grids_List></Angles_Grids_List>"""
    angles = muscate(MEANS.format(grids=grids))
    assert angles is not None
    assert (angles.crs, angles.first, angles.step) == ("EPSG:32631", (253615, 5167736), (5000, -4000))
    assert angles.sun[0][1, 2] == 65
    np.testing.assert_allclose(angles.view[EVERY][0][0], [20, 21, 22])
    assert muscate("<Muscate_Metadata_Document/>") is None


def test_a_gap_in_the_sun_s_grid_is_filled_from_the_nearest_node() -> None:
    sun, view = rows("60 61 62", "63 64 NaN"), rows("20 20 20", "20 20 20")
    grids = f"""<HORIZONTAL_CS_CODE>32631</HORIZONTAL_CS_CODE><Group_Geopositioning><ULX>0</ULX><ULY>0</ULY>
    </Group_Geopositioning><Sun_Angles_Grids><Zenith>{sun}</Zenith><Azimuth>{rows("1 2 3", "4 5 6")}</Azimuth>
    </Sun_Angles_Grids><Viewing_Incidence_Angles_Grids><Zenith>{view}</Zenith><Azimuth>{view}</Azimuth>
    </Viewing_Incidence_Angles_Grids>"""
    angles = muscate(MEANS.format(grids=grids))
    assert angles is not None
    assert (angles.sun[0][1, 2], angles.sun[1][1, 2]) in {(62, 3), (64, 5)}
    granule = f"""<a><HORIZONTAL_CS_CODE>EPSG:32631</HORIZONTAL_CS_CODE><Geoposition><ULX>0</ULX><ULY>0</ULY>
    </Geoposition><Tile_Angles><Sun_Angles_Grid><Zenith>{sun}</Zenith><Azimuth>{sun}</Azimuth></Sun_Angles_Grid>
    <Viewing_Incidence_Angles_Grids bandId="3"><Zenith>{view}</Zenith><Azimuth>{view}</Azimuth>
    </Viewing_Incidence_Angles_Grids></Tile_Angles></a>"""
    angles = sentinel2_granule(granule, ["red"])
    assert angles is not None
    assert angles.sun[0][1, 2] in {62, 64}
