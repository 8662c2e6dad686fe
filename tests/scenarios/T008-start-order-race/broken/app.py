import http.server
import os
import socket
import time

# Long enough for a neighbour that starts at the same time, and not for one that is late.
for attempt in range(20):
    try:
        store = socket.create_connection((os.environ["STORE_HOST"], 6379))
        break
    except OSError as error:
        last = error
        time.sleep(0.2)
else:
    raise SystemExit(f"no store: {last}")

http.server.HTTPServer(("", 8000), http.server.SimpleHTTPRequestHandler).serve_forever()
