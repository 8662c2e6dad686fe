import { fileURLToPath } from 'node:url';
import express from 'express';
import { Goal, connect, disconnect } from './database.js';
import { port } from './settings.js';

const publicFolder = fileURLToPath(new URL('../public', import.meta.url));
const asJson = (goal) => ({ id: goal.id, text: goal.text });

const app = express();
app.use(express.json());
app.use(express.static(publicFolder));

// Says that this process serves requests. It does not ask the database: restarting the web server would not
// repair a database that is away.
app.get('/health', (request, response) => {
  response.json({ ok: true });
});

app.get('/goals', async (request, response) => {
  const goals = await Goal.find().sort({ _id: 1 });
  response.json({ goals: goals.map(asJson) });
});

app.post('/goals', async (request, response) => {
  const text = request.body?.text;
  if (typeof text !== 'string' || text.trim() === '') {
    response.status(400).json({ error: 'a goal needs a text' });
    return;
  }
  const goal = await Goal.create({ text });
  response.status(201).json({ goal: asJson(goal) });
});

app.delete('/goals/:id', async (request, response) => {
  await Goal.deleteOne({ _id: request.params.id });
  response.status(204).end();
});

// Express knows an error handler by its four parameters.
app.use((error, request, response, next) => {
  console.error(`${request.method} ${request.path}: ${error.message}`);
  response.status(error.status ?? 503).json({ error: error.message });
});

const server = app.listen(port, (error) => {
  if (error) throw error;
  console.log(`listening on port ${port}`);
});
connect();

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, async () => {
    console.log(`${signal}: stopping`);
    server.close();
    server.closeIdleConnections();
    await disconnect();
    process.exit(0);
  });
}
