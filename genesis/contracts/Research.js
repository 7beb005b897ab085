/**
 * Studies, and how much they may still learn about the people in them: a ledger of differential privacy. Amounts are micro-epsilon, whole
 * numbers: 1000000 is an epsilon of 1. What all studies of one owner spend adds up, since they read the same people: its sum is
 * bounded by the governance parameter `researchBudget`, which lowered stops spending at once. Nothing here says who is in a study or what was asked.
 *
 * State: `study/{id}`, `studies` (number of the next), `owner/{account}` {given, spent}, `spend/{id}/{n}`, `paid/{id}/{queryHash}` -> n.
 */
class Research {
  static views = ['study', 'studies', 'left', 'mayAsk', 'spends', 'paid'];

  /**
   * The caller opens a study. facts = {budget, purpose: HRESCH|CLINTRCH|PUBHLTH|POPHLTH|HOPERAT|HQUALIMP, protocol: 64 hex, the digest of its
   * protocol, analysts?: [account]}. Its budget is never raised. Returns its number. Errors: not certified as an organisation;
   * bad facts; with its other studies above `researchBudget`.
   */
  open(facts) {
    require(view('Identity', 'hasRole', ctx.caller, 'organisation'), 'only a certified organisation opens a study');
    require(facts !== null && typeof facts === 'object', 'facts: an object is needed');
    const { budget, purpose, protocol, analysts = [] } = facts;
    this._amount(budget, 'budget');
    require(['HRESCH', 'CLINTRCH', 'PUBHLTH', 'POPHLTH', 'HOPERAT', 'HQUALIMP'].includes(purpose), 'purpose is not one of research or of operations');
    require(isHex(protocol, 64), 'protocol is 64 hexadecimal digits');
    require(Array.isArray(analysts) && analysts.length <= 64, 'analysts: a list of at most 64');
    for (let i = 0; i < analysts.length; i++) require(isAccount(analysts[i]) && analysts.indexOf(analysts[i]) === i, 'an analyst is a ptoy1 account, listed once');
    const most = view('Governance', 'parameter', 'researchBudget');
    const sums = this._sums(ctx.caller);
    require(sums.given + budget <= most, `budget: ${sums.given} are given to studies of this owner; with ${budget} that is more than ${most}`);
    const id = state.get('studies') || 1;
    state.set('studies', id + 1);
    state.set('owner/' + ctx.caller, { ...sums, given: sums.given + budget });
    state.set('study/' + id, { owner: ctx.caller, purpose, protocol, analysts, budget, spent: 0, queries: 0, openedAt: ctx.time, closedAt: null });
    emit('opened', { id, owner: ctx.caller, budget, purpose });
    return id;
  }

  /** Owner: the account may ask from now on. Errors: unknown or closed study; not its owner; 64 ask already. */
  appoint(id, account) {
    const study = this._owned(id);
    require(isAccount(account), 'the analyst is not a ptoy1 account');
    if (study.analysts.includes(account)) return;
    require(study.analysts.length < 64, 'at most 64 analysts');
    state.set('study/' + id, { ...study, analysts: [...study.analysts, account] });
    emit('appointed', { id, account });
  }

  /** Owner: the account may ask no more, at once. Errors: unknown or closed study; not its owner. */
  dismiss(id, account) {
    const study = this._owned(id);
    state.set('study/' + id, { ...study, analysts: study.analysts.filter((a) => a !== account) });
    emit('dismissed', { id, account });
  }

  /** Owner: no more questions. What is left of the budget is given back to the owner's other studies; what is spent stays spent. */
  close(id) {
    const study = this._owned(id);
    const sums = this._sums(study.owner);
    state.set('owner/' + study.owner, { ...sums, given: sums.given - (study.budget - study.spent) });
    state.set('study/' + id, { ...study, closedAt: ctx.time });
    emit('closed', { id });
  }

  /**
   * Owner, before an answer leaves: pays epsilon for the query with this digest (64 hex; salted, so that it cannot be guessed). Returns what is
   * left. Errors: unknown or closed study; not its owner; paid before; more than is left, or than `researchBudget` leaves the owner.
   */
  spend(id, epsilon, queryHash) {
    const study = this._owned(id);
    this._amount(epsilon, 'epsilon');
    require(isHex(queryHash, 64), 'queryHash is 64 hexadecimal digits');
    require(state.get(`paid/${id}/${queryHash}`) === null, 'this query is paid for already');
    const left = study.budget - study.spent;
    require(epsilon <= left, `epsilon: ${epsilon} is more than the ${left} left of the study's budget`);
    const sums = this._sums(study.owner);
    const most = view('Governance', 'parameter', 'researchBudget');
    require(sums.spent + epsilon <= most, `epsilon: the owner's studies would have spent more than the ${most} that governance allows`);
    state.set('owner/' + study.owner, { ...sums, spent: sums.spent + epsilon });
    state.set('study/' + id, { ...study, spent: study.spent + epsilon, queries: study.queries + 1 });
    state.set(`spend/${id}/${study.queries}`, { epsilon, queryHash, height: ctx.height, time: ctx.time });
    state.set(`paid/${id}/${queryHash}`, study.queries);
    emit('spent', { id, epsilon, left: left - epsilon, queryHash });
    return left - epsilon;
  }

  /** {id, owner, purpose, protocol, analysts, budget, spent, queries, openedAt, closedAt}, or null. */
  study(id) {
    const study = state.get('study/' + id);
    return study === null ? null : { id, ...study };
  }

  /** Studies in the order of opening, without their analysts: from (default 1), limit (default 50, at most 200). */
  studies(from = 1, limit = 50) {
    const all = [];
    const end = Math.min(state.get('studies') || 1, from + Math.min(limit, 200));
    for (let id = from; id < end; id++) {
      const { owner, purpose, protocol, budget, spent, queries, openedAt, closedAt } = this.study(id);
      all.push({ id, owner, purpose, protocol, budget, spent, queries, openedAt, closedAt });
    }
    return all;
  }

  /** What the study may still spend: 0 for a closed or unknown one. */
  left(id) {
    const study = state.get('study/' + id);
    if (study === null || study.closedAt !== null) return 0;
    const most = view('Governance', 'parameter', 'researchBudget') - this._sums(study.owner).spent;
    return Math.max(0, Math.min(study.budget - study.spent, most));
  }

  /** True when the account may put questions: an analyst, the owner, or an active employee of the owner; of an open study. */
  mayAsk(id, account) {
    const study = state.get('study/' + id);
    if (study === null || study.closedAt !== null) return false;
    if (study.owner === account) return true;
    if (study.analysts.includes(account)) return view('Identity', 'isActive', account);
    return view('Provider/' + study.owner, 'roleOf', account) !== null;
  }

  /** [{epsilon, queryHash, height, time}] of a study, in order: from (default 0), limit (default 100, at most 200). */
  spends(id, from = 0, limit = 100) {
    const study = state.get('study/' + id);
    const all = [];
    const end = Math.min(study === null ? 0 : study.queries, from + Math.min(limit, 200));
    for (let n = from; n < end; n++) all.push(state.get(`spend/${id}/${n}`));
    return all;
  }

  /** True when the query with this digest is paid for. */
  paid(id, queryHash) {
    return state.get(`paid/${id}/${queryHash}`) !== null;
  }

  _owned(id) {
    const study = state.get('study/' + id);
    require(study !== null, 'there is no such study');
    require(study.owner === ctx.caller, 'only the owner of the study may do this');
    require(study.closedAt === null, 'this study is closed');
    return study;
  }

  _sums(owner) {
    return state.get('owner/' + owner) || { given: 0, spent: 0 };
  }

  _amount(value, name) {
    require(Number.isSafeInteger(value) && value >= 1 && value <= 100000000, `${name} is a whole number of micro-epsilon from 1 to 100000000`);
  }
}
