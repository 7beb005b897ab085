/**
 * An organisation: its employees and team keys, managed by the owner (the organisation's admin account) alone, and its customer
 * list, kept by the patients' contracts alone. Also the owner's side of records that belong to the organisation (custody, letters).
 *
 * State: `provider`, `teams` {role: team key}, `employee/{account}`, `roster/{n}` -> account, `roster` count,
 * `customer/{account}` -> n, `customers/{n}` -> account, `customers` count.
 */
class Provider {
  static views = ['exists', 'of', 'roleOf', 'isEmployee', 'employees', 'teamKey', 'teamKeys', 'retiredRole', 'customers', 'isCustomer',
    'decide', 'recipients', 'sealTo'];

  /** Owner, certified as organisation: sets the organisation up. facts = {name, sealingKey: "2:hex"}. */
  create(facts) {
    this._owner();
    require(state.get('provider') === null, 'this organisation was set up before');
    require(view('Identity', 'hasRole', ctx.owner, 'organisation'), 'the owner is not certified as an organisation');
    require(facts !== null && typeof facts === 'object', 'facts: an object is needed');
    const { name, sealingKey } = facts;
    require(typeof name === 'string' && name.length >= 1 && name.length <= 128, 'name has 1 to 128 characters');
    this._key(sealingKey);
    state.set('provider', { name, sealingKey, keyId: keyIdOf(sealingKey), createdAt: ctx.time });
    state.set('teams', {});
    emit('created', { owner: ctx.owner, name });
  }

  /** Owner: the organisation's own sealing key is replaced. */
  setSealingKey(sealingKey) {
    const provider = this._managed();
    this._key(sealingKey);
    state.set('provider', { ...provider, sealingKey, keyId: keyIdOf(sealingKey) });
  }

  /** Owner: a certified account works here in a role from now on. Hired again, it has the new role. */
  hire(account, role) {
    this._managed();
    this._role(role);
    require(isAccount(account) && account !== ctx.owner, 'the employee is not another ptoy1 account');
    require(view('Identity', 'isActive', account), 'the employee is not certified by the key authority');
    const old = state.get('employee/' + account);
    if (old === null) {
      const count = state.get('roster') || 0;
      state.set('roster/' + count, account);
      state.set('roster', count + 1);
    } else if (old.active && old.role !== role) {
      this._stale(old.role);
    }
    state.set('employee/' + account, { role, active: true, since: ctx.time, until: null });
    emit('hired', { account, role });
  }

  /**
   * Owner: the account works here no more, at once. Its role's team key is used for nothing new until it is replaced: by
   * setTeamKey, or here in the same step with newKey = {publicKey}. Errors: not an employee.
   */
  dismiss(account, newKey) {
    this._managed();
    const employee = state.get('employee/' + account);
    require(employee !== null && employee.active, 'this account is not an employee');
    state.set('employee/' + account, { ...employee, active: false, until: ctx.time });
    this._stale(employee.role);
    if (newKey) this.setTeamKey(employee.role, newKey);
    emit('dismissed', { account, role: employee.role });
  }

  /**
   * Owner: the key that records are sealed to for everyone in a role. key = {publicKey: "2:hex", keyId?}. The key before it is
   * retired. Returns the version. Errors: bad key; keyId is of another key; key used before.
   */
  setTeamKey(role, key) {
    this._managed();
    this._role(role);
    require(key !== null && typeof key === 'object', 'key: an object is needed');
    this._key(key.publicKey);
    const id = keyIdOf(key.publicKey);
    require(key.keyId === undefined || key.keyId === id, 'keyId does not belong to publicKey');
    const teams = state.get('teams');
    for (const other of Object.keys(teams)) {
      require(teams[other].keyId !== id && !teams[other].retired.includes(id), 'this key is or was a team key: make a new one');
    }
    const old = teams[role];
    require(old || Object.keys(teams).length < 32, 'at most 32 roles have a team key');
    const retired = old ? [old.keyId, ...old.retired].slice(0, 32) : [];
    teams[role] = { keyId: id, publicKey: key.publicKey, version: old ? old.version + 1 : 1, stale: false, retired };
    state.set('teams', teams);
    emit('teamKeySet', { role, version: teams[role].version, keyId: id });
    return teams[role].version;
  }

  /** Only the patient's own contract: the patient lets this organisation act. */
  addCustomer(patient) {
    this._patient(patient);
    require(state.get('provider') !== null, 'this organisation is not set up');
    if (state.get('customer/' + patient) !== null) return;
    const count = state.get('customers') || 0;
    state.set('customer/' + patient, count);
    state.set('customers/' + count, patient);
    state.set('customers', count + 1);
  }

  /** Only the patient's own contract: nothing lets this organisation act any more. */
  removeCustomer(patient) {
    this._patient(patient);
    const at = state.get('customer/' + patient);
    if (at === null) return;
    const last = state.get('customers') - 1;
    const moved = state.get('customers/' + last);
    state.set('customers/' + at, moved);
    state.set('customer/' + moved, at);
    state.delete('customers/' + last);
    state.delete('customer/' + patient);
    state.set('customers', last);
  }

  /** Only Records: throws unless the author may store this for the organisation. Same argument as Patient.acceptWrite. */
  acceptWrite(write) {
    require(ctx.caller === 'Records', 'only Records asks this');
    require(state.get('provider') !== null, 'the owner is not set up as an organisation');
    require(this.roleOf(write.author) !== null, 'the author is not an active employee of the owning organisation');
    require(!write.onBehalfOf || write.onBehalfOf === ctx.owner, 'records of an organisation are written on its own behalf');
    require(write.epoch === 0, 'records of an organisation have epoch 0');
    for (const tag of write.tags) {
      require(write.recipients.some((r) => r.tag === tag), 'a tag has no recipient: nobody could open its records');
    }
    this.acceptRecipients(write.recipients);
  }

  /** Only Records: throws unless each recipient {tag, keyId} is a current key of this organisation or of an active employee. */
  acceptRecipients(recipients) {
    require(ctx.caller === 'Records', 'only Records asks this');
    const provider = state.get('provider');
    const teams = state.get('teams');
    const current = [provider.keyId];
    for (const role of Object.keys(teams)) if (!teams[role].stale) current.push(teams[role].keyId);
    for (const recipient of recipients) {
      if (current.includes(recipient.keyId)) continue;
      const role = this.retiredRole(recipient.keyId);
      require(role === null, `recipient: the team key of role ${role} is retired; ask for the recipients again`);
      const account = view('Identity', 'ownerOfKey', recipient.keyId);
      require(account !== null && this.isEmployee(account), 'recipient: a key is not a current key of this organisation or its employees');
    }
  }

  /** True once set up. */
  exists() {
    return state.get('provider') !== null;
  }

  /** {name, sealingKey, keyId, createdAt, customers: count}, or null. */
  of() {
    const provider = state.get('provider');
    return provider === null ? null : { ...provider, customers: state.get('customers') || 0 };
  }

  /** The role of an active, certified employee; "owner" for the owner; else null. */
  roleOf(account) {
    if (account === ctx.owner) return view('Identity', 'isActive', account) ? 'owner' : null;
    const employee = state.get('employee/' + account);
    return employee !== null && employee.active && view('Identity', 'isActive', account) ? employee.role : null;
  }

  /** True for an active employee (of the role, when one is given). The owner is not an employee. */
  isEmployee(account, role) {
    if (account === ctx.owner) return false;
    const is = this.roleOf(account);
    return is !== null && (!role || is === role);
  }

  /** [{account, role, active, since, until}] in order of first hiring: from (default 0), limit (default 100, at most 200). */
  employees(from = 0, limit = 100) {
    const end = Math.min(state.get('roster') || 0, from + Math.min(limit, 200));
    const all = [];
    for (let n = from; n < end; n++) {
      const account = state.get('roster/' + n);
      all.push({ account, ...state.get('employee/' + account) });
    }
    return all;
  }

  /** {role, keyId, publicKey, version, stale} of a role, or null. */
  teamKey(role) {
    return this.teamKeys().find((k) => k.role === role) || null;
  }

  /** [{role, keyId, publicKey, version, stale}]; a stale key waits for its replacement after a dismissal: seal nothing to it. */
  teamKeys() {
    const teams = state.get('teams') || {};
    return Object.keys(teams).map((role) => {
      const { keyId, publicKey, version, stale } = teams[role];
      return { role, keyId, publicKey, version, stale };
    });
  }

  /** The role that a retired or stale key id was the team key of, or null. */
  retiredRole(id) {
    const teams = state.get('teams') || {};
    for (const role of Object.keys(teams)) {
      if (teams[role].retired.includes(id) || (teams[role].stale && teams[role].keyId === id)) return role;
    }
    return null;
  }

  /** Owner and active employees: the accounts of the patients that let this organisation act. from, limit as employees. */
  customers(from = 0, limit = 100) {
    require(this.roleOf(ctx.caller) !== null, 'the customer list is for this organisation and its employees');
    const end = Math.min(state.get('customers') || 0, from + Math.min(limit, 200));
    const all = [];
    for (let n = from; n < end; n++) all.push(state.get('customers/' + n));
    return all;
  }

  /** True when the patient lets this organisation act. */
  isCustomer(patient) {
    return state.get('customer/' + patient) !== null;
  }

  /** Records owned by the organisation: {permit, reason, until: 0}. Same argument as Patient.decide. */
  decide(request) {
    const role = this.roleOf(request.requester);
    if (role === null) return { permit: false, reason: 'not an active employee of the organisation that owns this', until: 0 };
    if (request.onBehalfOf && request.onBehalfOf !== ctx.owner) {
      return { permit: false, reason: 'the request is on behalf of another organisation', until: 0 };
    }
    return { permit: true, reason: role === 'owner' ? 'owner' : 'employee of the owner', until: 0 };
  }

  /** Who to seal the organisation's own records to: [{actor: {organisation, role?}, keyId, publicKey}]; its own key first. */
  recipients() {
    const provider = state.get('provider');
    if (provider === null) return [];
    const all = [{ actor: { organisation: ctx.owner }, keyId: provider.keyId, publicKey: provider.sealingKey }];
    for (const { role, keyId, publicKey, stale } of this.teamKeys()) {
      if (!stale) all.push({ actor: { organisation: ctx.owner, role }, keyId, publicKey });
    }
    return all;
  }

  /** {epoch: 0, tags: [{tag, vault: null, recipients: [{keyId, publicKey}]}]} for the tags: the same shape as Patient.sealTo. */
  sealTo(tags) {
    const recipients = this.recipients().map(({ keyId, publicKey }) => ({ keyId, publicKey }));
    return { epoch: 0, tags: tags.map((tag) => ({ tag, vault: null, recipients })) };
  }

  _owner() {
    require(ctx.owner !== '' && ctx.caller === ctx.owner, 'only the organisation itself may do this');
  }

  _managed() {
    this._owner();
    const provider = state.get('provider');
    require(provider !== null, 'this organisation is not set up: call create first');
    return provider;
  }

  _patient(patient) {
    require(ctx.caller === 'Patient/' + patient, 'only the contract of the patient changes the customer list');
  }

  _stale(role) {
    const teams = state.get('teams');
    if (!teams[role]) return;
    teams[role].stale = true;
    state.set('teams', teams);
  }

  _role(role) {
    let good = typeof role === 'string' && role.length >= 1 && role.length <= 32 && role !== 'owner' && role !== 'constructor';
    if (good) for (const c of role) if (!'abcdefghijklmnopqrstuvwxyz0123456789-'.includes(c)) good = false;
    require(good, 'a role is 1 to 32 lower-case letters, digits or hyphens, and not "owner"');
  }

  _key(text) {
    require(typeof text === 'string' && text.startsWith('2:') && isHex(text.slice(2), 64), 'a sealing key is written 2: and 64 hexadecimal digits');
  }
}
