"""Documents in an object store as images of bytes, so that GDAL reads them with the keys that it reads rasters with."""

from __future__ import annotations

from xml.sax.saxutils import escape

from stfuse.redaction import redacted

ROW = 2**16
RAW = """<VRTDataset rasterXSize="{row}" rasterYSize="{rows}">
<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">
<SourceFilename relativetoVRT="0">{path}</SourceFilename>
<ImageOffset>0</ImageOffset><PixelOffset>1</PixelOffset><LineOffset>{row}</LineOffset>
</VRTRasterBand></VRTDataset>"""


def raw_image(href: str, largest: int) -> tuple[str, dict[str, str]]:
    """A VRT that makes an image of an object's bytes, and the settings under which GDAL reads it.

    Unless told otherwise, GDAL reads raw bytes only beside the VRT's own file, lest a VRT that somebody else wrote show
    files of this machine. This one is written here and names one object by its link to a bucket; nothing else is to be
    opened under these settings.

    Parameters
    ----------
    href : str
        The object's link, ``s3://...``.
    largest : int
        Bytes that are read at least, if there are so many.

    Returns
    -------
    image : str
        What GDAL opens, by its driver VRT.
    settings : mapping of name to value

    Raises
    ------
    ValueError
        If the link leads elsewhere.
    """
    if not href.startswith("s3://"):
        raise ValueError(f"{redacted(href)} is no object of a bucket")
    image = RAW.format(row=ROW, rows=largest // ROW + 1, path=escape(f"/vsis3/{href.removeprefix('s3://')}"))
    return image, {"RAW_CHECK_FILE_SIZE": "NO", "GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE": "ALL"}
