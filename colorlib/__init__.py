"""colorlib: the library behind the report on colorizing grayscale photographs.

The modules, in the order in which data flows through them: `paths`, `photos`, `color`, `patches`, `models`,
`training`, `metrics`, `plots`, `results`. Nothing heavy is imported here, so that ``import colorlib`` takes
milliseconds; TensorFlow loads when a network is first built.
"""

__version__ = "0.1.0"
