"""data/get.sh without a network: wrong usage, folders that are no source, altered files; nothing half-written, nothing accepted unchecked."""
import gzip
import os
import shutil
import subprocess

from cli_tap import SOURCE, check, listing, main, same, write


def get(*arguments):
    done = subprocess.run(["sh", "copy/data/get.sh", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout.decode()


def part():
    """In a copy of the scripts, so that the project's own folder stays as it is."""
    os.makedirs("copy/data")
    shutil.copytree(os.path.join(SOURCE, "tools"), "copy/tools")
    for name in ("get.sh", "get_census.py"):
        shutil.copy(os.path.join(SOURCE, "data", name), "copy/data")
    for arguments in ([], ["cencus"], ["census-income", "--form", "x"], ["census-income", "--from"], ["census-income", "--from", ""], ["census-income", "x"]):
        code, text = get(*arguments)
        check(code == 2 and "usage: data/get.sh" in text, f"wrong usage {arguments} is refused", text)
    os.mkdir("source")
    code, text = get("census-income", "--from", "source")
    check(code == 1 and "census-income.data" in text, "an empty folder is no source", text)
    rows = ("73, Not in universe, 0, - 50000.\n" * 1000).encode()
    for name, content in (("census-income.data", rows), ("census-income.data.gz", gzip.compress(rows)), ("census-income.data.gz", gzip.compress(rows)[:50])):
        write(os.path.join("source", name), content)
        write("source/census-income.test", rows)
        code, text = get("census-income", "--from=source")
        check(code == 1, f"other rows than UCI's are refused ({name}, {len(content)} bytes)", text)
        os.remove(os.path.join("source", name))
    same(listing("copy/data"), ["get.sh", "get_census.py"], "nothing was written")


main(part)
