// Traces of the simulator for the model: reading them, spoiling them in ways that the model must notice, and writing them as Quint modules.
import fs from 'node:fs';
import path from 'node:path';

const kinds = ['', 'propose', 'prepare', 'commit', 'decide', 'execute', 'ask', 'open', 'enter', 'crash', 'restart', 'epoch', 'prepared'];

/** Reads every trace-*.jsonl of a directory: { name, world, actions }. */
export function readTraces(directory) {
  return fs.readdirSync(directory).filter(file => /^trace-\d+\.jsonl$/.test(file)).sort().map(file => {
    const lines = fs.readFileSync(path.join(directory, file), 'utf8').trim().split('\n').map(line => JSON.parse(line));
    const unknown = lines.slice(1).find(action => kinds.indexOf(action[0]) < 1);
    if (unknown) throw new Error(`${file}: no such action: ${unknown[0]}`);
    return { name: path.basename(file, '.jsonl'), world: lines[0], actions: lines.slice(1) };
  });
}


/** Index of the first action for which the test holds, or -1. */
const find = (trace, test) => trace.actions.findIndex(test);

function replaced(trace, kind, at, action) {
  const actions = [...trace.actions];
  actions[at] = action;
  return { ...trace, kind, actions, refusedAt: at };
}

function inserted(trace, kind, at, ...added) {
  const actions = [...trace.actions.slice(0, at), ...added, ...trace.actions.slice(at)];
  return { ...trace, kind, actions, refusedAt: at + added.length - 1 };
}

/** The epoch that a node is in before an action. */
const epochAt = (trace, node, at) => trace.actions.slice(0, at).filter(a => a[0] === 'epoch' && a[1] === node).length;

const spoilers = {
  /** A replica prepares a block that nobody proposed. */
  'vote changed'(trace) {
    const at = find(trace, a => a[0] === 'prepare');
    if (at < 0) return null;
    const [name, node, view, height, block] = trace.actions[at];
    return replaced(trace, 'vote changed', at, [name, node, view, height, block + 1000]);
  },

  /** A replica votes a second time, for another block. */
  'second vote'(trace) {
    const at = find(trace, (a, i) => a[0] === 'commit' && i > 40);
    if (at < 0) return null;
    const [, node, view, height, block] = trace.actions[at];
    return inserted(trace, 'second vote', at + 1, ['propose', node, epochAt(trace, node, at), view, height, block + 1000]);
  },

  /** A replica commits right after its own prepare, the first at its height: with only the primary and itself there is no quorum. */
  'commit without quorum'(trace) {
    const seen = new Map();
    const at = find(trace, a => {
      if (a[0] !== 'prepare' && a[0] !== 'propose') return false;
      const slot = a[0] === 'propose' ? `${a[3]}/${a[4]}` : `${a[2]}/${a[3]}`;
      seen.set(slot, (seen.get(slot) ?? 0) + 1);
      return a[0] === 'prepare' && seen.get(slot) <= 2 && trace.world.byzantine.length === 0;
    });
    if (at < 0) return null;
    const [, node, view, height, block] = trace.actions[at];
    return inserted(trace, 'commit without quorum', at + 1, ['commit', node, view, height, block]);
  },

  /** A decision when one commit vote too few is there. */
  'decision without quorum'(trace) {
    const at = find(trace, a => a[0] === 'commit' && a[3] === 1);
    if (at < 0 || trace.world.byzantine.length > 0) return null;
    const [, node, , height, block] = trace.actions[at];
    return inserted(trace, 'decision without quorum', at + 1, ['decide', node, height, block]);
  },

  /** A new view proposes another block for a height than what follows from its view changes. */
  'new view with another block'(trace) {
    const at = find(trace, a => a[0] === 'open' && a.length > 6 + a[4]);
    if (at < 0) return null;
    const action = [...trace.actions[at]];
    action[action.length - 1] += 1000;
    return replaced(trace, 'new view with another block', at, action);
  },

  /** A new view leaves out what was prepared. */
  'new view drops a prepared height'(trace) {
    const at = find(trace, a => a[0] === 'open' && a.length > 6 + a[4]);
    if (at < 0) return null;
    return replaced(trace, 'new view drops a prepared height', at, trace.actions[at].slice(0, -2));
  },

  /** A new view upon one view change too few. */
  'new view without quorum'(trace) {
    const at = find(trace, a => a[0] === 'open');
    if (at < 0) return null;
    const a = trace.actions[at];
    const askers = a.slice(5, 5 + a[4]).filter((node, i, all) => node === a[1] || i !== all.findIndex(x => x !== a[1]));
    return replaced(trace, 'new view without quorum', at, [...a.slice(0, 4), askers.length, ...askers, ...a.slice(5 + a[4])]);
  },

  /** A view change that hides a prepared certificate. */
  'view change hides prepared'(trace) {
    const at = find(trace, a => a[0] === 'ask' && a.length > 5 && !trace.world.byzantine.includes(a[1]));
    if (at < 0) return null;
    return replaced(trace, 'view change hides prepared', at, trace.actions[at].slice(0, -3));
  },

  /** A replica votes in the view that it has just asked to leave, for what was proposed there. */
  'late vote'(trace) {
    for (let at = 1; at < trace.actions.length; at++) {
      const [name, node, epoch] = trace.actions[at];
      if (name !== 'ask' || trace.world.byzantine.includes(node)) continue;
      const before = trace.actions.slice(0, at);
      const left = before.findLast(a => a[1] === node && ['ask', 'enter', 'open'].includes(a[0]));
      if (left?.[0] === 'ask') continue;
      const view = left?.[3] ?? 0;
      const unseen = before.find(a => a[0] === 'propose' && a[1] !== node && a[2] === epoch && a[3] === view
        && !before.some(b => b[1] === node && ((b[0] === 'prepare' && b[3] === a[4] && b[2] === view) || (b[0] === 'decide' && b[2] === a[4]))));
      if (unseen) return inserted(trace, 'late vote', at + 1, ['prepare', node, view, unseen[4], unseen[5]]);
    }
    return null;
  },

  /** A height is executed before the one below. */
  'execution out of order'(trace) {
    const at = find(trace, a => a[0] === 'execute');
    if (at < 0) return null;
    const [name, node, height, block] = trace.actions[at];
    return replaced(trace, 'execution out of order', at, [name, node, height + 1, block]);
  },

  /** A vote of the old epoch above its last height. */
  'vote above the barrier'(trace) {
    const at = find(trace, a => a[0] === 'epoch');
    if (at < 0) return null;
    const node = trace.actions[at][1];
    const before = trace.actions.slice(0, at);
    const view = [...before].reverse().find(a => a[0] === 'prepare' && a[1] === node)?.[2];
    const last = [...before].reverse().find(a => a[0] === 'execute' && a[1] === node)?.[2];
    if (view === undefined || last === undefined) return null;
    // The primary's own vote: a proposal of its would be allowed but for the barrier.
    const primary = trace.world.sets[epochAt(trace, node, at)][view % trace.world.sets[epochAt(trace, node, at)].length];
    return inserted(trace, 'vote above the barrier', at, ['propose', primary, epochAt(trace, node, at), view, last + 1, 1000]);
  },

  /** The next epoch begins for a replica before it has executed the last height of the old one. */
  'epoch before its time'(trace) {
    const at = find(trace, a => a[0] === 'epoch');
    if (at < 0) return null;
    const node = trace.actions[at][1];
    const executed = trace.actions.slice(0, at).findLastIndex(a => a[0] === 'execute' && a[1] === node);
    return executed < 0 ? null : inserted(trace, 'epoch before its time', executed, ['epoch', node]);
  },
};

/** So many spoiled traces of each kind as there are traces that it fits, at most `most`. */
export function spoil(traces, most) {
  const spoiled = [];
  for (const [kind, change] of Object.entries(spoilers)) {
    let count = 0;
    for (const trace of traces) {
      const result = count < most ? change(trace) : null;
      if (!result) continue;
      spoiled.push({ ...result, name: `${trace.name}-${kind.replaceAll(' ', '-')}` });
      count++;
    }
  }
  return spoiled;
}

export const spoilerKinds = Object.keys(spoilers);

/** A trace as one number: 16-bit digits, the lowest first; each action as its length and its digits. */
function encode(actions) {
  const parts = [];
  for (const [name, ...numbers] of actions) {
    const digits = [numbers.length + 1, kinds.indexOf(name), ...numbers];
    for (const digit of digits) {
      if (!Number.isInteger(digit) || digit < 0 || digit > 65535) throw new Error(`${name} ${numbers}: ${digit} is no digit`);
      parts.push(digit.toString(16).padStart(4, '0'));
    }
  }
  return `0x${parts.reverse().join('')}`;
}

const list = items => `[${items.join(', ')}]`;

function worldOf({ sets, byzantine, window, changes, heights, views }) {
  return `{ sets: ${list(sets.map(list))}, byzantine: Set(${byzantine.join(', ')}), window: ${window}, changes: Set(${changes.join(', ')}), `
    + `heights: ${heights + 1}, views: ${views + 1}, fault: "" }`;
}

/** A Quint module with a test for each trace: all of it is accepted, or as much as comes before what was spoiled. */
export function moduleOf(name, traces, replayFile) {
  const lines = [`// Written by spec/run.mjs.`, `module ${name} {`, `  import replay.* from "${replayFile}"`];
  traces.forEach((trace, i) => {
    const expected = trace.refusedAt ?? trace.actions.length;
    // After what was spoiled nothing matters; what comes before must be accepted.
    const actions = trace.refusedAt === undefined ? trace.actions : trace.actions.slice(0, trace.refusedAt + 1);
    lines.push(`  pure val world${i} = ${worldOf(trace.world)}`);
    lines.push(`  pure val trace${i} = ${encode(actions)}`);
    lines.push(`  run replays${i}Test = assert(q::debug("${trace.name} accepted", replay(world${i}, trace${i}, ${actions.length}).accepted) == ${expected})`);
  });
  return [...lines, '}', ''].join('\n');
}
