"""What fusion methods are made of: the parts that several of them share, or that fill files of their own.

Similar pixels and their weights (`windows`, `spread`, `similar`, `blending`, `blending_rules`, `conversion`), coarse
cells and what is in them (`cells`, `classes`, `unmixing`, `residuals`), and interpolation between them (`thinplate`,
`regression`, `semivariogram`, `kriging`). Arrays in, arrays out, like everything in the package.
"""
