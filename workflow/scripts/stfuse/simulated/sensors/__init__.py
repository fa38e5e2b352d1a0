"""The sensors of the synthetic world, a file each. To add one, write its file and name it here."""

from stfuse.simulated.sensors.landsat8 import SENSOR as LANDSAT8
from stfuse.simulated.sensors.modis import SENSOR as MODIS
from stfuse.simulated.sensors.sentinel1 import SENSOR as SENTINEL1
from stfuse.simulated.sensors.sentinel2 import SENSOR as SENTINEL2
from stfuse.simulated.sensors.sentinel2_coarse import SENSOR as SENTINEL2_COARSE
from stfuse.simulated.sensors.venus import SENSOR as VENUS

SENSORS = (SENTINEL2, LANDSAT8, MODIS, SENTINEL1, VENUS, SENTINEL2_COARSE)
