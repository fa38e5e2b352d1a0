"""What is known of a scene beside its pixels: when and by whom it was taken, and where sun and sensor stood."""

from __future__ import annotations

from typing import Any

from stfuse.scenes import acquired, platform

ORBIT = {"orbit": "sat:orbit_state", "relative_orbit": "sat:relative_orbit"}


def facts_of(item: dict[str, Any], sensor: dict[str, Any]) -> dict[str, Any]:
    """Facts of a STAC item for ``scene.json``; angles in degrees, as far as the item states them."""
    properties = item["properties"]
    when = acquired(item)
    angles = {
        "sun_elevation": properties.get("view:sun_elevation"),
        "sun_azimuth": properties.get("view:sun_azimuth", properties.get("s2:mean_solar_azimuth")),
        "view_zenith": properties.get("view:incidence_angle", properties.get("view:off_nadir")),
        "view_azimuth": properties.get("view:azimuth"),
    }
    if angles["sun_elevation"] is None and "s2:mean_solar_zenith" in properties:
        angles["sun_elevation"] = 90.0 - properties["s2:mean_solar_zenith"]
    return {
        "id": item["id"],
        "sensor": sensor["name"],
        "date": when[:10],
        "datetime": when,
        "platform": platform(item),
        "collection": item["collection"],
        **{name: properties[key] for name, key in ORBIT.items() if properties.get(key) is not None},
        **{name: value for name, value in angles.items() if value is not None},
    }
