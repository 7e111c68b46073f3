# SPDX-License-Identifier: Apache-2.0
"""Numbers, measures, durations and times of day as people say them; each function gives the text
(with "(a|b)" groups resolved) and the value that it means."""
from grammar import expand

ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen").split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()


def words(r, n):
    """An integer 0..999 as it is spoken."""
    if n >= 100:
        head = r.choice(["one", "a"]) if n < 200 else ONES[n // 100]
        rest = n % 100
        return head + " hundred" + ("" if not rest else r.choice([" and ", " "]) + words(r, rest))
    if n < 20:
        return ONES[n]
    return TENS[n // 10] + ("" if n % 10 == 0 else r.choice([" ", " ", "-"]) + ONES[n % 10])


def spoken(r, x, digits=0.45):
    """A number, possibly with .5, as digits or in words."""
    n, half = int(x), x != int(x)
    if r.random() < digits:
        return (str(n) + expand(r, "(.5|.5| and a half)")) if half else str(n)
    return words(r, n) + (expand(r, "( and a half| point five)") if half else "")


def percent(r):
    n = r.choice([r.randint(0, 100), 5 * r.randint(0, 20), 10 * r.randint(0, 10)])
    return expand(r, spoken(r, n) + r.choice([" percent"] * 5 + ["%", " per cent", ""])).replace(" %", "%"), n


def degrees(r):
    x = r.randint(10, 30) + r.choice([0, 0, 0.5])
    return spoken(r, x) + expand(r, "( degrees| degrees| degrees| degrees celsius|)"), tidy(x)


def tidy(x):
    return int(x) if x == int(x) else x


def length(r):
    """A distance for a robot: text, value, unit."""
    if r.random() < 0.35:
        n = r.choice([r.randint(1, 20), 5 * r.randint(1, 20)])
        return spoken(r, n) + " " + r.choice(["centimetres", "centimeters", "cm"]), n, "cm"
    if r.random() < 0.1:
        return expand(r, "half a (metre|meter)"), 0.5, "m"
    x = r.randint(1, 15) + r.choice([0, 0, 0, 0.5])
    unit = r.choice(["metre", "meter"]) + ("" if x == 1 else "s")
    return spoken(r, x) + " " + r.choice([unit, unit, unit, "m"]), tidy(x), "m"


def angle(r):
    n = r.choice([15, 30, 45, 60, 90, 90, 120, 135, 180, 270, 360, 5 * r.randint(1, 36), r.randint(1, 180)])
    return spoken(r, n) + " degrees", n


def duration(r):
    """Text and the keys hours, minutes, seconds that were said."""
    def unit(n, u):
        return spoken(r, n) + " " + u + ("" if n == 1 else "s")
    k = r.random()
    if k < 0.45:
        n = r.choice([r.randint(1, 60), 5 * r.randint(1, 12), r.randint(1, 15)])
        return unit(n, "minute"), {"minutes": n}
    if k < 0.60:
        n = r.choice([r.randint(1, 90), 5 * r.randint(1, 18)])
        return unit(n, "second"), {"seconds": n}
    if k < 0.72:
        n = r.randint(1, 12)
        return r.choice([unit(n, "hour"), "an hour"] if n == 1 else [unit(n, "hour")]), {"hours": n}
    if k < 0.85:
        h, m = r.randint(1, 5), r.randint(1, 59)
        return unit(h, "hour") + r.choice([" and ", " "]) + unit(m, "minute"), {"hours": h, "minutes": m}
    if k < 0.93:
        m, s = r.randint(1, 20), r.randint(1, 59)
        return unit(m, "minute") + r.choice([" and ", " "]) + unit(s, "second"), {"minutes": m, "seconds": s}
    return r.choice([("half an hour", {"minutes": 30}), ("half a minute", {"seconds": 30}),
                     ("an hour and a half", {"hours": 1, "minutes": 30}),
                     ("a minute and a half", {"minutes": 1, "seconds": 30}),
                     ("a quarter of an hour", {"minutes": 15})])


def clock(r):
    """A time of day: text and "HH:MM"."""
    m = r.choice([0, 0, 15, 30, 45, 5 * r.randint(0, 11), r.randint(0, 59)])
    if r.random() < 0.2:                       # 24 hours, in digits or words
        h = r.randint(0, 23)
        if r.random() < 0.7 or m < 10 or h < 13:
            return "%d:%02d" % (h, m), "%02d:%02d" % (h, m)
        return words(r, h) + " " + words(r, m), "%02d:%02d" % (h, m)
    if r.random() < 0.04:
        return r.choice([("noon", "12:00"), ("midnight", "00:00")])
    h = r.randint(1, 12)
    nxt = h % 12 + 1                           # "quarter to seven" is 6:45
    num = spoken if r.random() < 0.5 else lambda r, n: words(r, n)
    forms = ["%d:%02d" % (h, m)]
    if m == 0:
        forms = [num(r, h), num(r, h) + " o'clock", "%d:00" % h]
    elif m == 30:
        forms += ["half past " + num(r, h)] * 2 + [words(r, h) + " thirty"]
    elif m in (15, 45):
        forms += [("(a |)quarter past " + num(r, h)) if m == 15 else ("(a |)quarter to " + num(r, nxt))] * 2
        forms += [words(r, h) + " " + words(r, m)]
    elif m % 5 == 0 and m < 60:
        forms += [(num(r, m) + " past " + num(r, h)) if m < 30 else (num(r, 60 - m) + " to " + num(r, nxt))] * 2
    if m >= 10 and m not in (15, 30, 45):
        forms += [words(r, h) + " " + words(r, m)]
    elif 0 < m < 10:
        forms += [words(r, h) + " oh " + words(r, m)]
    text, half = expand(r, r.choice(forms)), r.choice(["", "", "am", "pm"])
    if half == "am":
        text += r.choice([" am", " am", " in the morning"])
        h = h % 12
    elif half == "pm":
        text += r.choice([" pm", " pm", " in the evening"] if 5 <= h <= 11 else [" pm", " in the afternoon"]
                         if h < 5 or h == 12 else [" pm"])
        h = h % 12 + 12
    return text, "%02d:%02d" % (h, m)
