/**
 * The members (hospitals and their nodes), how they change, and the chain's parameters.
 *
 * State: `members`, `epoch`, `next`, `candidates`, `suspended`, `params`, `authority`, `proposals` (number of the next), `proposal/{id}`.
 * A proposal passes with a quorum of the member organisations: (n + f + 2) / 2 rounded down, f = (n - 1) / 3 rounded down.
 * A change of the members takes effect at a barrier: _window() heights after it passed, at the end of a block, when the node software
 * calls `activate`. Who is new follows as a learner first, and counts only after f + 1 member nodes saw it follow.
 */
class Governance {
  static views = ['members', 'member', 'organisations', 'isMember', 'quorum', 'faulty', 'parameter', 'params', 'keyAuthority', 'proposal',
    'proposals', 'epoch', 'next', 'candidates', 'suspended'];

  /**
   * Genesis only. setup = {members: [{nodeKey: "1:hex", organisation, name, endpoint?}], parameters?: {name: value}, keyAuthority}.
   * endpoint = {host, votePort, bulkPort, rpc?}. Parameters left out have the defaults of _bounds.
   */
  init(setup) {
    require(ctx.caller === '' && ctx.height === 0, 'init is for genesis only');
    const { members, parameters, keyAuthority } = setup;
    require(Array.isArray(members) && members.length >= 4 && members.length <= 64, 'members: 4 to 64 are needed');
    require(isAccount(keyAuthority), 'keyAuthority is not a ptoy1 account');
    const list = [];
    for (const given of members) {
      const member = this._node(given);
      require(list.every((m) => m.nodeKey !== member.nodeKey), 'members: a node key is listed twice');
      list.push(member);
    }
    const values = {};
    const bounds = this._bounds();
    for (const name of Object.keys(bounds)) values[name] = bounds[name][2];
    for (const name of Object.keys(parameters || {})) values[name] = this._checked(name, parameters[name]);
    state.set('members', list);
    state.set('epoch', { epoch: 0, first: 1, order: list.map((m, i) => i) });
    state.set('next', null);
    state.set('candidates', []);
    state.set('suspended', []);
    state.set('params', values);
    state.set('authority', keyAuthority);
    state.set('proposals', 1);
  }

  /**
   * A member organisation proposes one change, and votes for it: {parameter, value}, {add: {nodeKey, organisation, name, endpoint}},
   * {remove: nodeKey}, {rotate: {nodeKey, newKey, endpoint?}} or {suspend: nodeKey}; with reason? (at most 500 characters). Returns the
   * proposal's number. Errors: not a member; not exactly one change; what _check refuses.
   */
  propose(proposal) {
    require(this.isMember(ctx.caller), 'only a member organisation may propose');
    require(proposal !== null && typeof proposal === 'object', 'proposal: an object is needed');
    const kinds = ['parameter', 'add', 'remove', 'rotate', 'suspend'].filter((k) => k in proposal);
    require(kinds.length === 1, 'proposal: one of parameter, add, remove, rotate, suspend is needed');
    const kind = kinds[0];
    const { reason } = proposal;
    require(reason === undefined || reason === null || (typeof reason === 'string' && reason.length <= 500), 'reason has at most 500 characters');
    const change = kind === 'parameter' ? { parameter: proposal.parameter, value: proposal.value }
      : kind === 'add' ? { add: this._node(proposal.add) }
      : kind === 'remove' ? { remove: proposal.remove }
      : kind === 'suspend' ? { suspend: proposal.suspend }
      : { rotate: this._rotation(proposal.rotate) };
    const problem = this._problem(kind, change);
    require(problem === null, problem);
    const id = state.get('proposals');
    state.set('proposals', id + 1);
    const entry = {
      id, kind, ...change, reason: reason || '', by: ctx.caller, for: [], against: [],
      closes: ctx.time + this.parameter('proposalPeriod'), outcome: 'open', note: '',
    };
    emit('proposed', { id, kind, ...change });
    this._count(entry, true);
    return id;
  }

  /** A member organisation votes once on an open proposal. Errors: not a member; unknown, closed; voted already. */
  vote(id, approve) {
    require(this.isMember(ctx.caller), 'only a member organisation may vote');
    require(typeof approve === 'boolean', 'approve is true or false');
    const entry = state.get('proposal/' + id);
    require(entry !== null, `there is no proposal ${id}`);
    require(entry.outcome === 'open', `proposal ${id} is ${entry.outcome}`);
    require(ctx.time < entry.closes, `proposal ${id} has run out`);
    require(!entry.for.includes(ctx.caller) && !entry.against.includes(ctx.caller), 'this organisation has voted already');
    this._count(entry, approve);
    return entry.outcome;
  }

  /**
   * A candidate's node account says that it follows: it has executed `height`, whose running chain hash it names. Height is at most _recent()
   * below this one. Member nodes compare it with what they executed, and confirm.
   */
  following(height, chainHash) {
    const candidates = state.get('candidates');
    const candidate = candidates.find((c) => c.nodeAccount === ctx.caller);
    require(candidate, 'only a candidate says that it follows');
    require(!candidate.seen, 'this candidate was seen to follow already');
    require(Number.isSafeInteger(height) && height < ctx.height && height + this._recent() >= ctx.height, `height is one of the last ${this._recent()}`);
    require(isHex(chainHash, 64), 'chainHash is 64 hexadecimal digits');
    candidate.claim = { height, chainHash };
    candidate.confirmed = [];
    state.set('candidates', candidates);
    emit('following', { nodeKey: candidate.nodeKey, height, chainHash });
  }

  /**
   * A member's node account confirms a candidate's claim: it executed that height with that chain hash too. With f + 1 confirmations, one of
   * them from a correct node, the candidate is seen, and joins at the next barrier.
   */
  confirm(nodeKey, height, chainHash) {
    const member = this.members().find((m) => m.nodeAccount === ctx.caller);
    require(member, 'only a member node confirms');
    const candidates = state.get('candidates');
    const candidate = candidates.find((c) => c.nodeKey === nodeKey);
    require(candidate, 'there is no such candidate');
    if (candidate.seen) return;
    require(candidate.claim !== null && candidate.claim.height === height && candidate.claim.chainHash === chainHash, 'this is not what the candidate claims');
    if (candidate.confirmed.includes(member.nodeKey)) return;
    candidate.confirmed.push(member.nodeKey);
    candidate.seen = candidate.confirmed.length > this.faulty();
    state.set('candidates', candidates);
    if (!candidate.seen) return;
    emit('seen', { nodeKey, height });
    const { replaces } = candidate;
    const joined = this._public(candidate);
    const planned = this._planned();
    const place = replaces === null ? -1 : planned.members.findIndex((m) => m.nodeKey === replaces);
    if (place >= 0) planned.members[place] = joined; else planned.members.push(joined);
    this._plan(planned);
  }

  /** An organisation says where one of its nodes is reached from now on. Needs no vote: it changes nobody's say. */
  setEndpoint(nodeKey, endpoint) {
    const checked = this._endpoint(endpoint);
    let found = false;
    const change = (list) => list.map((m) => {
      if (m.nodeKey !== nodeKey || m.organisation !== ctx.caller) return m;
      found = true;
      return { ...m, endpoint: checked };
    });
    const next = state.get('next');
    state.set('members', change(this.members()));
    state.set('candidates', change(state.get('candidates')));
    if (next !== null) state.set('next', { ...next, members: change(next.members) });
    require(found, 'this organisation has no such node');
    emit('endpoint', { nodeKey });
  }

  /** The chain itself, at the end of the barrier's block: the next members are the members of the epoch that begins at the next height. */
  activate() {
    const next = state.get('next');
    require(ctx.caller === '' && next !== null && next.barrier === ctx.height, 'activate is for the chain itself, at the barrier');
    const joined = next.members.map((m) => m.nodeKey);
    const { epoch } = state.get('epoch');
    state.set('members', next.members);
    state.set('epoch', { epoch: epoch + 1, first: ctx.height + 1, order: next.order });
    state.set('params', { ...state.get('params'), ...next.params });
    state.set('candidates', state.get('candidates').filter((c) => !joined.includes(c.nodeKey)));
    state.set('next', null);
  }

  /** `Conduct` says that who may be primary has changed: plans a barrier, unless the last one is too near or this is switched off. */
  reorder() {
    require(ctx.caller === 'Conduct', 'only Conduct asks for a new order');
    const interval = this.parameter('exclusionInterval');
    if (state.get('next') !== null) this._plan(state.get('next'));
    else if (interval > 0 && ctx.height >= state.get('epoch').first + interval) this._plan(this._planned());
  }

  /** [{nodeKey, nodeAccount, organisation, name, endpoint}] in the order of the validator set. */
  members() {
    return state.get('members') || [];
  }

  /** The member with this node key, or null. */
  member(nodeKey) {
    return this.members().find((m) => m.nodeKey === nodeKey) || null;
  }

  /** The member organisations' accounts, each once. */
  organisations() {
    const all = [];
    for (const { organisation } of this.members()) if (!all.includes(organisation)) all.push(organisation);
    return all;
  }

  /** True when the account is a member organisation. */
  isMember(organisation) {
    return this.members().some((m) => m.organisation === organisation);
  }

  /** How many of n (default: the nodes) make a quorum. */
  quorum(n) {
    const count = n === undefined ? this.members().length : n;
    return Math.floor((count + Math.floor((count - 1) / 3) + 2) / 2);
  }

  /** f: how many nodes may be faulty. */
  faulty() {
    return Math.floor((this.members().length - 1) / 3);
  }

  /** The value of a parameter. Errors: unknown. */
  parameter(name) {
    const values = state.get('params') || {};
    require(Object.keys(values).includes(name), 'there is no such parameter');
    return values[name];
  }

  /** All parameters: {name: value}. */
  params() {
    return state.get('params') || {};
  }

  /** The key authority's account. */
  keyAuthority() {
    return state.get('authority');
  }

  /** {epoch, first: its first height, order: [indices of members that take turns as primary]} */
  epoch() {
    return state.get('epoch');
  }

  /** null, or {barrier: last height of this epoch, members, order, params} of the next. */
  next() {
    return state.get('next');
  }

  /** [{nodeKey, nodeAccount, organisation, name, endpoint, learnerSince, replaces, seen, claim, confirmed}] */
  candidates() {
    return state.get('candidates');
  }

  /** The members that were suspended, as they were. */
  suspended() {
    return state.get('suspended');
  }

  /** {id, kind, …the change, reason, by, for, against, closes, outcome: open|passed|rejected|void, note}, or null. */
  proposal(id) {
    return state.get('proposal/' + id);
  }

  /** The newest proposals first, from a number down (default: the newest). At most 50. */
  proposals(from, limit) {
    const newest = state.get('proposals') - 1;
    const all = [];
    const most = Math.min(limit || 20, 50);
    for (let id = Math.min(from || newest, newest); id >= 1 && all.length < most; id--) all.push(state.get('proposal/' + id));
    return all;
  }

  // Votes of organisations that left meanwhile do not count.
  _count(entry, approve) {
    (approve ? entry.for : entry.against).push(ctx.caller);
    const voters = this.organisations();
    const needed = this.quorum(voters.length);
    if (entry.for.filter((o) => voters.includes(o)).length >= needed) {
      const problem = this._problem(entry.kind, entry);
      entry.outcome = problem === null ? 'passed' : 'void';
      entry.note = problem || '';
      if (problem === null) this._apply(entry);
    } else if (voters.length - entry.against.filter((o) => voters.includes(o)).length < needed) {
      entry.outcome = 'rejected';
    }
    state.set('proposal/' + entry.id, entry);
    if (entry.outcome !== 'open') emit('decided', { id: entry.id, kind: entry.kind, outcome: entry.outcome, note: entry.note });
  }

  // Why a change cannot be made now, or null. Asked when it is proposed, and again when it passes.
  _problem(kind, change) {
    if (kind === 'parameter') {
      this._checked(change.parameter, change.value);
      return null;
    }
    const { members } = this._planned();
    const candidates = state.get('candidates');
    const taken = (key) => [...members, ...this.members(), ...candidates, ...state.get('suspended')].some((m) => m.nodeKey === key);
    if (kind === 'add') {
      if (members.length + candidates.length >= 64) return 'there are 64 members and candidates already';
      if (!view('Identity', 'hasRole', change.add.organisation, 'organisation')) return 'organisation is not certified as one';
      return taken(change.add.nodeKey) ? 'nodeKey is in use, or was' : null;
    }
    if (kind === 'rotate') {
      if (!members.some((m) => m.nodeKey === change.rotate.nodeKey)) return 'nodeKey is not a member\'s';
      if (candidates.some((c) => c.replaces === change.rotate.nodeKey)) return 'this node\'s key is being replaced already';
      return taken(change.rotate.newKey) ? 'newKey is in use, or was' : null;
    }
    const key = kind === 'remove' ? change.remove : change.suspend;
    if (kind === 'remove' && candidates.some((c) => c.nodeKey === key && !c.seen)) return null;
    if (!members.some((m) => m.nodeKey === key)) return 'there is no such member';
    return members.length > 4 ? null : 'fewer than 4 members would be left';
  }

  _apply(entry) {
    if (entry.kind === 'parameter') {
      // What consensus itself reads changes for all at one height.
      if (['maxBlockInterval', 'tenure'].includes(entry.parameter)) {
        const planned = this._planned();
        planned.params[entry.parameter] = entry.value;
        this._plan(planned);
      } else {
        state.set('params', { ...state.get('params'), [entry.parameter]: entry.value });
      }
      emit('parameterChanged', { parameter: entry.parameter, value: entry.value });
    } else if (entry.kind === 'add') this._admit(entry.add, null);
    else if (entry.kind === 'rotate') {
      const old = this._planned().members.find((m) => m.nodeKey === entry.rotate.nodeKey);
      const { newKey, endpoint } = entry.rotate;
      this._admit({ ...old, nodeKey: newKey, nodeAccount: accountOf(newKey), endpoint: endpoint || old.endpoint }, old.nodeKey);
    } else this._drop(entry.kind === 'remove' ? entry.remove : entry.suspend, entry.kind === 'suspend');
  }

  _admit(node, replaces) {
    const candidate = { ...this._public(node), learnerSince: ctx.height, replaces, seen: false, claim: null, confirmed: [] };
    state.set('candidates', [...state.get('candidates'), candidate]);
  }

  _drop(nodeKey, suspends) {
    const planned = this._planned();
    const member = planned.members.find((m) => m.nodeKey === nodeKey);
    state.set('candidates', state.get('candidates').filter((c) => c.nodeKey !== nodeKey && c.replaces !== nodeKey));
    if (!member) return;
    if (suspends) state.set('suspended', [...state.get('suspended'), this._public(member)]);
    planned.members = planned.members.filter((m) => m.nodeKey !== nodeKey);
    this._plan(planned);
  }

  // The next epoch as planned so far; with none planned, what it would be if it were planned now. Changes that come before the barrier
  // is reached join it: its height, once told to the nodes, stays.
  _planned() {
    return state.get('next') || { barrier: ctx.height + this._window(), members: this.members(), order: [], params: {} };
  }

  _plan(planned) {
    const order = this._order(planned.members);
    state.set('next', { ...planned, order });
    emit('planned', { barrier: planned.barrier, members: planned.members.length });
  }

  // All but at most f of those that do not answer take turns as primary.
  _order(members) {
    const absent = view('Conduct', 'absent').filter((key) => members.some((m) => m.nodeKey === key)).slice(0, Math.floor((members.length - 1) / 3));
    return members.map((m, i) => i).filter((i) => !absent.includes(members[i].nodeKey));
  }

  _public({ nodeKey, nodeAccount, organisation, name, endpoint }) {
    return { nodeKey, nodeAccount, organisation, name, endpoint };
  }

  _node(given) {
    require(given !== null && typeof given === 'object', 'a member is {nodeKey, organisation, name, endpoint}');
    const { nodeKey, organisation, name, endpoint } = given;
    const nodeAccount = accountOf(nodeKey);
    require(isAccount(organisation), 'organisation is not a ptoy1 account');
    require(typeof name === 'string' && name.length >= 1 && name.length <= 128, 'a name has 1 to 128 characters');
    return { nodeKey, nodeAccount, organisation, name, endpoint: this._endpoint(endpoint) };
  }

  _rotation(given) {
    require(given !== null && typeof given === 'object', 'rotate: {nodeKey, newKey, endpoint?} is needed');
    accountOf(given.newKey);
    return { nodeKey: given.nodeKey, newKey: given.newKey, endpoint: this._endpoint(given.endpoint) };
  }

  _endpoint(endpoint) {
    if (endpoint === undefined || endpoint === null) return null;
    const { host, votePort, bulkPort, rpc } = endpoint;
    const port = (p) => Number.isInteger(p) && p >= 1 && p <= 65535;
    require(typeof host === 'string' && host.length >= 1 && host.length <= 128, 'endpoint: host has 1 to 128 characters');
    require(port(votePort) && port(bulkPort), 'endpoint: votePort and bulkPort are 1 to 65535');
    const url = rpc === undefined || rpc === null ? null : rpc;
    require(url === null || (typeof url === 'string' && url.length <= 128 && (url.startsWith('https://') || url.startsWith('http://'))), 'endpoint: rpc is an http or https address');
    return { host, votePort, bulkPort, rpc: url };
  }

  _checked(name, value) {
    const bounds = this._bounds();
    require(Object.keys(bounds).includes(name), `there is no parameter of that name; there are: ${Object.keys(bounds).join(', ')}`);
    const [least, most] = bounds[name];
    require(Number.isInteger(value) && value >= least && value <= most, `${name} is a whole number from ${least} to ${most}`);
    return value;
  }


  // The largest watermark window that nodes may have: who judges a header above the barrier has executed the change.
  _window() {
    return 128;
  }

  _recent() {
    return 1000;
  }

  // name: [least, most, default]. Times are milliseconds, prices micro-PTOY, tenure and exclusionInterval heights, researchBudget micro-epsilon.
  _bounds() {
    return {
      storagePricePerMbMonth: [0, 1000000000, 10000],
      freeBytesPerPatient: [0, 1000000000000, 10000000],
      maxBlockInterval: [100, 60000, 5000],
      auditAnchorInterval: [1000, 60000, 30000],
      proposalPeriod: [60000, 7776000000, 604800000],
      tenure: [16, 1000000000, 10000],
      exclusionInterval: [0, 1000000000, 0],
      researchBudget: [0, 100000000, 10000000],
    };
  }
}
