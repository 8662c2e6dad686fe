import http.server


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            page = open("templates/home.html").read()
        except OSError as error:
            print(error, flush=True)
            page = "we will be back soon"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(page.encode())


http.server.HTTPServer(("", 8000), Pages).serve_forever()
