# SPDX-License-Identifier: Apache-2.0
"""The training text of the bundled model: documents of stories and commands, and the held-out commands.

  python3 generate.py --show 20                 print samples
  python3 generate.py --heldout heldout.jsonl   write the held-out commands, one {"command":..,"json":..} a line

A document is a string with the special tokens written out:
  story     <|bos|>Once upon a time ...<|endoftext|>
  chat      <|bos|><|im_start|>user\n{command}<|im_end|>\n<|im_start|>assistant\n{json}<|im_end|>\n ... more turns
"""
import argparse
import json
import random

from commands import command
from grammar import weighted
from stories import request, story

BOS, EOT, START, END = "<|bos|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SYSTEMS = ["You are a helpful assistant.", "You control a home and a robot.", "Answer with JSON.",
           "You turn commands into JSON.", "You are a small robot."]
TALK = [(["hello", "hi", "hey there", "good morning", "hello robot"],
         "Hello! Give me a command, or ask me for a story."),
        (["who are you", "what are you", "what is your name", "what can you do", "help"],
         "I am ergo-demo, a very small model. I turn commands into JSON and I tell stories."),
        (["thanks", "thank you", "great, thanks", "well done", "good job"], "You are welcome!"),
        (["bye", "goodbye", "good night", "see you"], "Goodbye!")]


def talk(r):
    asked, answer = r.choice(TALK)
    text = r.choice(asked) + r.choice(["", "", "!", ".", "?"])
    return text[0].upper() + text[1:] if r.random() < 0.5 else text, answer


def chat_story(r):
    text, about = story(r)
    return request(r, about), text


def turn(user, assistant):
    return f"{START}user\n{user}{END}\n{START}assistant\n{assistant}{END}\n"


def chat(r, first):
    """A conversation that begins with a turn made by first; one in five goes on with more turns."""
    text = BOS if r.random() < 0.85 else ""          # some programs leave the bos token out
    if r.random() < 0.08:
        text += f"{START}system\n{r.choice(SYSTEMS)}{END}\n"
    text += turn(*first(r))
    if r.random() < 0.2:
        for _ in range(r.randint(1, 4)):
            text += turn(*weighted(r, [(20, practice), (1, chat_story), (2, talk)])(r))
    return text


def plain_story(r):
    return BOS + story(r)[0] + EOT


def practice(r):
    """A command for training: capitals, and devices with times and numbers, are hard and come more often."""
    text, line = command(r, shout=0.18)
    if r.random() < 0.3 and not line.startswith(('{"device":"alarm', '{"device":"timer', '{"device":"arm', '{"device":"rover')):
        text, line = command(r, shout=0.18)
    return text, line


def document(r):
    """Shares chosen so that commands get rather more tokens than stories."""
    return weighted(r, [(8, plain_story), (6, lambda r: chat(r, chat_story)),
                        (70, lambda r: chat(r, practice)), (1, lambda r: chat(r, talk))])(r)


def held_out(n, seed=7):
    """n different held-out commands, none of whose bare forms is ever in the training text."""
    r, rows = random.Random(seed), {}
    while len(rows) < n:
        text, line = command(r, held_out=True)
        rows.setdefault(text, line)
    return list(rows.items())


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description="training text of the bundled model")
    ap.add_argument("--show", type=int, default=0)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--heldout", metavar="FILE")
    ap.add_argument("-n", type=int, default=600, help="held-out commands to write")
    args = ap.parse_args()
    rand = random.Random(args.seed)
    for _ in range(args.show):
        print(document(rand), end="\n\n")
    if args.heldout:
        with open(args.heldout, "w", encoding="utf-8") as f:
            for text, line in held_out(args.n):
                f.write(json.dumps({"command": text, "json": line}, ensure_ascii=False) + "\n")
