import http.server

import notes


class Notes(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        size = int(self.headers["content-length"] or 0)
        notes.write(self.rfile.read(size).decode())
        self.send_response(201)
        self.end_headers()

    def do_GET(self):
        text = notes.read()
        self.send_response(200 if text else 404)
        self.end_headers()
        self.wfile.write((text or "").encode())


http.server.HTTPServer(("", 8000), Notes).serve_forever()
