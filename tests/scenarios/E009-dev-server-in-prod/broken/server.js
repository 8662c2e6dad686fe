require('node:http').createServer((request, response) => response.end('shop')).listen(3000);
