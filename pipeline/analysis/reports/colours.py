"""Colours of the lines of a report, which stand out from a light and from a dark page.

WCAG 2.2 asks for a contrast of 3 between a line and its background (success criterion 1.4.11).
"""

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from pipeline.analysis.figures.style import Numbers

PAGE = {"light": "#ffffff", "dark": "#16181d"}  # the backgrounds in base.html.jinja
LEAST_CONTRAST = 3
PARTS = np.linspace(0, 1, 101)
DARK, LIGHT = 0.55, 0.4  # of the way from black to a colour, and from it to white


def contrast(first: str, second: str) -> float:
    """Return WCAG's contrast of two colours, 1 to 21."""
    low, high = sorted(_luminance(np.array(to_rgb(colour))) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


def shades(colour: str, count: int) -> list[tuple[str, str]]:
    """Return a colour in shades, from dark (shallow layers) to light (deep ones), for a light and for a dark page."""
    base = np.array(to_rgb(colour))
    ramp = [part * base for part in PARTS] + [base + part * (1 - base) for part in PARTS]  # black, colour, white
    dark = next(shade for shade in ramp if contrast(to_hex(shade), PAGE["dark"]) > LEAST_CONTRAST)
    light = next(shade for shade in reversed(ramp) if contrast(to_hex(shade), PAGE["light"]) > LEAST_CONTRAST)
    return list(zip(_between(DARK * base, light, count), _between(dark, base + LIGHT * (1 - base), count), strict=True))


def _between(dark: Numbers, light: Numbers, count: int) -> list[str]:
    shades = np.linspace(dark, light, count) if count != 1 else [(dark + light) / 2]
    return [to_hex(tuple(shade)) for shade in shades]


def _luminance(colour: Numbers) -> float:
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
