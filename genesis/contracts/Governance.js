/**
 * The members (hospitals and their nodes) and the chain's parameters.
 *
 * State: `members`, `params`, `authority`, `next` (proposal number), `proposal/{id}`.
 * A proposal passes with a quorum of the member organisations: (n + f + 2) / 2 rounded down, f = (n - 1) / 3 rounded down.
 */
class Governance {
  static views = ['members', 'member', 'organisations', 'isMember', 'quorum', 'faulty', 'parameter', 'params', 'keyAuthority', 'proposal'];

  /**
   * Genesis only. setup = {members: [{nodeKey: "1:hex", organisation, name}], parameters?: {name: value}, keyAuthority}.
   * Parameters left out have the defaults of _bounds.
   */
  init(setup) {
    require(ctx.caller === '' && ctx.height === 0, 'init is for genesis only');
    const { members, parameters, keyAuthority } = setup;
    require(Array.isArray(members) && members.length >= 4 && members.length <= 64, 'members: 4 to 64 are needed');
    require(isAccount(keyAuthority), 'keyAuthority is not a ptoy1 account');
    const seen = [];
    const list = [];
    for (const { nodeKey, organisation, name } of members) {
      const nodeAccount = accountOf(nodeKey);
      require(!seen.includes(nodeKey), 'members: a node key is listed twice');
      require(isAccount(organisation), 'members: an organisation is not a ptoy1 account');
      require(typeof name === 'string' && name.length >= 1 && name.length <= 128, 'members: a name has 1 to 128 characters');
      seen.push(nodeKey);
      list.push({ nodeKey, nodeAccount, organisation, name });
    }
    const values = {};
    const bounds = this._bounds();
    for (const name of Object.keys(bounds)) values[name] = bounds[name][2];
    for (const name of Object.keys(parameters || {})) values[name] = this._checked(name, parameters[name]);
    state.set('members', list);
    state.set('params', values);
    state.set('authority', keyAuthority);
    state.set('next', 1);
  }

  /**
   * A member organisation proposes a new parameter value, and votes for it. proposal = {parameter, value, reason?}. Returns the
   * proposal's number. Errors: not a member; unknown parameter; value out of bounds; asks for a change of members.
   */
  propose(proposal) {
    require(this.isMember(ctx.caller), 'only a member organisation may propose');
    require(proposal !== null && typeof proposal === 'object', 'proposal: an object is needed');
    require(!('members' in proposal || 'addMember' in proposal || 'removeMember' in proposal || 'nodeKey' in proposal),
      'changing members or node keys is not supported before the release with reconfiguration; parameters can be changed');
    const { parameter, value, reason } = proposal;
    this._checked(parameter, value);
    require(reason === undefined || (typeof reason === 'string' && reason.length <= 500), 'reason has at most 500 characters');
    const id = state.get('next');
    state.set('next', id + 1);
    const entry = {
      id, parameter, value, reason: reason || '', by: ctx.caller, for: [], against: [],
      closes: ctx.time + this.parameter('proposalPeriod'), outcome: 'open',
    };
    emit('proposed', { id, parameter, value });
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

  /** [{nodeKey, nodeAccount, organisation, name}] */
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

  /** {id, parameter, value, reason, by, for, against, closes, outcome: open|passed|rejected}, or null. */
  proposal(id) {
    return state.get('proposal/' + id);
  }

  _count(entry, approve) {
    (approve ? entry.for : entry.against).push(ctx.caller);
    const total = this.organisations().length;
    const needed = this.quorum(total);
    if (entry.for.length >= needed) {
      entry.outcome = 'passed';
      const values = state.get('params');
      values[entry.parameter] = entry.value;
      state.set('params', values);
      emit('parameterChanged', { parameter: entry.parameter, value: entry.value });
    } else if (total - entry.against.length < needed) {
      entry.outcome = 'rejected';
    }
    state.set('proposal/' + entry.id, entry);
  }

  _checked(name, value) {
    const bounds = this._bounds();
    require(Object.keys(bounds).includes(name), `there is no parameter of that name; there are: ${Object.keys(bounds).join(', ')}`);
    const [least, most] = bounds[name];
    require(Number.isInteger(value) && value >= least && value <= most, `${name} is a whole number from ${least} to ${most}`);
    return value;
  }

  // name: [least, most, default]. Times are milliseconds, prices micro-PTOY.
  _bounds() {
    return {
      storagePricePerMbMonth: [0, 1000000000, 10000],
      freeBytesPerPatient: [0, 1000000000000, 10000000],
      maxBlockInterval: [100, 60000, 5000],
      auditAnchorInterval: [1000, 60000, 30000],
      proposalPeriod: [60000, 7776000000, 604800000],
    };
  }
}
