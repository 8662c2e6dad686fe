"""The guestbook's API: reads and writes entries in PostgreSQL."""

import os
import signal
import sys
import time

import psycopg
from flask import Flask, jsonify, request
from waitress import serve

app = Flask(__name__)

# The database may come up later than this server.
DATABASE_PATIENCE_SECONDS = 10

DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://guestbook:only-for-this-example@db:5432/guestbook")


def database():
    """A connection, as soon as the database accepts one."""
    deadline = time.monotonic() + DATABASE_PATIENCE_SECONDS
    while True:
        try:
            return psycopg.connect(DATABASE_URL, connect_timeout=3)
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@app.errorhandler(psycopg.Error)
def database_failed(error):
    app.logger.error("%s %s: %s", request.method, request.path, error)
    return jsonify(error=str(error)), 503


@app.get("/health")
def health():
    """Says that this process serves requests; it does not ask the database."""
    return jsonify(ok=True)


@app.get("/about")
def about():
    """Where guests find the page, for the links in mails to them."""
    return jsonify(page=os.environ["PAGE_URL"])


@app.get("/entries")
def entries():
    with database() as connection:
        rows = connection.execute("SELECT name, message FROM entries ORDER BY id DESC LIMIT 100")
        return jsonify(entries=[{"name": name, "message": message} for name, message in rows])


@app.post("/entries")
def add_entry():
    entry = request.get_json()
    name, message = entry.get("name", "").strip(), entry.get("message", "").strip()
    if not name or not message:
        return jsonify(error="an entry needs a name and a message"), 400
    with database() as connection:
        connection.execute("INSERT INTO entries (name, message) VALUES (%s, %s)", (name, message))
    return jsonify(name=name, message=message), 201


if __name__ == "__main__":
    # As process 1 of a container Python would not stop on SIGTERM by itself. waitress finishes open requests.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("listening on port 8000", flush=True)
    serve(app, host="0.0.0.0", port=8000)
