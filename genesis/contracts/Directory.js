/**
 * Public entries of organisations and services: how to find them and what to call them. Nothing about patients.
 *
 * State: `entry/{account}`, `at/{n}` -> account, `count`.
 */
class Directory {
  static views = ['get', 'list'];

  /**
   * The caller publishes or replaces its own entry. entry = {name, kind: hospital|practice|pharmacy|laboratory|payer|research|service,
   * endpoints: [url]}. Errors: not certified as organisation or service; bad entry.
   */
  publish(entry) {
    require(entry !== null && typeof entry === 'object', 'entry: an object is needed');
    const { name, kind, endpoints } = entry;
    require(typeof name === 'string' && name.length >= 1 && name.length <= 128, 'name has 1 to 128 characters');
    require(['hospital', 'practice', 'pharmacy', 'laboratory', 'payer', 'research', 'service'].includes(kind), 'kind is not known');
    require(Array.isArray(endpoints) && endpoints.length <= 4, 'endpoints: at most 4');
    for (const url of endpoints) {
      require(typeof url === 'string' && url.length <= 128
        && (url.startsWith('https://') || url.startsWith('wss://') || url.startsWith('http://127.0.0.1') || url.startsWith('http://localhost')),
        'endpoints: an https or wss URL of at most 128 characters (plain http only for this machine)');
    }
    const id = view('Identity', 'of', ctx.caller);
    require(id !== null && id.active && (id.roles.includes('organisation') || id.roles.includes('service')),
      'only certified organisations and services have an entry');
    if (state.get('entry/' + ctx.caller) === null) {
      const count = state.get('count') || 0;
      state.set('at/' + count, ctx.caller);
      state.set('count', count + 1);
    }
    state.set('entry/' + ctx.caller, { account: ctx.caller, name, kind, endpoints, listed: true });
    emit('published', { account: ctx.caller });
  }

  /** The caller's entry is listed no more. Errors: there is none. */
  withdraw() {
    const entry = state.get('entry/' + ctx.caller);
    require(entry !== null && entry.listed, 'there is no entry of this account');
    state.set('entry/' + ctx.caller, { ...entry, listed: false });
    emit('withdrawn', { account: ctx.caller });
  }

  /** {account, name, kind, endpoints}, or null. */
  get(account) {
    const entry = state.get('entry/' + account);
    if (entry === null || !entry.listed) return null;
    return { account, name: entry.name, kind: entry.kind, endpoints: entry.endpoints };
  }

  /** Entries in the order of first publication: from (default 0), limit (default 50, at most 64). */
  list(from = 0, limit = 50) {
    const end = Math.min(state.get('count') || 0, from + Math.min(limit, 64));
    const all = [];
    for (let n = from; n < end; n++) {
      const entry = this.get(state.get('at/' + n));
      if (entry !== null) all.push(entry);
    }
    return all;
  }
}
