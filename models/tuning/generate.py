# ===- generate.py - Writes the tuning data set --------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===----------------------------------------------------------------------=== #
"""Generates field notes about sea birds from a small grammar.

The demonstration needs a domain that the embedded model has never seen, small
enough to learn in a minute, and text that belongs to this project. Numbers are
spelled out because the model's training text has no digits. The output depends
on nothing but the seed.
"""

import json
import os
import random
from typing import Callable, List

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 2026
TRAINING_ROWS, VALIDATION_ROWS = 560, 80

TIMES = (
    "In the morning", "At low tide", "At high tide", "At dusk",
    "Before sunrise", "By noon", "Late in the evening", "After the storm",
    "In the first light", "On the falling tide", "At slack water",
    "In the afternoon",
)
PLACES = (
    "above the harbour", "off the north point", "over the shingle bank",
    "beside the lighthouse", "along the salt marsh", "near the old pier",
    "over the sand bar", "at the river mouth", "behind the breakwater",
    "on the outer skerries", "below the cliff path", "across the lagoon",
)
BIRDS = (
    "Arctic tern", "common tern", "little tern", "sandwich tern",
    "roseate tern", "black guillemot", "kittiwake", "oystercatcher",
    "ringed plover", "fulmar", "gannet", "puffin", "herring gull",
    "turnstone",
)
TERNS = BIRDS[:5]
COUNTS = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "twelve", "fifteen", "twenty", "thirty", "about forty", "some sixty",
)
FISH = (
    "sand eels", "sprats", "young herring", "shrimps", "small pollack",
)
ACTIONS = (
    "were diving for {fish}", "hovered into the wind",
    "were resting on the rocks", "chased a skua out to sea",
    "were feeding in the surf", "passed low and fast",
    "circled the colony and called", "were bathing in the shallows",
    "carried {fish} to the colony", "drifted north in a loose flock",
)
WINDS = (
    "north", "north east", "east", "south east", "south", "south west",
    "west", "north west",
)
FORCES = (
    "light", "fresh", "strong", "steady", "gusting", "cold",
)
SKIES = (
    "clear sky", "broken cloud", "low cloud", "thin fog", "light rain",
    "passing showers", "bright sun", "a heavy grey sky", "sea mist",
)
SEAS = (
    "calm sea", "slight swell", "short steep waves", "rough sea",
    "long swell", "flat water",
)
EGGS = (
    "one egg", "two eggs", "three eggs", "two chicks", "one downy chick",
    "no eggs yet", "one egg and one chick", "an empty scrape",
)
NESTS = (
    "among the pebbles", "in the dry weed", "beside a drift log",
    "in the marram grass", "on bare sand", "between two stones",
)
PLUMAGE = (
    "a blood red bill", "a black cap", "long tail streamers",
    "pale grey wings", "short red legs", "a white forehead",
    "a dark wing tip", "a yellow tip to the bill",
)
RINGS = (
    "a metal ring on the left leg", "a blue ring on the right leg",
    "a white flag on the leg", "no ring", "a worn metal ring",
)
JOURNEYS = (
    "the pack ice of the far south", "the coast of West Africa",
    "the Weddell Sea", "the Cape of Good Hope", "the Irish Sea",
    "the Wadden Sea", "the Azores", "Iceland",
)
ENDINGS = (
    "Count again tomorrow.", "No sign of the fox.", "The survey goes on.",
    "All birds left before dark.", "The hide needs a new roof.",
    "Photographs were taken.", "Batteries are low.", "A good day for terns.",
    "Visibility was poor.", "The boat returns on Friday.",
)

Sentence = Callable[[random.Random], str]


def opening(r: random.Random) -> str:
    action = r.choice(ACTIONS).format(fish=r.choice(FISH))
    return (
        f"{r.choice(TIMES)} {r.choice(COUNTS)} {r.choice(BIRDS)}s {action}"
        f" {r.choice(PLACES)}."
    )


def weather(r: random.Random) -> str:
    first = f"{r.choice(FORCES).capitalize()} wind from the {r.choice(WINDS)}"
    return f"{first}, {r.choice(SKIES)}, {r.choice(SEAS)}."


def nest(r: random.Random) -> str:
    return (
        f"A {r.choice(TERNS[1:4])} nest {r.choice(NESTS)} held"
        f" {r.choice(EGGS)}."
    )


def portrait(r: random.Random) -> str:
    mark, other = r.sample(PLUMAGE, 2)
    return f"One adult showed {mark} and {other}, with {r.choice(RINGS)}."


def journey(r: random.Random) -> str:
    return f"A ringed bird had come from {r.choice(JOURNEYS)}."


def food(r: random.Random) -> str:
    return (
        f"Parents brought {r.choice(FISH)} every {r.choice(COUNTS[:9])}"
        f" minutes {r.choice(PLACES)}."
    )


def ending(r: random.Random) -> str:
    return r.choice(ENDINGS)


def note(r: random.Random) -> str:
    """One field note: an opening, two details, and sometimes an ending."""
    details: List[Sentence] = [weather, nest, portrait, journey, food]
    sentences = [opening] + r.sample(details, 2)
    if r.random() < 0.4:
        sentences.append(ending)
    return " ".join(sentence(r) for sentence in sentences)


def main() -> None:
    r = random.Random(SEED)
    notes: List[str] = []
    while len(notes) < TRAINING_ROWS + VALIDATION_ROWS:
        text = note(r)
        if text not in notes:
            notes.append(text)
    for name, rows in (
        ("train.jsonl", notes[:TRAINING_ROWS]),
        ("validation.jsonl", notes[TRAINING_ROWS:]),
    ):
        with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps({"text": row}) + "\n")


if __name__ == "__main__":
    main()
