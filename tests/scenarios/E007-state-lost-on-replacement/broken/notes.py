import sqlite3


def opened():
    database = sqlite3.connect("/app/notes.db")
    database.execute("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
    return database


def write(text):
    with opened() as database:
        database.execute("INSERT INTO notes VALUES (?)", [text])


def read():
    row = opened().execute("SELECT text FROM notes").fetchone()
    return row and row[0]
