/**
 * Anchors of the nodes' access logs: each node's log is cut into segments, and each segment's Merkle root is put here.
 *
 * State: `anchor/{node}/{segment}`, `latest/{node}`. node is the node key, "1:hex".
 */
class Audit {
  static views = ['segment', 'latest'];

  /**
   * A member's node account anchors a segment. entry = {node, segment, count, root, head}: segment is greater than any before, count
   * entries have Merkle root `root` (64 hex), `head` (64 hex) is the hash chain's newest link.
   * Errors: not a member's node; not this node's account; segment not greater than the latest; bad numbers or hashes.
   */
  anchor(entry) {
    require(entry !== null && typeof entry === 'object', 'entry: an object is needed');
    const { node, segment, count, root, head } = entry;
    const member = view('Governance', 'member', node);
    require(member !== null, 'node is not the key of a member');
    require(member.nodeAccount === ctx.caller, 'only the node itself may anchor its log');
    require(Number.isSafeInteger(segment) && segment >= 0, 'segment is a whole number');
    require(Number.isSafeInteger(count) && count >= 1, 'count is a whole number from 1');
    require(isHex(root, 64), 'root is 64 hexadecimal digits');
    require(isHex(head, 64), 'head is 64 hexadecimal digits');
    const latest = state.get('latest/' + node);
    require(latest === null || segment > latest, `segment ${segment} is not after the latest, ${latest}`);
    state.set(`anchor/${node}/${segment}`, { count, root, head, height: ctx.height, time: ctx.time });
    state.set('latest/' + node, segment);
    emit('anchored', { node, segment, root });
  }

  /** {count, root, head, height, time} of a segment, or null. */
  segment(node, segment) {
    return state.get(`anchor/${node}/${segment}`);
  }

  /** {segment, count, root, head, height, time} of the newest segment of a node, or null. */
  latest(node) {
    const segment = state.get('latest/' + node);
    return segment === null ? null : { segment, ...state.get(`anchor/${node}/${segment}`) };
  }
}
