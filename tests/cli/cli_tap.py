"""What the command's tests share: running it as a user would, and reporting in TAP. Standard library only.

Every test program is called with the command and the source folder: test_X.py COMMAND SOURCE. It works in a folder of its own."""
import os
import random
import shutil
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
SOURCE = os.path.abspath(sys.argv[2])
SANITIZER_MARKS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "UndefinedBehaviorSanitizer")

_count = 0
_failed = 0


def check(holds, title, detail=""):
    """One line of TAP; `detail` is shown when it does not hold."""
    global _count, _failed
    _count += 1
    print(f"{'ok' if holds else 'not ok'} {_count} - {title}")
    if not holds:
        _failed += 1
        for line in str(detail).splitlines() or [""]:
            print(f"# {line}")
    sys.stdout.flush()
    return holds


def same(found, expected, title):
    return check(found == expected, title, f"expected {expected!r}\nfound    {found!r}")


class Outcome:
    """What a run left: exit code, standard output and error as text, and whether it ended in an orderly way."""

    def __init__(self, code, out, err):
        self.code, self.raw, self.err = code, out, err.decode("utf-8", "replace")
        self.orderly = code >= 0 and not any(mark in self.err for mark in SANITIZER_MARKS)

    @property
    def out(self):
        return self.raw.decode("utf-8")

    def __str__(self):
        return f"exit code {self.code}\nstdout: {self.raw[:1500]!r}\nstderr: {self.err[-1500:]!r}"


def run(*arguments, stdin=b"", timeout=120, environment=None):
    """`gatewright ARGUMENTS...` in the current folder."""
    done = subprocess.run([COMMAND, *map(str, arguments)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          env=dict(os.environ, **(environment or {})))
    return Outcome(done.returncode, done.stdout, done.stderr)


def succeeds(title, *arguments, **options):
    found = run(*arguments, **options)
    check(found.code == 0 and found.orderly, title, found)
    return found


def fails(title, code, parts, *arguments, **options):
    """Ends with `code` (or one of several), one message that holds all `parts`, and nothing on standard output."""
    found = run(*arguments, **options)
    codes = code if isinstance(code, tuple) else (code,)
    message = found.err.startswith("gatewright: ") or "\ngatewright: " in found.err
    check(found.orderly and found.code in codes and message and found.raw == b"" and all(part in found.err for part in parts), title,
          f"expected code {codes} and {parts}\n{found}")
    return found


def write(name, content):
    with open(name, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return name


def read(name):
    with open(name, "rb") as file:
        return file.read()


def listing(folder="."):
    return sorted(os.listdir(folder))


PEOPLE_TASKS = "rich (binary), age (regression), job (multiclass)"


def people(n, seed=1, labels=True):
    """A table of n imagined people with numbers, categories, tags, missing cells and quotes; three tasks can be learnt from it."""
    rng = random.Random(seed)
    rows = ["id,city,hours,tags,note,rich,age,job" if labels else "id,city,hours,tags,note"]
    for i in range(n):
        city = rng.choice(["Oslo", "Kyoto", "Lima", "Accra"])
        hours = rng.uniform(5, 60)
        tags = rng.sample(["red", "green", "blue", "gold"], rng.randint(0, 3))
        rich = int(hours + 20 * ("gold" in tags) + 8 * rng.random() > 45)
        age = 20 + hours / 2 + 10 * (city == "Kyoto") + rng.random()
        job = "cook" if city == "Lima" else "smith" if hours > 40 else "clerk"
        note = '"a ""quoted"", note"' if i % 7 == 0 else f"n{i % 5}"
        row = f"{10 ** 15 + i},{city},{'' if i % 11 == 0 else f'{hours:.2f}'},{'|'.join(tags)},{note}"
        rows.append(row + f",{rich},{'' if i % 5 == 0 else f'{age:.2f}'},{job}" if labels else row)
    return "\n".join(rows) + "\n"


PEOPLE_SPEC = """\
data:
  train: people.csv
  valid: {fraction: 0.25}
features:
  ignore: [id]
  columns:
    hours: {type: numeric}
    tags:  {type: bag, dim: 3}
    city:  {type: categorical, dim: 3}
tasks:
  rich: {type: binary}
  age:  {type: regression}
  job:  {type: multiclass}
model:
  architecture: mmoe
  experts: {count: 3, hidden: [8, 4]}
  towers: {hidden: [4]}
train:
  epochs: 3
  batch: 32
  seed: 7
  optimizer: {name: adam, lr: 0.01}
"""


def small_world(n=240):
    """people.csv and people.yaml in the current folder."""
    write("people.csv", people(n))
    write("people.yaml", PEOPLE_SPEC)


def main(*parts):
    """Run the parts in a folder that is gone afterwards."""
    folder = tempfile.mkdtemp(prefix="gatewright-test-")
    os.chdir(folder)
    try:
        for part in parts:
            part()
    except Exception as problem:  # a defect of the test, or a command that hangs: reported, never silent
        check(False, f"the test went through: {type(problem).__name__}", problem)
        raise
    finally:
        print(f"1..{_count}")
        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if _failed else 0)
