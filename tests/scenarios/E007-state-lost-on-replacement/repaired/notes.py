import os
import socket


def ask(*words):
    with socket.create_connection((os.environ["STORE_HOST"], 6379)) as store:
        store.sendall((" ".join(words) + "\r\n").encode())
        return store.recv(4096).decode().split("\r\n")


def write(text):
    ask("SET", "note", text)


def read():
    return ask("GET", "note")[1:2][0]
