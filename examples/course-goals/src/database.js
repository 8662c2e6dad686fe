import mongoose from 'mongoose';
import { databaseUrl } from './settings.js';

const goalSchema = new mongoose.Schema({ text: { type: String, required: true, trim: true, maxlength: 200 } });
export const Goal = mongoose.model('Goal', goalSchema);

// A query made before the connection stands waits this long and then fails.
mongoose.set('bufferTimeoutMS', 5000);

let stopping = false;

// The database may come up later than this server, so keep trying. The driver reconnects by itself afterwards.
export async function connect() {
  while (!stopping) {
    try {
      await mongoose.connect(databaseUrl(), { serverSelectionTimeoutMS: 2000 });
      console.log('database: connected');
      return;
    } catch (error) {
      console.error(`database: ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
}

export async function disconnect() {
  stopping = true;
  await mongoose.disconnect();
}
