"""What tests of pages share: a page as a tree, what it must not hold, and a look at it with a browser where there is one."""
import html
import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as tree

from cli_tap import check

BROWSER = next((found for found in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if found), None)

# Written into a copy of the page, so that the page itself stays without script: what does not fit or covers something else.
MEASURE = """<script>
window.onload = function () {
  var found = {width: innerWidth, overflow: document.documentElement.scrollWidth - innerWidth, scripts: document.scripts.length - 1, overlaps: [], cut: [], wide: [], moved: []};
  document.querySelectorAll(".outcomes .scroll").forEach(function (s) { if (s.scrollWidth > s.clientWidth) found.moved.push(s.getAttribute("aria-label")); });
  document.querySelectorAll("svg").forEach(function (svg) {
    var frame = svg.getBoundingClientRect();
    var texts = Array.from(svg.querySelectorAll("text")).filter(function (t) { return !t.hasAttribute("transform"); });
    var boxes = texts.map(function (t) { return t.getBoundingClientRect(); });
    svg.querySelectorAll("text").forEach(function (t) {
      var b = t.getBoundingClientRect();
      if (b.left < frame.left - 2 || b.right > frame.right + 2 || b.top < frame.top - 2 || b.bottom > frame.bottom + 2) found.cut.push(t.textContent);
    });
    for (var i = 0; i < boxes.length; i++)
      for (var k = 0; k < i; k++) {
        var w = Math.min(boxes[i].right, boxes[k].right) - Math.max(boxes[i].left, boxes[k].left);
        var h = Math.min(boxes[i].bottom, boxes[k].bottom) - Math.max(boxes[i].top, boxes[k].top);
        if (w > 1 && h > 3) found.overlaps.push(texts[k].textContent + " | " + texts[i].textContent);
      }
    svg.querySelectorAll("rect.box + text").forEach(function (t) {
      if (t.getBoundingClientRect().width > t.previousElementSibling.getBoundingClientRect().width) found.wide.push(t.textContent);
    });
  });
  parent.document.body.setAttribute("data-found", JSON.stringify(found));
};
</script>"""


def parse(page, title):
    """The page as a tree, by a parser that forgives nothing; None, and a failed check, if it is not well formed."""
    try:
        root = tree.fromstring(page.replace("<!DOCTYPE html>", "", 1))
    except tree.ParseError as problem:
        check(False, f"{title}: well formed", problem)
        return None
    check(page.startswith("<!DOCTYPE html>"), f"{title}: well formed")
    return root


def self_contained(page, root, title, links=()):
    """No script, no other file, no network: nothing that a browser would fetch or run. `links`: pages beside it that it may lead to."""
    found = [f"{element.tag} {name}" for element in root.iter() for name in element.attrib if name.lower() in ("src", "srcset", "data", "action", "poster") or name.startswith("on")]
    found += [element.tag for element in root.iter() if element.tag in ("script", "iframe", "object", "embed", "link", "base", "form", "img", "image", "use")]
    found += [element.get("href") for element in root.iter() if not (element.get("href") or "#").startswith("#") and (element.tag != "a" or element.get("href") not in links)]
    style = "".join(element.text or "" for element in root.iter("style"))
    found += re.findall(r"url\(|@import|@font-face|https?:", style)
    found += re.findall(r"<meta[^>]*http-equiv", page)
    check(not found, f"{title}: self-contained", found)


def drawings_are_named(root, title):
    drawings = list(root.iter("svg"))
    check(all(svg.get("role") == "img" and svg.get("aria-label") for svg in drawings), f"{title}: every drawing says in words what it shows")
    names = [element.get("id") for element in root.iter() if element.get("id")]
    check(len(names) == len(set(names)), f"{title}: every id stands once", names)


def numbers_are_finite(page, title):
    found = re.findall(r'[ "](?:nan|-nan|inf|-inf)[ ",]', page, re.I)
    check(not found, f"{title}: what does not exist is not drawn", found)


def in_browser(path, width, title):
    """Measures of the page as it is laid out `width` pixels wide; None if there is no browser."""
    with open(path, encoding="utf-8") as file:
        page = file.read().replace("</body>", MEASURE + "</body>")
    frame = f"measure-{os.path.basename(path)}"
    with open(frame, "w", encoding="utf-8") as file:
        file.write(f'<!DOCTYPE html><body style="margin:0"><iframe style="border:0" width="{width}" height="800" srcdoc="{html.escape(page)}"></iframe></body>')
    done = subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--user-data-dir=" + os.path.abspath("browser"),
                           "--virtual-time-budget=5000", "--dump-dom", "file://" + os.path.abspath(frame)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240)
    heard = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if "CONSOLE" in line]
    check(not heard, f"{title}: the browser has nothing to complain of", heard)
    found = re.search(r'data-found="([^"]*)"', done.stdout.decode("utf-8", "replace"))
    check(found is not None, f"{title}: the browser shows the page", done.stderr[-800:])
    return json.loads(html.unescape(found.group(1))) if found else None


def look(path, width, title):
    """The page fits, and its texts neither cover each other nor are cut."""
    title = f"{title}, {width} px"
    if BROWSER is None:
        check(True, f"{title}: looks right # SKIP there is no chromium here")
        return
    found = in_browser(path, width, title)
    if found is None:
        return
    check(found["width"] == width and found["overflow"] <= 0, f"{title}: nothing stands out to the right", found)
    check(not found["overlaps"], f"{title}: no text covers another", found["overlaps"][:20])
    check(not found["cut"] and not found["wide"], f"{title}: no text is cut or wider than its box", [found["cut"][:20], found["wide"][:20]])
    check(found["scripts"] == 0, f"{title}: nothing became a script", found["scripts"])
