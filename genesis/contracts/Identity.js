/**
 * Who is certified, by the key authority. No name, number or medical fact is ever here.
 *
 * State: `authority`, `id/{account}`, `key/{keyId}` -> account, `person/{commitment}` -> account with the live key.
 */
class Identity {
  static views = ['of', 'isActive', 'hasRole', 'ownerOfKey', 'authority', 'successor'];

  /** Genesis only: names the key authority's account. */
  init(authority) {
    require(ctx.caller === '' && ctx.height === 0, 'init is for genesis only');
    require(isAccount(authority), 'the key authority is not a ptoy1 account');
    state.set('authority', authority);
  }

  /**
   * Key authority (or genesis): certifies an account, or replaces what is certified about it.
   * facts = {sealingKey: "2:hex", roles: [patient|practitioner|organisation|service|researcher|guardian], signingKey?: "1:hex",
   * personCommitment?: 64 hex, salted by the authority}.
   * Errors: not the authority; bad facts; the signing key is not the account's; the person has another live key.
   */
  certify(account, facts) {
    this._authority();
    require(isAccount(account), 'the account is not a ptoy1 account');
    const old = state.get('id/' + account);
    if (old !== null) require(!old.successor, 'this account was replaced by another: certify that one');
    this._certify(account, facts, old);
    emit('certified', { account, roles: facts.roles });
  }

  /** Key authority: the account's key counts no more (lost, stolen, left). Errors: not the authority; not certified. */
  revoke(account) {
    this._authority();
    const id = this._live(account);
    this._end(account, id, null);
    emit('revoked', { account });
  }

  /**
   * Key authority: moves a person to a new key: the old one ends and names its successor in the same step.
   * Errors: as revoke and certify; the new account is certified already.
   */
  rotate(account, successor, facts) {
    this._authority();
    require(isAccount(successor) && successor !== account, 'the successor is not another ptoy1 account');
    const id = this._live(account);
    require(state.get('id/' + successor) === null, 'the successor is certified already');
    this._end(account, id, successor);
    const carried = id.person ? { personCommitment: id.person } : {};
    this._certify(successor, { roles: id.roles, ...carried, ...facts }, null);
    emit('rotated', { account, successor });
  }

  /** {roles, sealingKey, sealingKeyId, signingKey, active, certifiedAt, revokedAt, successor}, or null. */
  of(account) {
    const id = state.get('id/' + account);
    if (id === null) return null;
    const { roles, sealingKey, sealingKeyId, signingKey, active, certifiedAt, revokedAt, successor } = id;
    return { roles, sealingKey, sealingKeyId, signingKey, active, certifiedAt, revokedAt, successor };
  }

  /** True while the account is certified. */
  isActive(account) {
    const id = state.get('id/' + account);
    return id !== null && id.active;
  }

  /** True while the account is certified for the role. */
  hasRole(account, role) {
    const id = state.get('id/' + account);
    return id !== null && id.active && id.roles.includes(role);
  }

  /** The certified account whose current sealing key has this id, or null. */
  ownerOfKey(keyId) {
    const account = state.get('key/' + keyId);
    if (account === null) return null;
    const id = state.get('id/' + account);
    return id.active && id.sealingKeyId === keyId ? account : null;
  }

  /** The key authority's account. */
  authority() {
    return state.get('authority');
  }

  /** The account that replaced this one, or null. */
  successor(account) {
    const id = state.get('id/' + account);
    return id === null ? null : id.successor;
  }

  _authority() {
    const genesis = ctx.caller === '' && ctx.height === 0;
    require(genesis || ctx.caller === state.get('authority'), 'only the key authority may do this');
  }

  _live(account) {
    const id = state.get('id/' + account);
    require(id !== null && id.active, 'this account is not certified');
    return id;
  }

  _end(account, id, successor) {
    state.set('id/' + account, { ...id, active: false, revokedAt: ctx.time, successor });
    if (id.person) state.delete('person/' + id.person);
  }

  _certify(account, facts, old) {
    require(facts !== null && typeof facts === 'object', 'facts: an object is needed');
    const { sealingKey, roles, signingKey, personCommitment } = facts;
    this._roles(roles);
    require(this._key(sealingKey, '2:'), 'sealingKey is written 2: and 64 hexadecimal digits');
    if (signingKey) {
      require(this._key(signingKey, '1:'), 'signingKey is written 1: and 64 hexadecimal digits');
      require(accountOf(signingKey) === account, 'signingKey does not belong to the account');
    }
    const sealingKeyId = keyIdOf(sealingKey);
    const holder = state.get('key/' + sealingKeyId);
    require(holder === null || holder === account, 'sealingKey is certified for another account');
    this._person(account, personCommitment, old);
    if (holder === null) state.set('key/' + sealingKeyId, account);
    state.set('id/' + account, {
      roles, sealingKey, sealingKeyId, signingKey: signingKey || null, person: personCommitment || null,
      active: true, certifiedAt: ctx.time, revokedAt: null, successor: null,
    });
  }

  _person(account, commitment, old) {
    if (old !== null && old.person && old.person !== commitment && state.get('person/' + old.person) === account) {
      state.delete('person/' + old.person);
    }
    if (!commitment) return;
    require(this._key('1:' + commitment, '1:'), 'personCommitment is 64 hexadecimal digits');
    const holder = state.get('person/' + commitment);
    require(holder === null || holder === account, 'this person has a live key already: revoke or rotate that one first');
    if (holder === null) state.set('person/' + commitment, account);
  }

  _roles(roles) {
    require(Array.isArray(roles) && roles.length >= 1 && roles.length <= 6, 'roles: one to six are needed');
    for (const role of roles) {
      require(['patient', 'practitioner', 'organisation', 'service', 'researcher', 'guardian'].includes(role), 'roles: one is not known');
    }
    require(!(roles.includes('patient') && roles.includes('organisation')), 'an organisation cannot be a patient');
  }

  _key(text, suite) {
    return typeof text === 'string' && text.startsWith(suite) && isHex(text.slice(2), 64);
  }
}
