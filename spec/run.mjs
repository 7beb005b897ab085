// Everything that `./dev spec` checks, after the traces are written: node spec/run.mjs [--short] [--traces DIR] [--only PART].
// Prints counts; exits with 1 when anything is not as it should be.
import fs from 'node:fs';
import path from 'node:path';
import { faults, invariants, witnesses, worlds } from './plan.mjs';
import { here, inTurn, quint } from './tool.mjs';
import { moduleOf, readTraces, spoil, spoilerKinds } from './traces.mjs';

const args = process.argv.slice(2);
const option = name => (args.includes(name) ? args[args.indexOf(name) + 1] : null);
const short = args.includes('--short');
const only = option('--only');
const out = path.resolve(here, '../out/spec');
const problems = [];
const started = Date.now();

const say = text => console.log(text);
const bad = text => { problems.push(text); say(`FAILED ${text}`); };
const wanted = part => !only || only === part;

/** Types and effects of every file. */
async function typecheck() {
  const { code, text } = await quint('typecheck', path.join(here, 'tests.qnt'));
  if (code !== 0) bad(`the model does not typecheck:\n${text}`);
  else say('typecheck: fine');
}

/** Scenarios of the protocol, and for each planted fault the steps in which an invariant must see it. */
async function unitTests() {
  await inTurn([['tests', 'unit tests'], ['faults', 'planted faults, step by step']], async ([name, what]) => {
    const { code, text } = await quint('test', path.join(here, `${name}.qnt`), '--main', name, '--max-samples=1', '--seed=1');
    const passed = Number(/(\d+) passing/.exec(text)?.[1] ?? 0);
    if (code !== 0 || passed === 0) bad(`${what}:\n${text}`);
    else say(`${what}: ${passed} passed`);
  });
}

function explore(world, fault, samples, steps, seed) {
  return quint('run', path.join(here, 'machine.qnt'), '--init', `begin("${world}", "${fault}")`, '--invariants', ...invariants,
    '--witnesses', ...Object.keys(witnesses), `--max-samples=${samples}`, `--max-steps=${steps}`, `--seed=${seed}`, '--verbosity=1');
}

/** The invariants in random runs of each world, and how often these came upon what the unit tests show to be reachable. */
async function exploreWorlds() {
  const seen = Object.fromEntries(Object.keys(witnesses).map(name => [name, 0]));
  let runs = 0, longest = 0;
  await inTurn(short ? worlds.filter(w => w.short) : worlds, async ({ world, seed, samples, steps }) => {
    const count = short ? Math.ceil(samples / 10) : samples;
    const { code, text } = await explore(world, '', count, steps, seed);
    if (code !== 0 || !text.includes('No violation found')) return bad(`invariants in world ${world}, seed ${seed}:\n${text}`);
    for (const [, name, times] of text.matchAll(/(\w+) was witnessed in (\d+) trace/g)) seen[name] += Number(times);
    say(`explored ${world}: ${count} runs of up to ${steps} steps, seed ${seed}, every invariant held`);
    runs += count;
    longest = Math.max(longest, steps);
  });
  say(`explored in all: ${runs} runs of up to ${longest} steps, ${invariants.length} invariants`);
  for (const [name, what] of Object.entries(witnesses)) {
    say(`  came upon in ${seen[name]} runs: ${what}`);
  }
}

/** Each planted fault must break an invariant. */
async function plantFaults() {
  let found = 0;
  const planted = short ? faults.slice(0, 1) : faults;
  await inTurn(planted, async ({ fault, world, seed, samples, steps }) => {
    const { text } = await explore(world, fault, samples, steps, seed);
    if (!text.includes('[violation]')) return bad(`planted fault "${fault}" is not found in ${samples} runs of ${world}:\n${text}`);
    const broken = [...text.matchAll(/❌ (\w+)/g)].map(m => m[1]);
    say(`planted fault "${fault}": found in world ${world}, seed ${seed}${broken.length > 0 ? `: ${broken.join(', ')}` : ''}`);
    found++;
  });
  say(`planted faults, by chance: ${found} of ${planted.length} found`);
}

/** Traces of the simulator are accepted, spoiled ones refused exactly where they were spoiled. */
async function checkTraces(directory) {
  const traces = readTraces(directory);
  if (traces.length === 0) return bad(`no traces in ${directory}`);
  const spoiled = spoil(traces, short ? 1 : 5);
  const fitting = new Set(spoiled.map(t => t.kind));
  fs.mkdirSync(out, { recursive: true });
  const all = [...traces, ...spoiled];
  const size = Math.ceil(all.length / (short ? 2 : 6));
  const batches = [];
  for (let i = 0; i < all.length; i += size) batches.push(all.slice(i, i + size));
  const results = new Map();
  await inTurn(batches, async (batch, i) => {
    const file = path.join(out, `traces${i}.qnt`);
    fs.writeFileSync(file, moduleOf(`traces${i}`, batch, path.relative(out, path.join(here, 'replay'))));
    const { text } = await quint('test', file, '--main', `traces${i}`, '--max-samples=1', '--seed=1');
    const lines = [...text.matchAll(/> (\S+) accepted (\d+)/g)];
    for (const [, name, accepted] of lines) results.set(name, Number(accepted));
    if (lines.length < batch.length) bad(`traces ${i}: ${text.slice(0, 2000)}`);
  });
  reportTraces(traces, spoiled, results);
  const missing = spoilerKinds.filter(kind => !fitting.has(kind));
  if (missing.length > 0) say(`  no trace fits these ways to spoil one: ${missing.join(', ')}`);
}

function reportTraces(traces, spoiled, results) {
  const accepted = traces.filter(t => results.get(t.name) === t.actions.length);
  const actions = accepted.reduce((sum, t) => sum + t.actions.length, 0);
  for (const t of traces.filter(t => !accepted.includes(t))) {
    const at = results.get(t.name);
    bad(`${t.name} (simulator seed ${t.world.seed}): action ${at} is refused: ${JSON.stringify(t.actions[at])}`);
  }
  say(`traces: ${accepted.length} of ${traces.length} accepted, ${actions} actions`);
  const refused = spoiled.filter(t => results.get(t.name) === t.refusedAt);
  for (const t of spoiled.filter(t => !refused.includes(t)))
    bad(`${t.name}: to be refused at action ${t.refusedAt} (${JSON.stringify(t.actions[t.refusedAt])}), but ${results.get(t.name)} were accepted`);
  const kinds = new Map();
  for (const t of refused) kinds.set(t.kind, (kinds.get(t.kind) ?? 0) + 1);
  say(`spoiled traces: ${refused.length} of ${spoiled.length} refused where they were spoiled: ${[...kinds].map(([k, n]) => `${n} ${k}`).join(', ')}`);
}

if (wanted('typecheck')) await typecheck();
if (problems.length === 0 && wanted('tests')) await unitTests();
if (problems.length === 0 && wanted('traces') && option('--traces')) await checkTraces(option('--traces'));
if (problems.length === 0 && wanted('explore')) await exploreWorlds();
if (problems.length === 0 && wanted('faults')) await plantFaults();
say(`spec: ${problems.length === 0 ? 'everything held' : `${problems.length} failed`}, ${Math.round((Date.now() - started) / 1000)} s`);
process.exit(problems.length === 0 ? 0 : 1);
