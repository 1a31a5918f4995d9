"""The scripts around the tests: how results are added up, and what is said where packages are missing."""
import json
import os
import subprocess
import sys

from cli_tap import SOURCE, check, main, same, write


def tally(*tests):
    """(last line, exit code, everything printed) of the sum over made-up results."""
    write("log.json", "".join(json.dumps(dict({"name": "t", "returncode": 0, "stderr": ""}, **test)) + "\n" for test in tests))
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "tools", "tally.py"), "log.json"], stdout=subprocess.PIPE, check=False)
    text = done.stdout.decode()
    return text.splitlines()[-1], done.returncode, text


def sums():
    good = {"result": "OK", "stdout": "1..2\nok 1 - a\nok 2 - b\n"}
    same(tally(good, good)[:2], ("4 passed, 0 failed", 0), "results of all programs are added up")
    bad = {"result": "FAIL", "stdout": "1..2\nok 1 - a\nnot ok 2 - b\n# why\n", "returncode": 1, "name": "broken"}
    last, code, text = tally(good, bad)
    same((last, code), ("3 passed, 1 failed", 1), "a failed test fails the sum")
    check("---- broken" in text and "# why" in text, "and its output is shown", text)
    same(tally(good, {"result": "FAIL", "stdout": "1..3\nok 1 - a\n", "returncode": -11})[:2], ("3 passed, 1 failed", 1), "a crash in the middle is a failure")
    same(tally(good, {"result": "FAIL", "stdout": "", "returncode": -11})[:2], ("2 passed, 1 failed", 1), "a crash before the first test, too")
    same(tally({"result": "TIMEOUT", "stdout": "1..1\nok 1 - a\n", "returncode": -9})[:2], ("1 passed, 1 failed", 1), "running out of time is a failure")
    same(tally({"result": "FAIL", "stdout": "1..1\nok 1 - a\n", "returncode": 1})[:2], ("1 passed, 1 failed", 1), "an exit code after good tests (a leak) is a failure")
    same(tally(good, {"result": "FAIL", "stdout": "1..2\nok 1 - a\nnot ok 2 # SKIP b\n"})[:2], ("3 passed, 0 failed", 0), "a skipped test is neither")
    same(tally({"result": "OK", "stdout": "hello\n"})[:2], ("1 passed, 0 failed", 0), "a program without TAP is one test")
    same(tally()[:2], ("0 passed, 0 failed", 1), "a run without tests fails")
    same(tally({"result": "SKIP", "stdout": ""})[:2], ("0 passed, 0 failed", 1), "so does one that skipped everything")


def packages():
    """In an environment where no tool is found: every package is named, and nothing is tried."""
    os.mkdir("bin")
    for tool in ("sh", "id", "printf", "cat", "rm", "mktemp", "dirname"):
        os.symlink(f"/bin/{tool}", f"bin/{tool}")
    script = f'. "{SOURCE}/tools/system.sh"; need_packages build test data'
    done = subprocess.run(["/bin/sh", "-c", script], env={"PATH": os.path.abspath("bin")}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode()
    check(done.returncode == 1 and text.count("\n") == 1, "without apt the packages are named, in one line", text)
    for package in ("meson", "ninja-build", "libyaml-dev", "liblzma-dev", "libcmocka-dev", "xz-utils"):
        check(f" {package} " in text, f"{package} is among them", text)


main(sums, packages)
