"""Colour-vision simulation and colour differences, for testing palettes.

Dichromacy: the linear-RGB matrices of Machado, Oliveira & Fernandes, "A physiologically-based
model for simulation of color vision deficiency" (IEEE TVCG 2009), severity 1.0. Difference:
CIEDE2000 as restated by Sharma, Wu & Dalal (Color Research & Application 2005), D65 white.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

VISIONS: dict[str, FloatArray] = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear(colours: list[str]) -> FloatArray:
    """Linear RGB of ``#rrggbb`` colours, (k, 3)."""
    raw = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours]) / 255
    return np.where(raw <= 0.04045, raw / 12.92, ((raw + 0.055) / 1.055) ** 2.4)


def luminance(colours: list[str]) -> FloatArray:
    """Relative luminance of WCAG 2, (k,)."""
    return linear(colours) @ np.array([0.2126, 0.7152, 0.0722])


def contrast(a: str, b: str) -> float:
    """Contrast ratio of WCAG 2 between two colours."""
    low, high = sorted(luminance([a, b]).tolist())
    return float((high + 0.05) / (low + 0.05))


def lab(colours: list[str], vision: str = "normal") -> FloatArray:
    """CIELAB as seen with ``vision``, (k, 3)."""
    return linear_to_lab(np.clip(linear(colours) @ VISIONS[vision].T, 0, 1))


def linear_to_lab(rgb: FloatArray) -> FloatArray:
    """CIELAB (D65) of linear RGB, (k, 3)."""
    matrix = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = rgb @ matrix.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        (116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])), axis=1
    )


def differences(colours: FloatArray) -> FloatArray:
    """CIEDE2000 between all pairs of CIELAB colours, (k, k)."""
    a, b = colours[:, None, :], colours[None, :, :]
    chroma_a, chroma_b = np.hypot(a[..., 1], a[..., 2]), np.hypot(b[..., 1], b[..., 2])
    mean7 = ((chroma_a + chroma_b) / 2) ** 7
    g = 0.5 * (1 - np.sqrt(mean7 / (mean7 + 25.0**7)))
    red_a, red_b = a[..., 1] * (1 + g), b[..., 1] * (1 + g)
    c_a, c_b = np.hypot(red_a, a[..., 2]), np.hypot(red_b, b[..., 2])
    h_a = np.degrees(np.arctan2(a[..., 2], red_a)) % 360
    h_b = np.degrees(np.arctan2(b[..., 2], red_b)) % 360
    grey = c_a * c_b == 0
    turn = (h_b - h_a + 180) % 360 - 180
    turn = np.where(grey, 0, turn)
    d_l, d_c = b[..., 0] - a[..., 0], c_b - c_a
    d_h = 2 * np.sqrt(c_a * c_b) * np.sin(np.radians(turn / 2))
    mean_h = np.where(grey, h_a + h_b, (h_a + turn / 2) % 360)
    mean_l, mean_c = (a[..., 0] + b[..., 0]) / 2, (c_a + c_b) / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    r_c = 2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    r_t = -np.sin(np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2)))) * r_c
    squared = (
        (d_l / s_l) ** 2 + (d_c / s_c) ** 2 + (d_h / s_h) ** 2 + r_t * (d_c / s_c) * (d_h / s_h)
    )
    return np.asarray(np.sqrt(np.maximum(squared, 0)))
