"""A small product of Theia in MUSCATE's format, zipped as Theia and GEODES deliver it."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.raster_stored import write_into

NAME = "VENUS-XS_20200402-191352-000_L2A_GALLOP30_C_V3-1"
GRID = GeoBox((40, 50), Affine(5, 0, 649400, 0, -5, 4238500), "EPSG:32610")
BANDS = ("B3", "B4", "B7", "B11")
MASKS = ("CLM", "EDG", "MG2", "SAT")
NATURE = {"CLM": "Cloud", "EDG": "Edge", "MG2": "Geophysics", "SAT": "Saturation"}
QUANTIFICATION, NODATA = 10000, -10000


def metadata(
    name: str = NAME,
    platform: str = "VENUS",
    level: str = "L2A",
    quantification: str = f"{QUANTIFICATION}",
    nodata: str = f"{NODATA}",
    bands: tuple[str, ...] = BANDS,
    grid: GeoBox = GRID,
    group: str = "XS",
    listed: tuple[str, ...] = (),
) -> str:
    """The text of the product's ``*_MTD_ALL.xml``; `listed` names further files that it says it has."""

    def images(kind: str) -> str:
        files = "".join(f'<IMAGE_FILE band_id="{b}">{name}_{kind}_{b}.tif</IMAGE_FILE>' for b in bands)
        nature = {"SRE": "Surface_Reflectance", "FRE": "Flat_Reflectance"}[kind]
        return (
            f"<Image><Image_Properties><NATURE>{nature}</NATURE></Image_Properties>"
            f"<Image_File_List>{files}</Image_File_List></Image>"
        )

    def mask(kind: str) -> str:
        file = f'<MASK_FILE group_id="{group}">MASKS/{name}_{kind}_{group}.tif</MASK_FILE>'
        return (
            f"<Mask><Mask_Properties><NATURE>{NATURE[kind]}</NATURE></Mask_Properties>"
            f"<Mask_File_List>{file}</Mask_File_List></Mask>"
        )

    more = "".join(f'<MASK_FILE group_id="{group}">MASKS/{file}</MASK_FILE>' for file in listed)
    views = "".join(
        f'<Mean_Viewing_Incidence_Angle detector_id="0{i}"><ZENITH_ANGLE unit="deg">{zenith}</ZENITH_ANGLE>'
        f'<AZIMUTH_ANGLE unit="deg">{azimuth}</AZIMUTH_ANGLE></Mean_Viewing_Incidence_Angle>'
        for i, (zenith, azimuth) in enumerate([(12.0, 350.0), (14.0, 10.0)])
    )
    a = grid.affine
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Muscate_Metadata_Document>
 <Metadata_Identification><METADATA_FORMAT version="1.20">METADATA_MUSCATE</METADATA_FORMAT></Metadata_Identification>
 <Dataset_Identification>
  <IDENTIFIER>{name}</IDENTIFIER><AUTHORITY>THEIA</AUTHORITY>
  <GEOGRAPHICAL_ZONE type="VENUS_Site">GALLOP30</GEOGRAPHICAL_ZONE>
 </Dataset_Identification>
 <Product_Characteristics>
  <PRODUCT_ID>{name}</PRODUCT_ID><ACQUISITION_DATE>2020-04-02T19:13:52.000Z</ACQUISITION_DATE>
  <PRODUCTION_DATE>2023-11-05T08:00:00.000Z</PRODUCTION_DATE><PRODUCT_VERSION>3.1</PRODUCT_VERSION>
  <PRODUCT_LEVEL>{level}</PRODUCT_LEVEL><PLATFORM>{platform}</PLATFORM>
 </Product_Characteristics>
 <Product_Organisation><Muscate_Product>
  <Image_List>{images("SRE")}{images("FRE")}</Image_List>
  <Mask_List>{"".join(mask(kind) for kind in MASKS)}<Mask><Mask_File_List>{more}</Mask_File_List></Mask></Mask_List>
 </Muscate_Product></Product_Organisation>
 <Geoposition_Informations>
  <Coordinate_Reference_System><GEO_TABLES>EPSG</GEO_TABLES><Horizontal_Coordinate_System>
   <HORIZONTAL_CS_TYPE>PROJECTED</HORIZONTAL_CS_TYPE><HORIZONTAL_CS_CODE>{grid.crs.epsg}</HORIZONTAL_CS_CODE>
  </Horizontal_Coordinate_System></Coordinate_Reference_System>
  <Geopositioning><Group_Geopositioning_List><Group_Geopositioning group_id="{group}">
   <ULX>{a.c}</ULX><ULY>{a.f}</ULY><XDIM>{a.a}</XDIM><YDIM>{a.e}</YDIM>
   <NROWS>{grid.shape.y}</NROWS><NCOLS>{grid.shape.x}</NCOLS>
  </Group_Geopositioning></Group_Geopositioning_List></Geopositioning>
 </Geoposition_Informations>
 <Geometric_Informations><Mean_Value_List>
  <Sun_Angles><ZENITH_ANGLE unit="deg">35.5</ZENITH_ANGLE><AZIMUTH_ANGLE unit="deg">151.25</AZIMUTH_ANGLE></Sun_Angles>
  <Mean_Viewing_Incidence_Angle_List>{views}</Mean_Viewing_Incidence_Angle_List>
 </Mean_Value_List></Geometric_Informations>
 <Radiometric_Informations>
  <REFLECTANCE_QUANTIFICATION_VALUE>{quantification}</REFLECTANCE_QUANTIFICATION_VALUE>
  <Special_Values_List><SPECIAL_VALUE name="nodata">{nodata}</SPECIAL_VALUE>
   <SPECIAL_VALUE name="VAP_Nodata_Value">0</SPECIAL_VALUE></Special_Values_List>
 </Radiometric_Informations>
 <Quality_Informations><Current_Product><Product_Quality_List><Product_Quality><Global_Index_List>
  <QUALITY_INDEX name="CloudPercent">7</QUALITY_INDEX>
 </Global_Index_List></Product_Quality></Product_Quality_List></Current_Product></Quality_Informations>
</Muscate_Metadata_Document>
"""


def stored(kind: str, band: str, shape: tuple[int, int] = (40, 50)) -> NDArray[np.int16]:
    """The numbers of one image: a slope, other for every band, with a fill in the corner."""
    values = np.arange(shape[0] * shape[1], dtype=np.int16).reshape(shape) + 100 * int(band.strip("BA"))
    values += 7 if kind == "FRE" else 0
    values[0, 0] = NODATA
    return values


def files(name: str = NAME, bands: tuple[str, ...] = BANDS, grid: GeoBox = GRID, group: str = "XS") -> dict[str, bytes]:
    """Every file of the product but its metadata: path in the zip -> content."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("SRE", "FRE"):
            for band in bands:
                path = Path(folder) / f"{name}_{kind}_{band}.tif"
                write_into(path, stored(kind, band, grid.shape), grid, None)
                found[f"{name}/{path.name}"] = path.read_bytes()
        for kind in MASKS:
            mask = np.zeros(grid.shape, np.uint8)
            mask[:5, :5] = {"MG2": 2, "EDG": 0, "CLM": 3, "SAT": 0}[kind]
            path = Path(folder) / f"{name}_{kind}_{group}.tif"
            write_into(path, mask, grid, None)
            found[f"{name}/MASKS/{path.name}"] = path.read_bytes()
    return found | {f"{name}/DATA/{name}_JPI_ALL.xml": b"<a/>", f"{name}/{name}_QKL_ALL.jpg": b"\xff\xd8"}


def write_zip(path: Path, content: dict[str, bytes], text: str | None = None, name: str = NAME) -> Path:
    """Write a zip of some files and the product's metadata (none for an empty text)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in content.items():
            archive.writestr(member, data)
        described = metadata(name) if text is None else text
        if described:
            archive.writestr(f"{name}/{name}_MTD_ALL.xml", described)
    return path
