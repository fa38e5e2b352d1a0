"""A synthetic world with truth on every day, and the archive that observes it.

In reading order: `settings` (what can be chosen), `covers` (classes and spectra); what lies where: `landscape` with
`farmland`, `places`, `towns`, `farms` and `water`, or `landmap` (a real map); how it grows: `weather`, `seasons`,
`growth`, `events` (floods, buildings), `spectra`, `textures`; `surface` (the world: reflectance of any day), `dates`
(when things happened). How it is seen: `delivery` (what a sensor is), `instruments`, `directions`, `clouds`, and in
`sensors` a file for each; `archive` (how it is catalogued). This file imports nothing.
"""
