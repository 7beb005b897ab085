/**
 * What the member nodes say about one another: who does not answer, and who signed two contradictory votes.
 *
 * State: `reports` {nodeKey: {absent: [nodeKey], present: [nodeKey]}}, `absent` [nodeKey], `evidence/{nodeKey}`.
 */
class Conduct {
  static views = ['absent', 'reports', 'evidence'];

  /**
   * A member's node account: views of this node as primary ended by timeout. f + 1 reports, one of them from a correct node, mark it: from
   * the next epoch on it does not take turns as primary. epoch is the one in force. Errors: not a member node; another epoch; no such member.
   */
  reportAbsent(epoch, nodeKey) {
    this._report(epoch, nodeKey, true);
  }

  /** As reportAbsent: the node signs checkpoints again. f + 1 reports take the mark away, for the next epoch. */
  reportPresent(epoch, nodeKey) {
    this._report(epoch, nodeKey, false);
  }

  /**
   * Anybody shows two votes of one node for the same phase, epoch, view and height and for different blocks, both under its signature:
   * {nodeKey, phase: "prepare"|"commit", epoch, view, height, first: {blockHash, signature}, second: {blockHash, signature}}. The
   * first such proof about a node is kept. Errors: malformed; the same block twice; a wrong signature; known already.
   */
  accuse(proof) {
    require(proof !== null && typeof proof === 'object', 'proof: an object is needed');
    const { nodeKey, phase, epoch, view: ofView, height, first, second } = proof;
    require(phase === 'prepare' || phase === 'commit', 'phase is prepare or commit');
    accountOf(nodeKey);
    require(state.get('evidence/' + nodeKey) === null, 'there is evidence about this node already');
    require(view('Governance', 'member', nodeKey) !== null, 'nodeKey is not a member\'s');
    require(this._vote(first) && this._vote(second), 'first and second are {blockHash: 64 hexadecimal digits, signature: 128}');
    require(first.blockHash !== second.blockHash, 'both votes are for the same block');
    for (const vote of [first, second]) {
      const statement = '95' + this._bytes(ctx.chainId) + this._number(epoch) + this._number(ofView) + this._number(height) + this._bytes(vote.blockHash);
      require(verifySignatureHex(nodeKey, `ptoy/${phase}/v1`, statement, vote.signature), 'a signature is not of this node over that vote');
    }
    state.set('evidence/' + nodeKey, {
      phase, epoch, view: ofView, height, first: this._kept(first), second: this._kept(second), by: ctx.caller, atHeight: ctx.height, time: ctx.time,
    });
    emit('accused', { nodeKey, phase, epoch, view: ofView, height });
  }

  /** Node keys that are marked as not answering, in the order in which they were marked. */
  absent() {
    return state.get('absent') || [];
  }

  /** Reports not yet decided: {nodeKey: {absent: [reporter], present: [reporter]}}. */
  reports() {
    return state.get('reports') || {};
  }

  /** The proof against a node, or null. */
  evidence(nodeKey) {
    return state.get('evidence/' + nodeKey);
  }

  _report(epoch, nodeKey, isAbsent) {
    const members = view('Governance', 'members');
    const reporter = members.find((m) => m.nodeAccount === ctx.caller);
    require(reporter, 'only a member node reports');
    require(members.some((m) => m.nodeKey === nodeKey), 'nodeKey is not a member\'s');
    require(epoch === view('Governance', 'epoch').epoch, 'this is not the epoch in force');
    const reports = this.reports();
    const about = reports[nodeKey] || { absent: [], present: [] };
    const other = isAbsent ? 'present' : 'absent';
    const side = isAbsent ? 'absent' : 'present';
    const mine = reporter.nodeKey;
    // What a node says last counts; who left the members says nothing.
    const still = (list) => list.filter((k) => k !== mine && members.some((m) => m.nodeKey === k));
    const changed = { ...about, [other]: still(about[other]), [side]: [...still(about[side]), mine] };
    const marked = this.absent().includes(nodeKey);
    const decided = changed[side].length > Math.floor((members.length - 1) / 3);
    const all = Object.fromEntries(Object.entries({ ...reports, [nodeKey]: changed }).filter((e) => members.some((m) => m.nodeKey === e[0])));
    if (decided) delete all[nodeKey];
    state.set('reports', all);
    if (!decided || marked === isAbsent) return;
    const others = this.absent().filter((k) => k !== nodeKey && members.some((m) => m.nodeKey === k));
    state.set('absent', isAbsent ? [...others, nodeKey] : others);
    emit(isAbsent ? 'absent' : 'present', { nodeKey });
    call('Governance', 'reorder');
  }

  _vote(vote) {
    return vote !== undefined && vote !== null && typeof vote === 'object' && isHex(vote.blockHash, 64)
      && typeof vote.signature === 'string' && vote.signature.length === 128;
  }

  _kept({ blockHash, signature }) {
    return { blockHash, signature };
  }

  // MessagePack, as the statement is signed: 32 bytes.
  _bytes(hex) {
    return 'c420' + hex;
  }

  // MessagePack, as the statement is signed: an unsigned integer in its shortest form.
  _number(n) {
    require(Number.isSafeInteger(n) && n >= 0, 'epoch, view and height are whole numbers');
    if (n < 128) return this._big(n, 2);
    if (n < 256) return 'cc' + this._big(n, 2);
    if (n < 65536) return 'cd' + this._big(n, 4);
    return n < 4294967296 ? 'ce' + this._big(n, 8) : 'cf' + this._big(n, 16);
  }

  _big(n, digits) {
    let text = '';
    let rest = n;
    for (let i = 0; i < digits; i++) {
      text = '0123456789abcdef'.charAt(rest % 16) + text;
      rest = Math.floor(rest / 16);
    }
    return text;
  }
}
