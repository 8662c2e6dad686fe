import { readFile } from 'node:fs/promises';

export const port = Number(process.env.PORT ?? 3000);

// Read for every request, so that a change needs no restart.
export async function settings() {
  return JSON.parse(await readFile(new URL('../config/settings.json', import.meta.url), 'utf8'));
}
