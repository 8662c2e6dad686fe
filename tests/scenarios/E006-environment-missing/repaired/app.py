import http.server
import os

sender = os.environ["MAIL_FROM"]


class Sender(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sender.encode())


http.server.HTTPServer(("", 8000), Sender).serve_forever()
