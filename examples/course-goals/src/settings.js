// Everything that differs between one environment and the next comes from environment variables.
export const port = Number(process.env.PORT ?? 3000);

// Empty user: connect without credentials, as a local database usually allows.
export function databaseUrl(env = process.env) {
  const url = new URL(env.MONGODB_URL ?? 'mongodb://127.0.0.1:27017/goals');
  if (env.MONGODB_USER) {
    url.username = encodeURIComponent(env.MONGODB_USER);
    url.password = encodeURIComponent(env.MONGODB_PASSWORD ?? '');
    url.searchParams.set('authSource', env.MONGODB_AUTH_SOURCE ?? 'admin');
  }
  return url.href;
}
