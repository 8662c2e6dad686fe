// Answers whether the cache can be reached.
const net = require('node:net');
const http = require('node:http');

http.createServer((request, response) => {
  const cache = net.connect({ host: 'cache', port: 6379 });
  cache.on('connect', () => response.end('up\n'));
  cache.on('error', (error) => response.writeHead(503).end(`${error.message}\n`));
}).listen(3000);
