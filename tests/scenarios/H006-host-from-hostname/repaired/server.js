const http = require('node:http');

const address = process.env.LISTEN_ADDRESS || '0.0.0.0';
http.createServer((request, response) => response.end('hello\n')).listen(3000, address);
