// Runs Quint, as many at once as there are processors: its start-up costs seconds and each run uses one processor.
import { spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const here = path.dirname(fileURLToPath(import.meta.url));
const cli = path.join(here, 'node_modules/@informalsystems/quint/dist/src/cli.js');

/** One run of the tool with the back end that needs no download: { code, text }. */
export function quint(...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--max-semi-space-size=64', cli, ...args, ...(args[0] === 'typecheck' ? [] : ['--backend=typescript'])]);
    let text = '';
    child.stdout.on('data', data => { text += data; });
    child.stderr.on('data', data => { text += data; });
    child.on('error', reject);
    child.on('close', code => resolve({ code, text }));
  });
}

/** Does the work for every item, in order, a few at once. */
export async function inTurn(items, work) {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const i = next++;
      await work(items[i], i);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, os.availableParallelism()) }, worker));
}
