"""A synthetic world with truth on every day, and the archive that observes it.

In reading order: `settings` (what can be chosen), `covers` (classes and spectra), `landscape` with `farmland`, `places`,
`towns`, `farms`, `water` (what lies where) or `landmap` (a real map), `weather`, `seasons` and `growth` (how it grows),
`events` (floods and buildings), `spectra` and `textures`, `surface` (the world: reflectance of any day), `dates` (when
things happened); `delivery` (what a sensor is), `instruments`, `directions`, `clouds`, and in `sensors` a file for each;
`archive` (how it is catalogued). This file imports nothing.
"""
