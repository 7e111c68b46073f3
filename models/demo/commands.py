# SPDX-License-Identifier: Apache-2.0
"""Spoken home and robot commands, each with its one line of JSON.

The JSON is one flat object, no spaces, keys only when they apply and always in this order:

  device     light thermostat blinds lock speaker timer alarm fan vacuum camera arm rover unknown
  room       "kitchen", "living room", ... or "all"
  door       lock: "front", "back", ... or "all"
  name       timer: "pasta", ...
  action     light:      on off dim brighten set color
             thermostat: on off set up down read
             blinds:     open close set stop
             lock:       lock unlock check
             speaker:    play pause resume stop next previous louder quieter volume mute
             timer:      start cancel check        alarm: set cancel
             fan:        on off set                vacuum: clean pause stop dock
             camera:     photo record stop show on off
             arm:        pick place open close move rotate home stop
             rover:      drive turn go stop home follow wait faster slower speed
  object     arm: "red cube"; camera: what to photograph
  direction  up down left right forward backward
  target     arm: "left bin"
  value      a number, or for light color / speaker play / fan set possibly a string
  unit       m cm deg
  hours minutes seconds   durations, exactly as said
  time       alarm: "HH:MM", 24 hours; without am/pm the hour is taken as said
  day        alarm: monday ... sunday today tomorrow weekdays weekends daily

A request that is no such command gives {"device":"unknown"}.
"""
import hashlib
import json
import re

from grammar import expand, weighted
from spoken import angle, clock, degrees, duration, length, percent, spoken

KEYS = ("device room door name action object direction target value unit "
        "hours minutes seconds time day").split()

ROOMS = ["kitchen", "living room", "bedroom", "bathroom", "hallway", "office", "garage",
         "dining room", "attic", "basement", "nursery", "study", "laundry room", "guest room",
         "balcony", "porch", "garden", "workshop"]
COLORS = ["red", "green", "blue", "yellow", "orange", "purple", "pink", "white", "warm white"]
DOORS = ["front", "back", "side", "garage", "patio", "cellar"]
MUSIC = ["jazz", "rock", "pop", "classical music", "piano music", "folk music", "blues", "techno",
         "the news", "bird sounds", "rain sounds", "lullabies", "dance music", "a podcast",
         "christmas songs", "my playlist"]
TIMERS = ["pasta", "egg", "tea", "pizza", "laundry", "workout", "homework", "bread", "rice", "nap"]
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
THINGS = ["cube", "ball", "block", "cylinder", "bottle", "cup", "box", "screw", "bolt", "pen",
          "ring", "sponge", "brick", "can"]
THING_COLORS = ["red", "green", "blue", "yellow", "orange", "black", "white", "small", "big"]
TARGETS = ["left bin", "right bin", "middle bin", "red bin", "blue bin", "green bin", "tray",
           "table", "top shelf", "bottom shelf", "box", "basket", "conveyor", "left tray",
           "right tray", "corner"]
SIGHTS = ["door", "garden", "cat", "dog", "street", "table", "baby", "driveway", "plant", "sky"]
PLACES = ["paris", "berlin", "rome", "london", "madrid", "japan", "france", "kenya", "brazil"]
PEOPLE = ["mum", "dad", "anna", "peter", "my sister", "my boss", "the doctor", "grandma"]

def thing_in_room(r, nouns, all_ok=True):
    """Text for "the kitchen light", "the lights in the kitchen", "all lights"; and its keys."""
    noun = r.choice(nouns)
    k = r.random()
    if k < 0.16:
        return "the " + noun, {}, noun
    if k < 0.22 and all_ok and noun.endswith("s"):
        return expand(r, "(all the {0}|all {0}|every single one of the {0}|all of the {0}|the {0} everywhere|"
                         "all the {0} in the house)").replace("{0}", noun), {"room": "all"}, noun
    room = r.choice(ROOMS)
    return expand(r, "(the {1} {0}|the {1} {0}|the {1} {0}|the {0} in the {1}|{1} {0})") \
        .replace("{0}", noun).replace("{1}", room), {"room": room}, noun


# In all templates a leading "~" marks a phrase that is no plain order, so that "could you" does not fit before it.

def light(r):
    L, keys, noun = thing_in_room(r, ["light", "light", "lights", "lights", "lamp", "lamps"])
    out = dict(device="light", **keys)
    be = "are" if noun.endswith("s") else "is"
    p, n = percent(r)
    c = r.choice(COLORS)
    action = r.choice("on off dim dim dimv dimv brighten brighten set set set color".split())
    t = {
        "on": "((turn|switch) on {L}|(turn|switch|put) {L} on|~{L} on|~i need {L} on|~i (want|would like) {L} (turned|switched) on)",
        "off": "((turn|switch|shut) off {L}|(turn|switch) {L} off|~{L} off|~nobody needs {L}, turn (it|them) off|~{L} should be off)",
        "dim": "(dim|lower) {L} to {p}|(bring|turn|take) {L} down to {p}|dim {L} down to {p}|~{L} dimmed to {p}",
        "dimv": "dim {L}( a bit| a little|)|make {L} (darker|a bit darker|less bright)|~{L} {be} (too|far too|a bit too) bright|turn {L} down( a bit|)",
        "brighten": "brighten {L} to {p}|(bring|turn|take) {L} up to {p}|raise {L} to {p}",
        "set": "(set|put) {L} (to|at) {p}|~{L} (to|at) {p}|~i want {L} at {p}|change {L} to {p}|set the brightness of {L} to {p}|~{L} {p}|make {L} {p} bright",
        "color": "(make|turn|paint) {L} {c}|(set|change|switch) {L} to {c}|change the (colour|color) of {L} to {c}|~{L} {c}|~i want {L} (to be |in |){c}",
    }[action]
    if action == "dimv" and r.random() < 0.4:
        action, t = "brightenv", "brighten {L}( a bit| a little|)|make {L} (brighter|a bit brighter)|~{L} {be} (too|far too|a bit too) (dark|dim)|turn {L} up( a bit|)"
    if action == "on" and "room" in keys and keys["room"] != "all" and r.random() < 0.15:
        t = "~it is (too|so|very) dark in the {room}|light up the {room}|~it's (too|so|very) dark in the {room}"
    if action in ("on", "off") and keys.get("room", "all") != "all" and r.random() < 0.2:
        t = f"(turn|switch) the {noun} {action} in the {{room}}"
    out["action"] = action.rstrip("v")
    if action in ("dim", "brighten", "set"):
        out["value"] = n
    if action == "color":
        out["value"] = c
    return t, dict(L=L, p=p, c=c, be=be, **keys), out


def thermostat(r):
    room = r.choice(ROOMS[:14]) if r.random() < 0.6 else None
    inr = "in the " + room if room else expand(r, "(in here||||)")
    T = "the " + (room + " " if room and r.random() < 0.4 else "") + r.choice(["heating", "thermostat", "temperature", "heat", "heater"])
    Tin = T if room and room in T else (T + " " + inr).strip()
    out = dict(device="thermostat", **({"room": room} if room else {}))
    d, x = degrees(r)
    n = r.choice([1, 2, 3, 4, 5, 1.5, 2.5, 0.5])
    ds = "half a degree" if n == 0.5 else spoken(r, n) + (" degree" if n == 1 else " degrees")
    action = r.choice("set set set set up down upn downn on off read".split())
    t = {
        "set": "(set|put|turn|change) {Tin} to {d}|~i (want|would like) it to be {d} {inr}|(heat|warm) {the} to {d}|make it {d} {inr}|~{Tin} (to|at) {d}|keep it at {d} {inr}|keep {the} at {d}",
        "up": "turn up {Tin}|turn {Tin} up|~it is (too|so|very) cold {inr}|make it (a bit |)warmer {inr}|~it's (too|so|very|freezing) cold {inr}|~i'm cold {inr}",
        "down": "turn down {Tin}|turn {Tin} down|~it is (too|so|very) (hot|warm) {inr}|make it (a bit |)(cooler|colder) {inr}|~it's (too|so|very) hot {inr}",
        "upn": "turn {Tin} up( by|) {ds}|raise {Tin} by {ds}|make it {ds} warmer {inr}|increase {Tin} by {ds}",
        "downn": "turn {Tin} down( by|) {ds}|lower {Tin} by {ds}|make it {ds} (cooler|colder) {inr}|reduce {Tin} by {ds}",
        "on": "(turn|switch) on {Hin}|(turn|switch) {Hin} on|~{Hin} on",
        "off": "(turn|switch|shut) off {Hin}|(turn|switch) {Hin} off|~{Hin} off",
        "read": "~(how|so how) (warm|cold|hot) is it {inr}|~what is the temperature {inr}|~what's the temperature {inr}|tell me the temperature {inr}",
    }[action]
    if action in ("up", "down", "upn", "downn"):
        out["action"] = action.rstrip("n") if action != "down" else "down"
        if action == "downn":
            out["action"] = "down"
        if action in ("upn", "downn"):
            out["value"] = n
    else:
        out["action"] = action
    if action == "set":
        out["value"] = x
    the = "the " + room if room else "the house"
    return t, dict(Tin=Tin, Hin=Tin.replace("temperature", "heating"), inr=inr, d=d, ds=ds, the=the), out


def blinds(r):
    B, keys, noun = thing_in_room(r, ["blinds", "blinds", "curtains", "shutters", "blind", "shades"])
    p, n = percent(r)
    out = dict(device="blinds", **keys)
    action = r.choice("open open close close openv set set half stop".split())
    t = {"open": "open (up |){B}|(raise|pull up) {B}|~{B} (open|up)|pull {B} up|let (some|the) (sun|light) in through {B}",
         "close": "close {B}|(lower|shut|pull down) {B}|~{B} (closed|down|shut)|pull {B} down",
         "openv": "open {B} to {p}|raise {B} to {p}|~i want {B} open to {p}",
         "half": "open {B} (halfway|half way|by half)|~{B} half open",
         "set": "(set|put|move) {B} (to|at) {p}|~{B} (to|at) {p}|~{B} {p}",
         "stop": "stop {B}|~{B} stop|hold {B}( there|)"}[action]
    out["action"] = {"openv": "open", "half": "open"}.get(action, action)
    if action in ("openv", "set"):
        out["value"] = n
    if action == "half":
        out["value"] = 50
    return t, dict(B=B, p=p), out


def lock(r):
    door = r.choice(DOORS + ["all"])
    action = r.choice(["lock", "lock", "unlock", "check"])
    D = expand(r, "(all the doors|all doors|every door|the doors)" if door == "all" else "(the {0} door|the {0} door|{0} door)").replace("{0}", door)
    be = "are" if D.endswith("s") else "is"
    t = {"lock": "lock {D}|lock up {D}|make sure {D} {be} locked|~{D} lock|put the lock on {D}|lock {D} behind me",
         "unlock": "unlock {D}|open the lock (on|of) {D}|take the lock off {D}|~{D} unlock",
         "check": "~{be} {D} locked|~did (i|we) lock {D}|check (if|whether|that) {D} {be} locked|~{be} {D} (closed|open)"}[action]
    return t, dict(D=D, be=be), dict(device="lock", door=door, action=action)


def speaker(r):
    room = r.choice(ROOMS) if r.random() < 0.45 else None
    inr = expand(r, "(in|on the speaker in) the ") + room if room else expand(r, "(||on the speaker)")
    out = dict(device="speaker", **({"room": room} if room else {}))
    action = r.choice("play play play play volume volume volume louder quieter pause resume stop next previous mute".split())
    music, (p, n) = r.choice(MUSIC), percent(r)
    some = "" if music.split()[0] in ("the", "a", "my") else r.choice(["some ", ""])
    t = {"play": "play {some}{m} {inr}|put on {some}{m} {inr}|put {some}{m} on {inr}|~i want to (hear|listen to) {some}{m} {inr}|start {some}{m} {inr}|let me hear {some}{m} {inr}|~{m} {inr}",
         "volume": "(set|put|turn) the (volume|sound|music) {inr} (to|at) {p}|set the volume to {p} {inr}|~volume {p} {inr}|~volume (to|at) {p} {inr}|change the volume to {p} {inr}",
         "louder": "turn (the music|the volume|the sound|it) up {inr}|~louder {inr}|make (it|the music) louder {inr}|turn up the (volume|music) {inr}|~the music is too quiet {inr}",
         "quieter": "turn (the music|the volume|the sound) down {inr}|~quieter {inr}|make (it|the music) quieter {inr}|turn down the (volume|music) {inr}|~the music is too loud {inr}",
         "pause": "pause {inr}|pause the (music|song|playback) {inr}|hold the music {inr}",
         "resume": "resume the (music|song|playback) {inr}|(continue|go on with) the music {inr}|unpause the (music|song) {inr}",
         "stop": "stop the (music|song|playback) {inr}|(turn|switch) the music off {inr}|stop playing( music|) {inr}|turn off the music {inr}",
         "next": "(play|skip to|go to) the next (song|track) {inr}|skip this (song|track) {inr}|~next (song|track) {inr}",
         "previous": "(play|go back to) the (previous|last) (song|track) {inr}|~previous (song|track) {inr}|play that song again {inr}",
         "mute": "mute the (music|sound|speaker|volume) {inr}|mute {inr}|~no sound {inr}"}[action]
    out["action"] = action
    if action == "play":
        out["value"] = re.sub(r"^(the|a|my) ", "", music)
    if action == "volume":
        out["value"] = n
    return t, dict(m=music, some=some, inr=inr, p=p), out


def timer(r):
    d, keys = duration(r)
    name = r.choice(TIMERS) if r.random() < 0.45 else None
    out = dict(device="timer", **({"name": name} if name else {}))
    N = "(a|a|the|my) " + (name + " " if name else "") + "timer"
    The = "(the|my) " + (name + " " if name else "") + "timer"
    action = r.choice(["start"] * 7 + ["cancel", "check"])
    t = {"start": "(set|start) " + N + " (for|of|to) {d}|~" + (name + " " if name else "") + "timer (for |){d}|time {d}" + (" for the " + name if name else "")
                  + ("|(set|start) a timer (of|for) {d} for the " + name if name else "|start a {d} timer|~{d} on the timer|~remind me in {d}|count down {d}"),
         "cancel": "(cancel|stop|delete|clear) " + The + "|turn off " + The + "|turn " + The + " off",
         "check": "~how (much time is|long is|much is) left on " + The + "|check " + The + "|~how long does " + The + " (still |)have"}[action]
    out["action"] = action
    if action == "start":
        out.update(keys)
    return t, dict(d=d), out


def alarm(r):
    c, time = clock(r)
    out = dict(device="alarm", action="set", time=time)
    on, day = "", r.random()
    if day < 0.55:
        name = r.choice(DAYS + ["tomorrow", "tomorrow", "today", "weekdays", "weekends", "daily"])
        out["day"] = name
        on = {"tomorrow": "tomorrow", "today": "today", "weekdays": "(on weekdays|every weekday)", "weekends": "(on weekends|every weekend)",
              "daily": "(every day|daily|each day)"}.get(name, "on " + name)
    if r.random() < 0.12:
        out["action"] = "cancel"
        return "(cancel|delete|remove|turn off) (the|my) alarm (at|for) {c} " + on + "|(cancel|delete|turn off) (the|my) {c} alarm " + on, dict(c=c), out
    return ("(set|make) an alarm (for|at) {c} " + on + "|wake me( up|) at {c} " + on + "|~alarm (at|for) {c} " + on + "|set (the|my) alarm (to|for) {c} " + on
            + "|~i (need|have) to (get|be) up at {c} " + on + "|" + (("set an alarm " + on + " (for|at) {c}|wake me (up |)" + on + " at {c}") if on else "~alarm {c}")), dict(c=c), out


def fan(r):
    F, keys, noun = thing_in_room(r, ["fan", "fan", "ceiling fan", "fans"])
    out = dict(device="fan", **keys)
    v = r.choice(["low", "medium", "high", 1, 2, 3, 4, 5])
    vs = v if isinstance(v, str) else spoken(r, v)
    action = r.choice(["on", "off", "set", "set"])
    t = {"on": "(turn|switch) on {F}|(turn|switch) {F} on|~{F} on|start {F}",
         "off": "(turn|switch|shut) off {F}|(turn|switch) {F} off|~{F} off|stop {F}",
         "set": ("(set|put|turn|switch) {F} (to|on) {v}( speed|)|~{F} (to|on|at) {v}|run {F} (on|at) {v}( speed|)" if isinstance(v, str) else
                 "(set|put|turn|switch) {F} to (speed|level) {v}|~{F} (speed|level) {v}|run {F} (on|at) (speed|level) {v}|set {F} to {v}")}[action]
    if action != "set" and keys.get("room", "all") != "all" and r.random() < 0.2:
        t = f"(turn|switch) the {noun} {action} in the {{room}}"
    out["action"] = action
    if action == "set":
        out["value"] = v
    return t, dict(F=F, v=vs, **keys), out


def vacuum(r):
    room = r.choice(ROOMS + ["all"])
    the = "(the (whole|entire) house|the whole flat|everywhere|all the rooms|every room)" if room == "all" else "the " + room
    action = r.choice(["clean"] * 6 + ["twice", "plain", "plain", "pause", "stop", "dock"])
    V = "the (vacuum|vacuum cleaner|robot vacuum|hoover)"
    out = dict(device="vacuum", **({"room": room} if action in ("clean", "twice") else {}))
    t = {"clean": f"(vacuum|clean|hoover|sweep) {the}|start (vacuuming|cleaning) {the}|send {V} to {the}" + ("" if room == "all" else f"|~{the} needs (cleaning|vacuuming|a clean)|~{the} is (dirty|dusty)|(clean|vacuum|sweep) the floor in {the}|start {V} in {the}"),
         "twice": f"(vacuum|clean|hoover|sweep) {the} (twice|two times)",
         "plain": f"start {V}|start (cleaning|vacuuming)|turn on {V}|turn {V} on|~it is time to vacuum",
         "pause": f"pause {V}|pause (the |)(cleaning|vacuuming)", "stop": f"stop {V}|stop (cleaning|vacuuming)|turn off {V}|turn {V} off",
         "dock": f"send {V} (home|back|to its dock|back to its dock|to the charger)|dock {V}|charge {V}|~{V} should go back to its dock"}[action]
    out["action"] = "clean" if action in ("twice", "plain") else action
    if action == "twice":
        out["value"] = 2
    return t, {}, out


def camera(r):
    action = r.choice("photo photo photoof recordfor recordfor record stop show show on off".split())
    room = r.choice(ROOMS + ["front door", "back door", "driveway"])
    d, keys = duration(r)
    x = r.choice(SIGHTS)
    out = dict(device="camera", **({"room": room} if action in ("show", "on", "off") else {}))
    C = "the " + room + " camera" if r.random() < 0.6 else "the camera in the " + room if room in ROOMS else "the camera at the " + room
    t = {"photo": "take a (picture|photo|photograph|snapshot)|snap a (picture|photo)",
         "photoof": "take a (picture|photo|photograph) of the {x}|photograph the {x}|snap a (picture|photo) of the {x}",
         "record": "start (recording|filming)|record a video|start the recording",
         "recordfor": "record (a video |)for {d}|film for {d}|start recording for {d}|record {d} of video",
         "stop": "stop (recording|filming)|stop the (recording|video)|end the recording",
         "show": "show( me|) {C}|let me see {C}|open {C}|~what does {C} see",
         "on": "(turn|switch) on {C}|(turn|switch) {C} on|~{C} on", "off": "(turn|switch) off {C}|(turn|switch) {C} off|~{C} off"}[action]
    out["action"] = action.replace("photoof", "photo").replace("recordfor", "record")
    if action == "photoof":
        out["object"] = x
    if action == "recordfor":
        out.update(keys)
    return t, dict(x=x, d=d, C=C), out


def arm(r):
    o = r.choice(THING_COLORS) + " " + r.choice(THINGS)
    if r.random() < 0.12:
        o = o.split()[1]
    target = r.choice(TARGETS)
    to = r.choice(["in", "into"] if re.search("bin|box|basket|corner", target) else ["on", "onto"]) + " the " + target
    l, n, unit = length(r)
    a, deg = angle(r)
    direction = r.choice(["up", "down", "left", "right", "forward", "backward"])
    way = {"backward": "(back|backward|backwards)", "forward": "(forward|forwards)"}.get(direction, direction)
    turn = r.choice(["left", "right"])
    action = r.choice("pick pick pick place place place place place put put move move move rotate rotate open close home stop".split())
    out = dict(device="arm", action="place" if action == "put" else action)
    A = "the (arm|robot arm|gripper)"
    t = {"pick": "pick up {o}|(grab|take|grip|get|lift|fetch|pick) {o}|pick {o} up|close the gripper around {o}",
         "place": "(pick up|take|grab|get|lift) {o} and (put|place|drop|set|lay) it {to}|(put|place|drop|set|lay) {o} {to}|move {o} to the {target}|~{o} (goes|go) {to}|(bring|take|carry) {o} to the {target}|pick {o} up and (put|place|drop) it {to}",
         "put": "(put|place|drop|set|lay) it {to}|(put|place|drop) it down {to}|move it to the {target}",
         "move": f"move {A} {way} (by |){{l}}|move {A} {{l}} {way}|move {A} {way}|raise {A} (by |){{l}}",
         "rotate": f"(rotate|turn|twist) the (wrist|gripper|arm|hand) {turn} (by |){{a}}|(rotate|turn|twist) the (wrist|gripper|arm|hand) {{a}} (to the |){turn}",
         "open": "open the (gripper|hand|claw)|let (go|it go)|release (it|the object)|drop it",
         "close": "close the (gripper|hand|claw)|hold on to it|grip it",
         "home": f"park {A}|send {A} home|move {A} (home|to its home position)|put {A} in its home position",
         "stop": f"stop {A}|halt {A}|~{A} stop"}[action]
    if action == "move":
        t = r.choice(t.split("|raise ")[0:1] + (["raise " + t.split("|raise ")[1]] if direction == "up" else []) +
                     ([f"lower {A} (by |){{l}}"] if direction == "down" else []))
        out["direction"] = direction
        t = "(" + t + ")"
    if action in ("pick", "place"):
        out["object"] = o
    if action in ("place", "put"):
        out["target"] = target
    if action == "rotate":
        out.update(direction=turn, value=deg, unit="deg")
    return t, dict(o="the " + o, to=to, target=target, l=l, a=a, _move=(n, unit)), out


def rover(r):
    l, n, unit = length(r)
    a, deg = angle(r)
    room = r.choice(ROOMS)
    turn, secs = r.choice(["left", "right"]), r.randint(1, 60)
    p, pct = percent(r)
    action = r.choice("drive drive drive drive back back plain turn turn turn turn90 around stop stop home follow go go wait faster slower speed speed".split())
    fwd = r.choice(["forward", "backward"])
    t = {"drive": "(drive|go|move|roll) (forward|ahead|forwards|straight ahead|straight) (for |){l}|(drive|go|move) {l} (forward|ahead|straight ahead)|~forward {l}|advance {l}",
         "back": "(drive|go|move|roll) (back|backward|backwards) (for |){l}|back up {l}|reverse {l}|(drive|go|move) {l} (back|backward|backwards)|~back {l}",
         "plain": {"forward": "(drive|go|move) (forward|ahead|straight ahead)|keep going straight|~forward",
                   "backward": "(drive|go|move) (back|backward|backwards)|back up|reverse"}[fwd],
         "turn": f"(turn|rotate|spin) {turn} (by |){{a}}|(turn|rotate|spin) {{a}} (to the |){turn}|~{turn} {{a}}|turn to the {turn} by {{a}}",
         "turn90": f"turn {turn}|turn to the {turn}|go {turn}|~{turn}",
         "around": "turn around|make a u turn|turn right round|face the other way",
         "stop": "stop|halt|freeze|stop (moving|driving|right there|at once)|stay (there|where you are)|hold still|don't move|do not move",
         "home": "come (home|back)|(go|drive|return) (home|to your base|back to your base|to base|to the charger)|return home|~back to base",
         "follow": "follow me|come with me|come along|stay (behind|with) me|walk with me|start following me",
         "go": "(go|drive|come|move|roll) to the {room}|(go|drive) into the {room}|~i need you in the {room}|find your way to the {room}|meet me in the {room}",
         "wait": "wait (for |){s}|pause for {s}|wait there for {s}",
         "faster": "(go|drive|move) (faster|a bit faster|quicker)|speed up|~faster|hurry up", "slower": "(go|drive|move) (slower|a bit slower|more slowly)|slow down|~slower|~not so fast",
         "speed": "(set|change) (your|the) speed to {p}|(go|drive) at {p} speed|~speed {p}|set your motors to {p}"}[action]
    if action == "speed" and not p.endswith(("percent", "%", "cent")):
        t = "(set|change) (your|the) speed to {p}|~speed {p}"
    out = dict(device="rover", **({"room": room} if action == "go" else {}))
    out["action"] = {"back": "drive", "plain": "drive", "turn90": "turn", "around": "turn"}.get(action, action)
    out.update({"drive": dict(direction="forward", value=n, unit=unit), "back": dict(direction="backward", value=n, unit=unit),
                "plain": dict(direction=fwd), "turn": dict(direction=turn, value=deg, unit="deg"), "turn90": dict(direction=turn),
                "around": dict(value=180, unit="deg"), "wait": dict(seconds=secs), "speed": dict(value=pct)}.get(action, {}))
    return t, dict(l=l, a=a, room=room, p=p, s=spoken(r, secs) + (" second" if secs == 1 else " seconds")), out


def unknown(r):
    t = ("~what is the capital of {x}|~what( is|'s) the weather( like|) (in {x}|today|tomorrow)|tell me a joke|~how far is it to {x}|book a flight to {x}|call {y}|"
         "send a message to {y}|order (a pizza|some milk|new shoes)|~who (wrote|painted|invented) (that book|this|the telephone)|~what is (two|five|seven|nine) (plus|times|minus) (one|two|three|four)|"
         "~how old is {y}|~what day is it|sing me a song|~when is {y}'s birthday|~why is the sky blue|buy (bread|eggs|two tickets to {x})|translate (hello|good morning|thank you) into (french|german|spanish)|"
         "~how many people live in {x}|~who won the match|~is it going to rain (today|tomorrow|in {x})|read my (mail|messages)|~what is the meaning of life|~how do i get to {x}|~where is {y}|~how (tall|old|big) is the moon|write an email to {y}")
    return t, dict(x=r.choice(PLACES), y=r.choice(PEOPLE)), dict(device="unknown")


MAKERS = [(17, light), (11, thermostat), (8, blinds), (4, lock), (9, speaker), (9, timer), (9, alarm), (5, fan),
          (5, vacuum), (5, camera), (11, arm), (12, rover), (3, unknown)]


def core(r):
    """A bare lower-case command: text, is it a plain order, has it slots, the answer as a dict."""
    t, slots, out = weighted(r, MAKERS)(r)
    template = expand(r, "(" + t + ")")
    text = re.sub(r"  +", " ", expand(r, template.format_map(slots))).strip().replace(" ,", ",")
    if out["device"] == "arm" and out["action"] == "move" and "{l}" in template:
        out["value"], out["unit"] = slots["_move"]
    # Phrases with nothing to vary ("come home") have no unseen combination to hold out.
    has_slots = "{" in template or any(k in out for k in ("room", "door", "name", "direction"))
    return text.lstrip("~"), not text.startswith("~"), has_slots, out


def dress(r, text, order, shout):
    """Politeness, case and punctuation around a bare command."""
    k, ask = r.random(), False
    if order and k < 0.16:
        text, ask = r.choice(["could you", "can you", "would you", "could you please", "can you please", "will you"]) + " " + text, True
    elif order and k < 0.22:
        text = r.choice(["i want you to", "i'd like you to", "go ahead and", "i need you to", "now", "just", "quickly"]) + " " + text
    elif k < 0.36:
        text = r.choice(["please", "please", "ok", "okay", "hey", "hey robot", "robot,", "hi,", "um", "well", "hello,"]) + " " + text
    elif k < 0.40:
        text = r.choice(["hey,", "ok,", "robot,"]) + " " + ("please " if order else "") + text
    k = r.random()
    if k < 0.18:
        text += r.choice([" please", ", please", " now", " right now", " for me", ", thanks", " thank you", ", would you", " if you can", " okay"])
    k = r.random()
    mark = "" if k < 0.5 else "?" if ask or (not order and text.startswith(("is ", "are ", "did ", "what", "how", "who", "why"))) else "." if k < 0.88 else "!"
    text += mark
    k = r.random()
    if k < shout:
        return text.upper()
    if k < 0.45 or (mark and k < 0.8):
        text = text[0].upper() + text[1:]
        text = re.sub(r"\bi(?=\b)(?! [a-z]\.)", "I", text)
        if r.random() < 0.7:
            text = re.sub(r"\b(%s)\b" % "|".join(DAYS + PLACES + ["anna", "peter", "christmas"]), lambda m: m[0].title(), text)
    return text


def normal(text):
    return re.sub(r"[^a-z0-9:.%' ]", "", text.lower()).strip(" .")


def is_held_out(text):
    """One core command in 25 is never trained on, in no dress: chosen by a hash of its text."""
    return int(hashlib.md5(normal(text).encode()).hexdigest(), 16) % 25 == 0


def command(r, held_out=False, shout=0.05):
    """A dressed command and its line of JSON, from the training or from the held-out side; shout: share in capitals."""
    while True:
        text, order, has_slots, out = core(r)
        if (has_slots and is_held_out(text)) == held_out:
            line = json.dumps({k: out[k] for k in KEYS if k in out}, separators=(",", ":"))
            return dress(r, text, order, shout), line
