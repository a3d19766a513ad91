"""Prints what NGramTests.swift expects: interpolated modified Kneser-Ney smoothing, written again.

    python3 ngram_reference.py            # the text that the tests make from the same rule
    python3 ngram_reference.py FILE       # the last 5 % of the bytes of a file

Chen and Goodman 1998, section 3; discounts are kept in 0.1 ... k - 0.1, and are 0.5 without counts.
"""

import collections
import math
import sys

WORDS = b"in the beginning was a word and it was with light upon earth".split()


def made_text():
    state, text = 1, b""
    for _ in range(4000):
        state = (state * 1664525 + 1013904223) % 2**32
        text += WORDS[(state >> 16) % len(WORDS)] + (b".\n" if state >> 29 == 0 else b" ")
    return text


def discounts(counts):
    n = collections.Counter(counts)
    y = n[1] / max(1, n[1] + 2 * n[2])
    raw = [k - (k + 1) * y * n[k + 1] / n[k] if n[k] else 0.5 for k in (1, 2, 3)]
    return [0] + [min(max(d, 0.1), k - 0.1) for k, d in zip((1, 2, 3), raw)]


def cross_entropy(text, order):
    count = len(text) - len(text) // 20
    size = len(set(text))
    grams = [collections.Counter(text[i:i + k] for i in range(count - k + 1))
             for k in range(order + 1)]
    adjusted = [collections.Counter(g[1:] for g in grams[k + 1]) for k in range(order)]
    adjusted.append(grams[order])
    for k in range(1, order):
        adjusted[k][text[:k]] += 0 if text[:k] in adjusted[k] else 1  # has no predecessor
    levels = []
    for k in range(1, order + 1):
        d = discounts(adjusted[k].values())
        total, weight = collections.Counter(), collections.Counter()
        for gram, c in adjusted[k].items():
            total[gram[:-1]] += c
            weight[gram[:-1]] += d[min(c, 3)]
        levels.append((d, total, weight))
    nats = 0
    for i in range(count, len(text)):
        p = 1 / size
        for k, (d, total, weight) in enumerate(levels, 1):
            # The model sees the held-out text alone: the first characters have shorter contexts.
            context = text[max(i - k + 1, count):i]
            if len(context) < k - 1 or not total[context]:
                break
            c = adjusted[k][context + text[i:i + 1]]
            p = (c - d[min(c, 3)] + weight[context] * p) / total[context]
        nats -= math.log(p)
    return nats / (len(text) - count)


if __name__ == "__main__":
    text = open(sys.argv[1], "rb").read() if len(sys.argv) > 1 else made_text()
    for order in range(1, 7):
        print(order, repr(cross_entropy(text, order)), flush=True)
