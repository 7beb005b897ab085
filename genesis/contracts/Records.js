/**
 * Manifests of sealed records: what exists, whose it is, and that a quorum of members holds the bytes. Only salted commitments
 * and tags are here, never names of compartments.
 *
 * State: `manifest/{root}`, `owner/{account}` count, `owner/{account}/{n}` -> root, `wraps/{root}` count, `wraps/{root}/{n}`.
 */
class Records {
  static views = ['manifest', 'ofOwner', 'wraps'];

  /**
   * The caller, as author, registers a manifest whose bytes are stored.
   * manifest = {root: 64 hex, bytes, count: 1..1000, epoch, tags: [64 hex], recipients: [{tag, keyId}], underReplicated?: true};
   * receipts = [{node: "1:hex", signature: hex}], from a quorum of the members' nodes (from f + 1 with underReplicated); onBehalfOf = the
   * organisation the author works for. Errors: bad manifest; registered before; receipts forged, repeated or too few; refused by
   * the owner's contract (author, epoch, recipient); over quota.
   */
  register(owner, manifest, receipts, onBehalfOf) {
    require(isAccount(owner), 'the owner is not a ptoy1 account');
    require(isAccount(ctx.caller), 'the author is an account');
    require(!onBehalfOf || isAccount(onBehalfOf), 'onBehalfOf is not a ptoy1 account');
    const { root, bytes, count, epoch, tags, recipients, underReplicated } = this._manifest(manifest);
    require(state.get('manifest/' + root) === null, 'this manifest is registered already');
    const members = view('Governance', 'members');
    // What the members signed: they saw epoch, tags and recipients in the manifest and its wraps.
    const facts = sha256(`${epoch}|${tags.join(',')}|${recipients.map((r) => r.tag + ':' + r.keyId).join(',')}`);
    const backing = this._backing(members, `${ctx.chainId}|${root}|${owner}|${bytes}|${count}|${facts}`, receipts, underReplicated === true);
    call(this._contract(owner), 'acceptWrite', { author: ctx.caller, onBehalfOf: onBehalfOf || '', tags, epoch, recipients, count, bytes });
    const charged = !members.some((m) => m.organisation === owner);
    if (charged) call('Token', 'chargeStorage', owner, bytes, backing.organisations);
    const n = state.get('owner/' + owner) || 0;
    state.set('owner/' + owner, n + 1);
    state.set(`owner/${owner}/${n}`, root);
    state.set('manifest/' + root, {
      owner, author: ctx.caller, onBehalfOf: onBehalfOf || null, bytes, count, epoch, tags, facts, nodes: backing.nodes,
      underReplicated: underReplicated === true, charged, retired: false, height: ctx.height, time: ctx.time,
    });
    emit('registered', { root, owner, author: ctx.caller, count, bytes, underReplicated: underReplicated === true });
  }

  /** Anybody: shows that a quorum now holds an under-replicated manifest. Errors: not under-replicated; receipts as register. */
  repaired(root, receipts) {
    const entry = this._entry(root);
    require(entry.underReplicated, 'this manifest is not under-replicated');
    const backing = this._backing(view('Governance', 'members'), `${ctx.chainId}|${root}|${entry.owner}|${entry.bytes}|${entry.count}|${entry.facts}`, receipts, false);
    state.set('manifest/' + root, { ...entry, underReplicated: false, nodes: backing.nodes });
    emit('repaired', { root, owner: entry.owner });
  }

  /**
   * The owner (for an organisation's records also its active employees): the records are given up; nodes delete bytes and wraps,
   * and the bytes count no more against the quota. Errors: unknown; retired before; not allowed.
   */
  retire(root) {
    const entry = this._entry(root);
    this._owned(entry);
    state.set('manifest/' + root, { ...entry, retired: true });
    if (entry.charged) call('Token', 'releaseStorage', entry.owner, entry.bytes);
    emit('retired', { root, owner: entry.owner, bytes: entry.bytes });
  }

  /**
   * The owner (for an organisation's records also its active employees): registers further wraps of records of this manifest.
   * added = {recipients: [{tag, keyId}], commitment: 64 hex, salted}. Errors: as retire; a recipient not permitted or not current.
   */
  addWraps(root, added) {
    const entry = this._entry(root);
    this._owned(entry);
    require(added !== null && typeof added === 'object', 'added: an object is needed');
    const { recipients, commitment } = added;
    require(isHex(commitment, 64), 'commitment is 64 hexadecimal digits');
    this._recipients(recipients, entry.tags);
    require(recipients.length >= 1, 'recipients: one or more are needed');
    call(this._contract(entry.owner), 'acceptRecipients', recipients);
    const n = state.get('wraps/' + root) || 0;
    state.set('wraps/' + root, n + 1);
    state.set(`wraps/${root}/${n}`, { commitment, by: ctx.caller, height: ctx.height, time: ctx.time });
    emit('wrapsAdded', { root, owner: entry.owner, commitment });
  }

  /**
   * {root, owner, author, onBehalfOf, bytes, count, epoch, tags, nodes, underReplicated, charged, retired, height, time}, or null.
   */
  manifest(root) {
    const entry = state.get('manifest/' + root);
    return entry === null ? null : { root, ...entry };
  }

  /**
   * An owner's manifests in order of registration: [{root, author, onBehalfOf, count, bytes, epoch, retired, height}], from (default 0),
   * limit (default 100, at most 200). Only this much of each, so that a page fits an answer.
   */
  ofOwner(owner, from = 0, limit = 100) {
    const end = Math.min(state.get('owner/' + owner) || 0, from + Math.min(limit, 200));
    const all = [];
    for (let n = from; n < end; n++) {
      const { root, author, onBehalfOf, count, bytes, epoch, retired, height } = this.manifest(state.get(`owner/${owner}/${n}`));
      all.push({ root, author, onBehalfOf, count, bytes, epoch, retired, height });
    }
    return all;
  }

  /** [{commitment, by, height, time}] of wraps added later to a manifest: from (default 0), limit (default 100, at most 200). */
  wraps(root, from = 0, limit = 100) {
    const all = [];
    const end = Math.min(state.get('wraps/' + root) || 0, from + Math.min(limit, 200));
    for (let n = from; n < end; n++) all.push(state.get(`wraps/${root}/${n}`));
    return all;
  }

  _entry(root) {
    const entry = state.get('manifest/' + root);
    require(entry !== null, 'there is no such manifest');
    require(!entry.retired, 'this manifest is retired');
    return entry;
  }

  _owned(entry) {
    if (ctx.caller === entry.owner) return;
    const contract = this._contract(entry.owner);
    require(contract.startsWith('Provider/') && view(contract, 'roleOf', ctx.caller) !== null,
      'only the owner, or an active employee of the owning organisation, may do this');
  }

  _contract(owner) {
    const id = view('Identity', 'of', owner);
    require(id !== null, 'the owner is not certified');
    if (id.roles.includes('organisation')) return 'Provider/' + owner;
    require(id.roles.includes('patient'), 'the owner is neither a patient nor an organisation');
    return 'Patient/' + owner;
  }

  // {nodes, organisations} that signed; throws unless enough different member nodes did.
  _backing(members, text, receipts, few) {
    require(Array.isArray(receipts) && receipts.length <= members.length, 'receipts: a list, no longer than the members');
    const faulty = Math.floor((members.length - 1) / 3);
    const needed = few ? faulty + 1 : Math.floor((members.length + faulty + 2) / 2);
    require(receipts.length >= needed, `${receipts.length} storage receipts, fewer than the ${needed} needed`);
    const nodes = [];
    const organisations = [];
    for (const { node, signature } of receipts) {
      const member = members.find((m) => m.nodeKey === node);
      require(member, 'a storage receipt is not from a member');
      require(!nodes.includes(node), 'two storage receipts are from the same node');
      require(verifySignature(node, 'ptoy/storage-receipt/v1', text, signature), 'the signature of a storage receipt is wrong');
      nodes.push(node);
      if (!organisations.includes(member.organisation)) organisations.push(member.organisation);
    }
    return { nodes, organisations };
  }

  _manifest(manifest) {
    require(manifest !== null && typeof manifest === 'object', 'manifest: an object is needed');
    const { root, bytes, count, epoch, tags, recipients } = manifest;
    require(isHex(root, 64), 'root is 64 hexadecimal digits');
    require(Number.isSafeInteger(bytes) && bytes >= 1 && bytes <= 1000000000000, 'bytes is a whole number from 1 to 10^12');
    require(Number.isInteger(count) && count >= 1 && count <= 1000, 'count is a whole number from 1 to 1000');
    require(Number.isInteger(epoch) && epoch >= 0 && epoch <= 63, 'epoch is a whole number from 0 to 63');
    require(Array.isArray(tags) && tags.length >= 1 && tags.length <= 64, 'tags: 1 to 64 are needed');
    for (let i = 0; i < tags.length; i++) require(isHex(tags[i], 64) && tags.indexOf(tags[i]) === i, 'a tag is 64 hexadecimal digits, and listed once');
    this._recipients(recipients, tags);
    return manifest;
  }

  _recipients(recipients, tags) {
    require(Array.isArray(recipients) && recipients.length <= 400, 'recipients: at most 400 pairs of tag and key; split the manifest');
    for (const { tag, keyId } of recipients) {
      require(tags.includes(tag), 'recipient: its tag is not one of the manifest');
      require(typeof keyId === 'string' && keyId.length === 64, 'recipient: keyId is 64 hexadecimal digits');
    }
  }
}
