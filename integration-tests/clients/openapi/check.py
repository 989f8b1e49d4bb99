"""Tests a Parlance server against its own OpenAPI description with `schemathesis`.

    python check.py <rest url> <api key> <page url>

The page is one that the server may make a preview of; Web Push is set up.

Exits with 0 if no answer contradicts the description and every operation has succeeded at least once; otherwise
says what did not. OPENAPI_SEED and OPENAPI_EXAMPLES name another seed and more or fewer calls.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import scene

HERE = pathlib.Path(__file__).parent
REST_URL, API_KEY, PAGE_URL = sys.argv[1:4]
SEED = os.environ.get("OPENAPI_SEED", "20261121")
EXAMPLES = os.environ.get("OPENAPI_EXAMPLES", "12")
MAX_SECONDS = os.environ.get("OPENAPI_MAX_S")


def main():
    values, token = scene.build(REST_URL, API_KEY, PAGE_URL)
    with tempfile.TemporaryDirectory() as folder:
        notes = pathlib.Path(folder) / "notes.json"
        command = [
            str(pathlib.Path(sys.executable).parent / "st"),
            "--config-file", str(HERE / "schemathesis.toml"),
            "run", f"{REST_URL}/openapi.json",
            "--header", f"X-API-Key: {API_KEY}",
            "--header", f"Authorization: Bearer {token}",
            "--phases", "examples,coverage,fuzzing",
            "--seed", SEED,
            "--max-examples", EXAMPLES,
            "--generation-database", "none",
            "--continue-on-failure",
            "--no-shrink",
            *([] if MAX_SECONDS is None else ["--max-time", MAX_SECONDS]),
            "--no-color",
        ]
        environment = {
            **os.environ,
            "PARLANCE_VALUES": json.dumps(values),
            "PARLANCE_NOTES": str(notes),
            "PYTHONPATH": str(HERE),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        ended = subprocess.run(command, cwd=folder, env=environment, check=False)
        answered = json.loads(notes.read_text())

    for operation, statuses in sorted(answered.items()):
        print(f"{operation}: " + ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items())))
    failed = [
        operation for operation, statuses in sorted(answered.items())
        if not any(status.startswith("2") for status in statuses)
    ]
    if failed:
        sys.exit(f"FAILED: never succeeded: {', '.join(failed)}")
    if ended.returncode != 0:
        sys.exit(f"FAILED: schemathesis ended with {ended.returncode}")
    calls = sum(sum(statuses.values()) for statuses in answered.values())
    print(f"ok: {len(answered)} operations, {calls} calls")


main()
