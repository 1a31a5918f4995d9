"""95 % intervals of means, ratios of means and shares, and how pages show them. Of a single run there is none. Standard library only."""
import math

from common import deviation, mean

Z = 1.959964  # the normal distribution's 97.5 % point


def within(t, freedom):
    """Share of Student's distribution between -t and t, for whole degrees of freedom (Abramowitz & Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    odd, term, total = freedom % 2, math.cos(angle) if freedom % 2 else 1.0, 0.0
    for k in range(1 + odd, freedom, 2):
        total += term
        term *= math.cos(angle) ** 2 * k / (k + 1)
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


def student_point(freedom):
    """The t that 2.5 % are above."""
    low, high = 0.0, 13.0  # of one degree of freedom it is 12.7
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle, freedom) < 0.95 else (low, middle)
    return (low + high) / 2


def of_mean(values):
    """Student's, or None."""
    if len(values) < 2:
        return None
    half = student_point(len(values) - 1) * deviation(values) / math.sqrt(len(values))
    return mean(values) - half, mean(values) + half


def of_ratio(a, b, paired=False):
    """Of mean(a) / mean(b), both positive: Student's for its logarithm by the delta method; independent samples with Welch's degrees of freedom."""
    if min(len(a), len(b)) < 2:
        return None
    ma, mb, n, m = mean(a), mean(b), len(a), len(b)
    if paired:
        error, freedom = deviation([x / ma - y / mb for x, y in zip(a, b)]) ** 2 / n, n - 1
    else:
        left, right = (deviation(a) / ma) ** 2 / n, (deviation(b) / mb) ** 2 / m
        error = left + right
        freedom = int(error ** 2 / (left ** 2 / (n - 1) + right ** 2 / (m - 1))) if error > 0 else n + m - 2
    half = student_point(freedom) * math.sqrt(error)
    return ma / mb * math.exp(-half), ma / mb * math.exp(half)


def of_share(count, n):
    """Wilson's, or None."""
    if n < 2:
        return None
    middle, half = (count + Z * Z / 2) / (n + Z * Z), Z / (n + Z * Z) * math.sqrt(count * (n - count) / n + Z * Z / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def shown(ends, form=".3f"):
    return "-" if ends is None else f"{ends[0]:{form}} to {ends[1]:{form}}"
