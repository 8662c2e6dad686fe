const http = require('node:http');

const hostname = process.env.HOSTNAME || '0.0.0.0';
http.createServer((request, response) => response.end('hello\n')).listen(3000, hostname);
