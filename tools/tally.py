"""Add up what the tests of a Meson run said: tally.py TESTLOG.json [RUN.txt]

Prints the output of every program that failed, then `N passed, N failed`. A program that crashed, ran out of time, or stopped
before its plan was complete counts as a failure of its own. Exit code 1 if anything failed or nothing ran."""
import json
import os
import re
import sys

RESULT = re.compile(r"^\s*(not )?ok\b(.*)$")
PLAN = re.compile(r"^\s*1\.\.(\d+)")
# cmocka writes `not ok N # SKIP`, which Meson takes for a failure; it is none.
SKIP = re.compile(r"#\s*skip\b", re.IGNORECASE)


def count(lines):
    """(passed, failed, skipped, planned) of TAP text; planned is None without a plan."""
    passed = failed = skipped = 0
    planned = None
    for line in lines:
        result, plan = RESULT.match(line), PLAN.match(line)
        if plan:
            planned = (planned or 0) + int(plan.group(1))
        elif result and SKIP.search(result.group(2)):
            skipped += 1
        elif result and result.group(1):
            failed += 1
        elif result:
            passed += 1
    return passed, failed, skipped, planned


def judge(test):
    """(passed, failed, skipped, problem) of one program."""
    output = test.get("stdout") or ""
    passed, failed, skipped, planned = count(output.splitlines())
    seen = passed + failed + skipped
    problem = None
    if planned is not None and planned != seen:
        problem = f"planned {planned} tests but reported {seen}"
    elif test["result"] in ("TIMEOUT", "INTERRUPT"):
        problem = "ran out of time"
    elif test["result"] in ("FAIL", "ERROR") and failed == 0 and not (skipped and test.get("returncode") == 0):
        problem = f"ended with code {test.get('returncode')}"
    elif test["result"] == "OK" and seen == 0:
        passed = 1  # not TAP: its exit code is its one result
    if problem:
        failed += 1
    return passed, failed, skipped, problem


def main():
    log = sys.argv[1]
    tests = []
    if os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as lines:
            tests = [json.loads(line) for line in lines]
    elif len(sys.argv) > 2 and os.path.exists(sys.argv[2]):
        with open(sys.argv[2], encoding="utf-8", errors="replace") as text:
            print(text.read())
    totals = [0, 0, 0]
    for test in tests:
        passed, failed, skipped, problem = judge(test)
        totals = [total + n for total, n in zip(totals, (passed, failed, skipped))]
        if failed:
            print(f"---- {test['name']}" + (f": {problem}" if problem else ""))
            print((test.get("stdout") or "").rstrip())
            print((test.get("stderr") or "").rstrip())
    if totals[2]:
        print(f"({totals[2]} skipped)")
    if not tests:
        print("no test ran")
    print(f"{totals[0]} passed, {totals[1]} failed")
    return 1 if totals[1] or totals[0] == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
