"""experiments/kuairand.py on a made-up log with the published columns: split by time, no leaks, and a page of finite figures."""
import csv
import os
import random
import re
import subprocess
import sys

from cli_tap import COMMAND, SOURCE, check, main, read, same, write

sys.path.insert(0, os.path.join(SOURCE, "experiments"))
import kuairand  # noqa: E402

LOG = ("user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,play_time_ms,duration_ms,"
       "profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab").split(",")
USERS = ("user_id,user_active_degree,is_lowactive_period,is_live_streamer,is_video_author,follow_user_num,follow_user_num_range,fans_user_num,"
         "fans_user_num_range,friend_user_num,friend_user_num_range,register_days,register_days_range").split(",") + [f"onehot_feat{i}" for i in range(18)]
VIDEOS = ("video_id,author_id,video_type,upload_dt,upload_type,visible_status,video_duration,server_width,server_height,music_id,music_type,tag").split(",")
DAYS = ["20220428", "20220429", "20220430", "20220501", "20220502", "20220503"]
PER_DAY = 150


def table(name, header, rows):
    with open(name, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def impression(rng, day):
    """Some users click more than others, and some videos are watched to their end."""
    user, video = rng.randrange(20), rng.randrange(15)
    click = int(rng.random() < 0.2 + 0.03 * user)
    long_view = int(click and rng.random() < 0.2 + 0.05 * video)
    like, enter = (int(rng.random() < 0.1 + 0.02 * (user % 5) + 0.1 * click) for _ in range(2))
    play = rng.randrange(40000) * click + 60000 * long_view
    known = {"user_id": user, "video_id": video, "date": day, "hourmin": rng.randrange(24) * 100, "is_click": click, "is_like": like, "long_view": long_view,
             "play_time_ms": play, "duration_ms": 5000 + 1000 * video, "is_profile_enter": enter, "tab": rng.randrange(3)}
    return [known.get(name, 0) for name in LOG]


def generated():
    rng = random.Random(1)
    os.makedirs("published/data")
    table("published/data/log_standard_4_22_to_5_08_pure.csv", LOG, [impression(rng, day) for day in DAYS for _ in range(PER_DAY)])
    table("published/data/user_features_pure.csv", USERS, [[user, ["full_active", "high_active"][user % 2], *[user % 3] * (len(USERS) - 2)] for user in range(20)])
    table("published/data/video_features_basic_pure.csv", VIDEOS,
          [[video, video % 7, "NORMAL", "2022-04-10", "Web", 0.0, 9000.0, 720.0, 1280.0, video, 9.0, "1,2" if video % 2 else "3"] for video in range(15)])


def experiment(*arguments, folder="published", code=0):
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "experiments", "kuairand.py"), folder, "--gatewright", COMMAND, "--work", "work", "--out", "page.md",
                           *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=250, check=False)
    check(done.returncode == code, f"kuairand.py {folder} {' '.join(arguments)}", done.stdout.decode())
    return done.stdout.decode()


def tables_of(text):
    """{title: [cells of each row]}, a table for each heading."""
    found = {}
    for part in text.split("\n## ")[1:]:
        lines = [line for line in part.splitlines() if line.startswith("|")]
        found[part.splitlines()[0]] = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return found


def page():
    experiment("--quick", "--runs", "2", "--budget", "1", "--epochs", "1")
    text = read("page.md").decode()
    tables = tables_of(text)
    models = ["`single-task`", "`shared-bottom`", "`mmoe`", "`ple`", "`mmoe, equal weights`"]
    for title in ("AUC", "GAUC, per user", "Play time"):
        same([row[0] for row in tables[title]], models, f"{title}: a row for each model")
    cells = [cell for title in ("AUC", "GAUC, per user", "Play time", "ESMM: a long view by way of the click") for row in tables[title] for cell in row[1:]]
    figure = re.compile(r"-?\d+\.\d{4} ± \d+\.\d{4}")
    check(all(cell == "–" or figure.fullmatch(cell) for cell in cells) and len(cells) == 67, "figures have a mean and a deviation", cells)
    areas = [float(cell.split()[0]) for title in ("AUC", "GAUC, per user") for row in tables[title] for cell in row[1:]]
    check(all(0 < area < 1 for area in areas), "areas under curves are between 0 and 1", areas)
    for row in tables["Play time"]:
        check(float(row[1].split()[0]) <= 1 and float(row[3].split()[0]) <= float(row[2].split()[0]), f"{row[0]}: no mean error above the root of its square", row)
    same(tables["AUC"][0][2], tables["ESMM: a long view by way of the click"][2][3], "the long view alone is the same in both tables")
    same(len(tables["What the search chose"]), 11, "every model was tuned")
    check(os.getcwd() not in text and SOURCE not in text, "the page names no path of this machine")


def one_run():
    experiment("--quick", "--runs", "1", "--budget", "1", "--epochs", "1", "--parts", "esmm")
    text = read("page.md").decode()
    check(" ± - |" in text and not re.search(r"\b(nan|inf|None)\b", text), "one run has no deviation", text)


def no_leaks():
    parts = {}
    for part in ("train", "valid", "test"):
        with open(f"work/{part}.csv", encoding="utf-8", newline="") as file:
            parts[part] = list(csv.DictReader(file))
    same({part: len(rows) for part, rows in parts.items()}, {"train": 3 * PER_DAY, "valid": PER_DAY, "test": 2 * PER_DAY}, "days are kept together, in their order")
    weekdays = {part: {row["weekday"] for row in rows} for part, rows in parts.items()}
    same(weekdays, {"train": {"3", "4", "5"}, "valid": {"6"}, "test": {"0", "1"}}, "the last days test, the day before validates")
    columns = set(parts["train"][0])
    inputs = columns - set(kuairand.TASKS)
    check(not inputs & set(kuairand.AFTERWARDS), "nothing that is known afterwards is an input", inputs)
    for tasks in ({"long_view": kuairand.TASKS["long_view"]}, kuairand.TASKS, kuairand.CHAINS["esmm"]):
        spec = kuairand.spec_of("work", tasks, "mean", "mmoe", {"lr": 0.001, "width": 8, "dropout": 0, "epochs": 1, "count": 2})
        labels = {task.get("label", name) for name, task in spec["tasks"].items()}
        same(columns - set(spec["features"]["ignore"]) - labels, inputs, f"labels of other tasks are no inputs of {', '.join(tasks)}")
    same({row["video_days"] for row in parts["valid"]}, {"21"}, "a video's age is that on the day of the impression")


def refused():
    check("kuairand.com" in experiment(folder="work", code=1), "a folder without the files is refused, with where they are")
    check("leave none to train" in experiment("--test-days", "5", code=1), "so are more days than there are")
    check("--parts are together" in experiment("--parts", "all", code=2), "so is an unknown part")
    log = read("published/data/log_standard_4_22_to_5_08_pure.csv").decode()
    write("published/data/log_standard_4_22_to_5_08_pure.csv", log.replace("play_time_ms", "play_ms", 1))
    check("no column 'play_time_ms'" in experiment(code=1), "a log without a published column is refused by name")


main(generated, page, one_run, no_leaks, refused)
