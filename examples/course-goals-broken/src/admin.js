// A page for the course's teachers: how many goals there are.
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { Goal, connect, disconnect } from './database.js';

let goals = 'unknown';

async function count() {
  try {
    goals = await Goal.countDocuments();
  } catch (error) {
    console.error(`counting goals: ${error.message}`);
  }
}

const server = createServer(async (request, response) => {
  await count();
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ goals }));
});

connect();
// The first answer should be there when the first teacher asks; without a database do not wait for ever.
await Promise.race([count(), pause(1500)]);
server.listen(3000, () => console.log('admin: listening on port 3000'));

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, async () => {
    server.close();
    server.closeIdleConnections();
    await disconnect();
    process.exit(0);
  });
}
