/**
 * A patient's vault keys and consent. Provisions follow FHIR R4 Consent.provision; purposes are HL7 v3 PurposeOfUse codes.
 *
 * State: `meta` {epoch, published, next, ends, actors, given, count, delegates, createdAt}, `vault/keys/{epoch}` {tag: public key},
 * `provision/{id}` each live provision; `meta.actors` [address] are the organisations and persons that any of them names, and `meta.given`
 * [{person: boolean, permits, ids}], in the same order, which ones, and how many of those are permits. So a grant writes one provision,
 * however many there are.
 *
 * Epochs: 64 at most. Whatever ends access advances the epoch. Ends that are known in advance stand in `ends` (ascending), so the
 * epoch at any time is a function of state and time: nobody has to be online. `_settle` makes it definite at the next transaction.
 * When no further epoch is published the epoch stays: its private keys were never shared, since only closed epochs' are.
 */
class Patient {
  static views = ['exists', 'currentEpoch', 'vault', 'vaultKeys', 'decide', 'recipients', 'sealTo', 'provisions', 'delegates'];

  /** Owner, certified as patient. setup = {vaultKeys: [{tag: "2:hex"}, …]}: the sets of epochs 0, 1, …; each has the same tags. */
  create(setup) {
    require(ctx.owner !== '' && ctx.caller === ctx.owner, 'only the patient may do this');
    require(state.get('meta') === null, 'this vault was created before');
    require(view('Identity', 'hasRole', ctx.owner, 'patient'), 'the owner is not certified as a patient');
    require(setup !== null && typeof setup === 'object', 'setup: an object is needed');
    const meta = { epoch: 0, published: 0, next: 1, ends: [], actors: [], given: [], count: 0, delegates: [], createdAt: ctx.time };
    this._publish(meta, 0, setup.vaultKeys);
    emit('created', { owner: ctx.owner, published: meta.published });
  }

  /** Owner: publishes the key sets of further epochs, from the first unpublished one on. Returns how many are published. */
  publishKeys(epochFrom, sets) {
    require(ctx.caller === ctx.owner, 'only the patient may do this');
    return this._publish(this._settle(), epochFrom, sets);
  }

  /**
   * Owner or delegate: adds a provision and returns its number.
   * provision = {type: permit|deny, actor: {organisation, role?} | {person}, actions: [read|write|search|aggregate],
   * purposes: [code], tags: [64 hex] | "all", period?: {start?, end?} in Unix ms}.
   * For a deny, empty actions or purposes mean all. A deny advances the epoch when it begins.
   * Errors: not allowed; a bad member, by name; over 64 live provisions for the actor, 2048 in all, or 256 actors.
   */
  grant(provision) {
    const meta = this._managed();
    const p = this._provision(provision, meta.next);
    const address = p.actor.organisation || p.actor.person;
    const person = p.actor.person !== undefined;
    const actor = this._room(meta, address, person);
    if (p.type === 'permit') {
      if (!person && actor.permits === 0) call('Provider/' + address, 'addCustomer', ctx.owner);
      if (p.end !== 0) this._insert(meta, p.end);
      actor.permits++;
    } else if (p.start > ctx.time) {
      this._insert(meta, p.start);
    } else {
      this._advance(meta);
    }
    actor.ids.push(p.id);
    meta.count++;
    meta.next++;
    state.set('provision/' + p.id, p);
    state.set('meta', meta);
    emit('granted', { id: p.id, type: p.type, actor: p.actor, start: p.start, end: p.end });
    return p.id;
  }

  /** Owner or delegate: ends a provision at once; the end of a permit that had begun advances the epoch. Returns the epoch. */
  revoke(id) {
    const meta = this._managed();
    const p = Number.isSafeInteger(id) ? state.get('provision/' + id) : null;
    require(p !== null, `there is no provision ${id} in force`);
    const address = p.actor.organisation || p.actor.person;
    if (p.type === 'permit' && p.start <= ctx.time) this._advance(meta);
    this._remove(meta, p.type === 'permit' ? p.end : p.start);
    this._drop(meta, address, [p]);
    state.set('meta', meta);
    emit('revoked', { id, actor: p.actor, epoch: meta.epoch });
    return meta.epoch;
  }

  /** Owner or delegate: closes the current epoch. Returns the new one. Errors: no further epoch is published. */
  advanceEpoch() {
    const meta = this._managed();
    require(meta.epoch + 1 < meta.published, `epoch ${meta.epoch} is the last one published: publish more keys`);
    this._advance(meta);
    state.set('meta', meta);
    return meta.epoch;
  }

  /** Owner: a certified person may read everything and grant and revoke, until `until` (ms, 0 = open). At most 8. */
  appoint(account, until) {
    require(ctx.caller === ctx.owner, 'only the patient may do this');
    const meta = this._settle();
    require(account !== ctx.owner && view('Identity', 'isActive', account), 'a delegate is another account, certified by the key authority');
    require(until === 0 || (Number.isSafeInteger(until) && until > ctx.time), 'until is a later time in ms, or 0');
    require(!meta.delegates.some((d) => d.account === account), 'this account is a delegate already');
    require(meta.delegates.length < 8, 'at most 8 delegates');
    meta.delegates.push({ account, until });
    if (until !== 0) this._insert(meta, until);
    state.set('meta', meta);
    emit('appointed', { account, until });
  }

  /** Owner, or the delegate itself: ends the delegation and advances the epoch. */
  release(account) {
    require(ctx.caller === ctx.owner || ctx.caller === account, 'only the patient or the delegate may do this');
    const meta = this._settle();
    const delegate = meta.delegates.find((d) => d.account === account);
    require(delegate, 'this account is not a delegate');
    meta.delegates = meta.delegates.filter((d) => d.account !== account);
    this._remove(meta, delegate.until);
    this._advance(meta);
    state.set('meta', meta);
    emit('released', { account });
  }

  /**
   * Only Records: throws unless the author may store this. write = {author, onBehalfOf, tags, epoch, recipients: [{tag, keyId}], count,
   * bytes}. Each tag needs the wrap to the vault (letters excepted); every other recipient must be permitted and current.
   */
  acceptWrite(write) {
    require(ctx.caller === 'Records', 'only Records asks this');
    const meta = this._settle();
    const epoch = meta.epoch;
    require(write.epoch === epoch, `epoch ${write.epoch} is ${write.epoch < epoch ? 'retired' : 'not in force'}; the current epoch is ${epoch}`);
    this._authorise(meta, write);
    const keys = state.get('vault/keys/' + epoch);
    const vault = {};
    for (const tag of write.tags) {
      if (tag === this._letter()) continue;
      require(keys[tag], 'a tag is not one of this vault');
      vault[tag] = keyIdOf(keys[tag]);
      require(write.recipients.some((r) => r.tag === tag && r.keyId === vault[tag]), 'the wrap to the vault key of this epoch is missing for a tag');
    }
    this._check(meta, write.recipients.filter((r) => r.keyId !== vault[r.tag]));
  }

  /** Only Records: throws unless each recipient {tag, keyId} is a current key of a permitted grantee (wraps added later). */
  acceptRecipients(recipients) {
    require(ctx.caller === 'Records', 'only Records asks this');
    this._check(this._settle(), recipients);
  }

  /** True once created. */
  exists() {
    return state.get('meta') !== null;
  }

  /** The epoch in force at the time of the state. */
  currentEpoch() {
    return this._epoch(this._meta(), ctx.time);
  }

  /** {epoch, published, keys: {tag: public key} of the current epoch}. */
  vault() {
    const epoch = this.currentEpoch();
    return { epoch, published: this._meta().published, keys: state.get('vault/keys/' + epoch) };
  }

  /** {tag: public key} of an epoch, or null. */
  vaultKeys(epoch) {
    return state.get('vault/keys/' + epoch);
  }

  /**
   * May this be done? request = {requester, onBehalfOf?, action, purpose, tag, time?}. Answer {permit, reason, until}: until is the next
   * instant (ms) at which a provision for this requester begins or ends, 0 for none. A permission ends at the later of time and block
   * time, and begins at the earlier. Deny provisions win; what nothing permits is denied.
   */
  decide(request) {
    const no = (reason, until) => ({ permit: false, reason, until });
    const meta = state.get('meta');
    if (meta === null) return no('this person has no vault', 0);
    const { requester, onBehalfOf, action, purpose } = request;
    const time = request.time || ctx.time;
    const when = [Math.min(time, ctx.time), Math.max(time, ctx.time)];
    if (!this._action(action)) return no('the action is not known', 0);
    if (!this._purpose(purpose)) return no('the purpose of use is not known', 0);
    // An employee's certificate is part of roleOf: one call less for the common read.
    const role = onBehalfOf ? view('Provider/' + onBehalfOf, 'roleOf', requester) : null;
    if (onBehalfOf && role === null) return no('the requester is not an active employee of the organisation', 0);
    if (!onBehalfOf && !view('Identity', 'isActive', requester)) return no('the requester is not certified, or its key was revoked', 0);
    if (requester === ctx.owner) return { permit: true, reason: 'owner', until: 0 };
    const delegate = meta.delegates.find((d) => d.account === requester && (d.until === 0 || d.until > when[1]));
    if (delegate) return { permit: true, reason: 'delegate', until: delegate.until };
    let provisions = this._of(meta, requester);
    if (onBehalfOf && onBehalfOf !== requester) provisions = provisions.concat(this._of(meta, onBehalfOf));
    return this._weigh(provisions.filter((p) => this._concerns(p, requester, role)), request, when);
  }

  /** Who may be sealed to for a tag, now: [{actor: {organisation, role} | {person}, keyId, publicKey}]. The vault is not among them. */
  recipients(tag) {
    return this._permitted(this._meta(), tag, {});
  }

  /** All an author needs: {epoch, tags: [{tag, vault: {keyId, publicKey} | null, recipients: [{keyId, publicKey}]}]}; no vault for letters. */
  sealTo(tags) {
    const meta = this._meta();
    const epoch = this._epoch(meta, ctx.time);
    const keys = state.get('vault/keys/' + epoch);
    const cache = {};
    return {
      epoch,
      tags: tags.map((tag) => ({
        tag,
        vault: keys[tag] ? { keyId: keyIdOf(keys[tag]), publicKey: keys[tag] } : null,
        recipients: this._permitted(meta, tag, cache).map((r) => ({ keyId: r.keyId, publicKey: r.publicKey })),
      })),
    };
  }

  /**
   * The provisions not yet ended: all for the owner and delegates; else those that name the caller, or the organisation it works for.
   * As many as fit an answer (about 60 kB), from the from-th (default 0); an empty answer is the end.
   */
  provisions(onBehalfOf, from = 0) {
    const meta = this._meta();
    const all = ctx.caller === ctx.owner || this._isDelegate(meta, ctx.caller);
    const actors = all ? [...meta.actors] : [ctx.caller];
    if (!all && onBehalfOf && view('Provider/' + onBehalfOf, 'roleOf', ctx.caller) !== null) actors.push(onBehalfOf);
    const found = [];
    let skip = from;
    let room = 60000;
    for (const address of actors) {
      for (const p of this._of(meta, address)) {
        if ((p.end !== 0 && p.end <= ctx.time) || skip-- > 0) continue;
        room -= JSON.stringify(p).length;
        if (room < 0) return found;
        found.push(p);
      }
    }
    return found;
  }

  /** [{account, until}] in force. */
  delegates() {
    return this._meta().delegates.filter((d) => d.until === 0 || d.until > ctx.time);
  }

  // ---- epochs

  _meta() {
    const meta = state.get('meta');
    require(meta !== null, 'this person has no vault');
    return meta;
  }

  _epoch(meta, time) {
    let due = 0;
    for (let i = 0; i < meta.ends.length && meta.ends[i] <= time; i++) if (i === 0 || meta.ends[i] !== meta.ends[i - 1]) due++;
    return Math.min(meta.epoch + due, meta.published - 1);
  }

  // Makes ends that have passed definite. Only a transaction may call this.
  _settle() {
    const meta = this._meta();
    if (meta.ends.length === 0 || meta.ends[0] > ctx.time) return meta;
    meta.epoch = this._epoch(meta, ctx.time);
    meta.ends = meta.ends.filter((end) => end > ctx.time);
    meta.delegates = meta.delegates.filter((d) => d.until === 0 || d.until > ctx.time);
    for (const address of [...meta.actors]) this._drop(meta, address, this._of(meta, address).filter((p) => this._ended(p)));
    state.set('meta', meta);
    emit('epoch', { epoch: meta.epoch });
    return meta;
  }

  _managed() {
    const meta = this._settle();
    require(ctx.caller === ctx.owner || this._isDelegate(meta, ctx.caller), 'only the patient or a delegate may do this');
    return meta;
  }

  _isDelegate(meta, account) {
    return meta.delegates.some((d) => d.account === account && (d.until === 0 || d.until > ctx.time));
  }

  _advance(meta) {
    if (meta.epoch + 1 >= meta.published) return;
    meta.epoch++;
    emit('epoch', { epoch: meta.epoch });
  }

  _insert(meta, end) {
    let i = meta.ends.length;
    require(i < 1024, 'at most 1024 ends may lie ahead: revoke some provisions first');
    while (i > 0 && meta.ends[i - 1] > end) i--;
    meta.ends = [...meta.ends.slice(0, i), end, ...meta.ends.slice(i)];
  }

  _remove(meta, end) {
    const i = meta.ends.indexOf(end);
    if (i >= 0) meta.ends = [...meta.ends.slice(0, i), ...meta.ends.slice(i + 1)];
  }

  // The provisions that name an actor, those that have ended lately among them.
  _of(meta, address) {
    const at = meta.actors.indexOf(address);
    return at < 0 ? [] : meta.given[at].ids.map((id) => state.get('provision/' + id));
  }

  _ended(p) {
    return p.end !== 0 && p.end <= ctx.time;
  }

  // The actor's entry with room for one provision more. Denials that ended are still counted: they go when room is needed.
  _room(meta, address, person) {
    require(meta.count < 2048, 'at most 2048 provisions may be in force in all: revoke some first');
    let at = meta.actors.indexOf(address);
    if (at >= 0 && meta.given[at].ids.length >= 64) {
      this._drop(meta, address, this._of(meta, address).filter((p) => this._ended(p)));
      at = meta.actors.indexOf(address);
    }
    if (at >= 0) {
      require(meta.given[at].ids.length < 64, 'at most 64 provisions may be in force for one actor: revoke some first');
      require(meta.given[at].person === person, 'this account has provisions of the other kind of actor');
      return meta.given[at];
    }
    require(meta.actors.length < 256, 'at most 256 organisations and persons may have provisions');
    if (person) require(view('Identity', 'isActive', address), 'the person is not certified by the key authority');
    const actor = { person, permits: 0, ids: [] };
    meta.actors.push(address);
    meta.given.push(actor);
    return actor;
  }

  // Takes provisions away from an actor, and the actor where none is left.
  _drop(meta, address, gone) {
    if (gone.length === 0) return;
    const at = meta.actors.indexOf(address);
    const actor = meta.given[at];
    const had = actor.permits > 0;
    for (const p of gone) {
      state.delete('provision/' + p.id);
      if (p.type === 'permit') actor.permits--;
    }
    meta.count -= gone.length;
    actor.ids = actor.ids.filter((id) => !gone.some((p) => p.id === id));
    if (!actor.person && had && actor.permits === 0) call('Provider/' + address, 'removeCustomer', ctx.owner);
    if (actor.ids.length > 0) return;
    meta.actors = meta.actors.filter((a) => a !== address);
    meta.given = meta.given.filter((g) => g !== actor);
  }

  _publish(meta, epochFrom, sets) {
    require(epochFrom === meta.published, `the first unpublished epoch is ${meta.published}`);
    require(Array.isArray(sets) && sets.length >= 1 && epochFrom + sets.length <= 64, 'key sets: one or more are needed, 64 epochs in all');
    const first = epochFrom === 0 ? sets[0] : state.get('vault/keys/0');
    const tags = Object.keys(first);
    require(tags.length >= 1 && tags.length <= 64, 'a key set has 1 to 64 tags');
    for (const tag of tags) require(isHex(tag, 64), 'a tag is 64 hexadecimal digits');
    for (const set of sets) {
      require(Object.keys(set).length === tags.length, 'every key set has the tags of epoch 0');
      for (const tag of tags) {
        const key = set[tag];
        require(typeof key === 'string' && key.startsWith('2:') && isHex(key.slice(2), 64), 'a vault key is written 2: and 64 hexadecimal digits');
      }
      state.set('vault/keys/' + meta.published, set);
      meta.published++;
    }
    state.set('meta', meta);
    return meta.published;
  }

  // ---- deciding

  _concerns(p, requester, role) {
    if (p.actor.person) return p.actor.person === requester;
    return role !== null && (!p.actor.role || p.actor.role === role);
  }

  // when = [earlier, later] of the asker's clock and block time.
  _weigh(provisions, request, when) {
    const { action, purpose, tag } = request;
    let permit = null;
    let deny = null;
    let until = 0;
    for (const p of provisions) {
      if (!this._covers(p, action, tag) || (p.purposes.length > 0 && !p.purposes.includes(purpose) && !this._isLetter(p, tag))) continue;
      for (const instant of [p.start, p.end]) if (instant > when[0] && (until === 0 || instant < until)) until = instant;
      if (p.type === 'deny') {
        if (p.start <= when[1] && (p.end === 0 || p.end > when[0])) deny = p;
      } else if (p.start <= when[0] && (p.end === 0 || p.end > when[1])) {
        permit = p;
      }
    }
    if (deny) return { permit: false, reason: `denied by provision ${deny.id}`, until };
    if (permit) return { permit: true, reason: `permitted by provision ${permit.id}`, until };
    return { permit: false, reason: 'no provision permits it', until };
  }

  // A letter is read by whoever has any permit: it tells a writer the tags, and a reader the closed epochs' keys.
  _isLetter(p, tag) {
    return tag === this._letter() && p.type === 'permit';
  }

  _covers(p, action, tag) {
    if (action === 'read' && this._isLetter(p, tag)) return true;
    return (p.actions.length === 0 || p.actions.includes(action)) && (p.tags === 'all' ? tag !== this._letter() || p.type === 'deny' : p.tags.includes(tag));
  }

  _live(p) {
    return p.start <= ctx.time && (p.end === 0 || p.end > ctx.time);
  }

  // Whether some permit for the action stands once denies are heeded; where no purpose is known a deny counts if it
  // leaves none of the permit's purposes. role null: a person.
  _stands(list, action, tag, role) {
    const mine = list.filter((p) => this._live(p) && (!p.actor.role || p.actor.role === role) && this._covers(p, action, tag));
    const denies = mine.filter((p) => p.type === 'deny');
    return mine.some((p) => p.type === 'permit'
      && !denies.some((d) => d.purposes.length === 0 || p.purposes.every((purpose) => d.purposes.includes(purpose))));
  }

  _permitted(meta, tag, cache) {
    const found = [];
    for (const d of meta.delegates) if (this._isDelegate(meta, d.account)) this._person(found, d.account, cache);
    for (let at = 0; at < meta.actors.length; at++) {
      const address = meta.actors[at];
      if (!cache['list/' + address]) cache['list/' + address] = this._of(meta, address);
      const list = cache['list/' + address];
      if (meta.given[at].person) {
        if (this._stands(list, 'read', tag, null)) this._person(found, address, cache);
        continue;
      }
      if (!cache['team/' + address]) cache['team/' + address] = view('Provider/' + address, 'teamKeys');
      for (const { role, keyId, publicKey, stale } of cache['team/' + address]) {
        if (!stale && this._stands(list, 'read', tag, role)) found.push({ actor: { organisation: address, role }, keyId, publicKey });
      }
    }
    return found;
  }

  _person(found, account, cache) {
    if (!cache['id/' + account]) cache['id/' + account] = view('Identity', 'of', account);
    const id = cache['id/' + account];
    if (id !== null && id.active) found.push({ actor: { person: account }, keyId: id.sealingKeyId, publicKey: id.sealingKey });
  }

  // ---- writes

  _authorise(meta, write) {
    const { author, onBehalfOf, tags } = write;
    const role = onBehalfOf ? view('Provider/' + onBehalfOf, 'roleOf', author) : null;
    require(!onBehalfOf || role !== null, 'the author is not an active employee of the organisation');
    require(onBehalfOf || view('Identity', 'isActive', author), 'the author is not certified, or its key was revoked');
    if (author === ctx.owner) return;
    const own = this._of(meta, author);
    const list = onBehalfOf && onBehalfOf !== author ? this._of(meta, onBehalfOf) : [];
    const all = own.concat(list).filter((p) => p.actor.person || role !== null);
    for (const tag of tags) {
      require(tag !== this._letter(), 'only the patient writes letters');
      require(this._stands(all, 'write', tag, role), 'the author is not permitted to write records of this kind (tag)');
    }
  }

  _check(meta, recipients) {
    const cache = {};
    const keys = {};
    for (const { tag, keyId } of recipients) {
      if (!keys[tag]) keys[tag] = this._permitted(meta, tag, cache).map((r) => r.keyId);
      if (keys[tag].includes(keyId)) continue;
      for (const address of meta.actors) {
        if (!cache['team/' + address]) continue;
        const role = view('Provider/' + address, 'retiredRole', keyId);
        require(role === null, `recipient: the team key of role ${role} of ${address} is retired; ask for the recipients again`);
      }
      fail('recipient: a key is not the current key of anyone permitted to read this tag');
    }
  }

  // ---- provisions

  _provision(given, id) {
    require(given !== null && typeof given === 'object', 'provision: an object is needed');
    const { type, actor, actions, purposes, tags, period } = given;
    require(type === 'permit' || type === 'deny', 'type is permit or deny');
    const least = type === 'permit' ? 1 : 0;
    require(this._listed(actions, least, (a) => this._action(a)), `actions: ${least} or more of read, write, search, aggregate`);
    require(this._listed(purposes, least, (a) => this._purpose(a)), `purposes: ${least} or more HL7 v3 PurposeOfUse codes, such as TREAT`);
    require(tags === 'all' || this._listed(tags, 1, (t) => isHex(t, 64)), 'tags: "all", or 1 to 64 tags of 64 hexadecimal digits');
    const start = period && period.start !== undefined ? period.start : ctx.time;
    const end = period && period.end !== undefined ? period.end : 0;
    require(Number.isSafeInteger(start) && start >= 0, 'period.start is a time in ms');
    require(end === 0 || (Number.isSafeInteger(end) && end > start && end > ctx.time), 'period.end is a time in ms after start and now, or 0');
    return { id, type, actor: this._actor(actor), actions, purposes, tags, start, end };
  }

  _actor(actor) {
    require(actor !== null && typeof actor === 'object', 'actor: an object is needed');
    const { organisation, role, person } = actor;
    require(!organisation !== !person, 'actor names an organisation or a person');
    require(isAccount(organisation || person), 'actor is not a ptoy1 account');
    require((organisation || person) !== ctx.owner, 'actor is the patient');
    require(!role || (organisation && typeof role === 'string' && role.length <= 32), 'actor.role goes with an organisation, and has at most 32 characters');
    if (person) return { person };
    return role ? { organisation, role } : { organisation };
  }

  _listed(list, least, known) {
    return Array.isArray(list) && list.length >= least && list.length <= 64 && list.every(known);
  }

  _action(text) {
    return ['read', 'write', 'search', 'aggregate'].includes(text);
  }

  _purpose(code) {
    return ['TREAT', 'ETREAT', 'CAREMGT', 'HPAYMT', 'COVERAGE', 'HOPERAT', 'HQUALIMP', 'PATADMIN', 'PATSFTY', 'HRESCH', 'CLINTRCH',
      'PUBHLTH', 'POPHLTH', 'FRAUD', 'PATRQT', 'FAMRQT', 'PWATRNY', 'HLEGAL', 'HSYSADMIN', 'HMARKT'].includes(code);
  }

  // Digest("ptoy/tag/letter"): the tag of letters, the same for everyone.
  _letter() {
    return '7b4c7250b3206c0ec23775367b4aa3fe064f4086370c92a593527b4c14833dbe';
  }
}
