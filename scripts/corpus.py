"""Runs envsim on the apps of a labelled corpus and writes its findings as the corpus' scorer reads them.

Called by scripts/corpus: corpus.py ENVSIM APPS LABELS REPORTS

Each app is taken as its labels say: its compose files in their order, every profile. An app that envsim cannot read is
named on stderr and has no findings; the others are measured all the same.
"""

import json
import os
import subprocess
import sys

# What the rules prove, in the words of the labels. Rules that are not here have no labels.
KIND_OF_RULE = {
    "E001": "not_in_image",
    "E004": "no_build",
    "E009": "dev_server",
    "E010": "image_tag",
    "H001": "hostname",
    "H002": "hostname",
    "H004": "hostname",
    "T001": "port_clash",
    "T003": "fargate_unsupported",
    "T006": "no_sigterm",
}

# Keys of a finding's data that the scorer reads by the same name.
SAME_NAME = ("host", "services", "port", "path", "image", "kind", "value")

# Seconds for one app; the slowest of a static check takes a few.
TIME_LIMIT = 300


def check(envsim, folder, app):
    """The report of one app and what envsim said on stderr; no report where envsim could not check it."""
    command = [envsim]
    for file in app["compose"]:
        command += ["--file", file]
    command += ["--profile", "*", "prod-check", "--static", "--format", "json"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        return None, f"no report after {TIME_LIMIT} s\n"
    said = done.stderr.decode(errors="replace")
    # 0 is clean and 1 has findings; all else is no judgement of the app.
    if done.returncode not in (0, 1):
        return None, said + f"exit code {done.returncode}\n"
    return json.loads(done.stdout), said


def rows(name, app, finding):
    """The findings of the scorer that one finding of envsim stands for: of a host one for each place."""
    code, data = finding["code"], finding["data"]
    kind = KIND_OF_RULE.get(code)
    # host.docker.internal is no service of the app, so no label speaks of it.
    if kind is None or (code == "H004" and "target" not in data):
        return
    row = {"app": name, "rule": kind, "message": f"{code} {finding['message']}"}
    row.update((key, data[key]) for key in SAME_NAME if key in data)
    if finding.get("service"):
        row["service"] = finding["service"]
    places = finding["locations"]
    if kind == "hostname":
        for place in places:
            in_compose = code != "H001" and (code == "H002" or place["path"] in app["compose"])
            yield {**row, "file": place["path"], "line": place["line"], "kind": "env" if in_compose else "hardcoded"}
        return
    if places:
        row["file"], row["line"] = places[0]["path"], places[0]["line"]
    yield row


def main():
    envsim, apps, labels, reports = sys.argv[1:]
    with open(labels, encoding="utf-8") as file:
        labelled = json.load(file)["apps"]
    unread = 0
    with open(os.path.join(reports, "findings.jsonl"), "w", encoding="utf-8") as out:
        for name, app in labelled.items():
            folder = os.path.join(apps, name)
            if not os.path.isdir(folder):
                report, said = None, f"there is no folder {folder}\n"
            else:
                report, said = check(envsim, folder, app)
            with open(os.path.join(reports, f"{name}.log"), "w", encoding="utf-8") as log:
                log.write(said)
            if report is None:
                unread += 1
                print(f"{name}: cannot be checked, and counts as an app without findings", file=sys.stderr)
                for line in said.rstrip().splitlines():
                    print(f"  | {line}", file=sys.stderr)
                continue
            with open(os.path.join(reports, f"{name}.json"), "w", encoding="utf-8") as kept:
                json.dump(report, kept, indent=1)
            findings = [row for finding in report["findings"] for row in rows(name, app, finding)]
            print(f"{name}: {len(report['findings'])} findings, {len(findings)} of them of a kind with labels", file=sys.stderr)
            for row in findings:
                out.write(json.dumps(row) + "\n")
    if unread:
        print(f"{unread} of {len(labelled)} apps could not be checked", file=sys.stderr)


if __name__ == "__main__":
    main()
