/**
 * PTOY: a fixed supply, moved between accounts and paid into escrow for storage.
 *
 * Amounts are integers of micro-PTOY (10^-6) from 1 to 2^53 - 1, written as decimal strings.
 * State: `b/{account}` balance, `escrow` sum held for storage, `q/{owner}` use and purchases.
 * Always: the sum of all balances + escrow = supply.
 */
class Token {
  static views = ['balanceOf', 'supply', 'escrowed', 'quota'];

  /**
   * Genesis only: allots the whole supply. allotments = [{account, amount}].
   * Errors: not at genesis; done before; the amounts do not add up to the supply.
   */
  init(allotments) {
    require(ctx.caller === '' && ctx.height === 0, 'init is for genesis only');
    require(state.get('escrow') === null, 'the supply was already allotted');
    let sum = 0;
    for (const { account, amount } of allotments) {
      require(isAccount(account), 'allotment: not an account');
      require(state.get('b/' + account) === null, `allotment: ${account} is listed twice`);
      const value = this._amount(amount);
      sum += value;
      require(sum <= 100000000000000, 'the allotments exceed the supply of 100000000000000 micro-PTOY');
      state.set('b/' + account, value);
    }
    require(sum === 100000000000000, `the allotments add up to ${sum}, not to 100000000000000 micro-PTOY`);
    state.set('escrow', 0);
  }

  /** Moves amount from the caller to an account. Errors: bad amount; bad account; balance too small. */
  transfer(to, amount) {
    const value = this._amount(amount);
    if (!isAccount(to)) fail('the receiver is not a ptoy1 account');
    const from = ctx.caller;
    const have = state.get('b/' + from) || 0;
    if (have < value) fail(`the balance is ${have} micro-PTOY, less than ${value}`);
    if (from !== to) {
      state.set('b/' + from, have - value);
      state.set('b/' + to, (state.get('b/' + to) || 0) + value);
    }
    emit('transfer', { from, to, amount });
  }

  /** The balance of an account (or contract) as a decimal string. */
  balanceOf(account) {
    return String(state.get('b/' + account) || 0);
  }

  /** The fixed supply as a decimal string. */
  supply() {
    return '100000000000000';
  }

  /** What is held for storage, as a decimal string. */
  escrowed() {
    return String(state.get('escrow') || 0);
  }

  /**
   * Buys storage for an owner; the caller pays price x megabytes x months into escrow. A month is 30 days, a megabyte 10^6
   * bytes. Returns {amount, until}. Errors: bad numbers; price is 0; balance too small; more than 16 purchases in force.
   */
  buyStorage(beneficiary, megabytes, months) {
    require(isAccount(beneficiary), 'the beneficiary is not a ptoy1 account');
    require(Number.isInteger(megabytes) && megabytes >= 1 && megabytes <= 10000000, 'megabytes is a whole number from 1 to 10000000');
    require(Number.isInteger(months) && months >= 1 && months <= 120, 'months is a whole number from 1 to 120');
    const price = view('Governance', 'parameter', 'storagePricePerMbMonth');
    require(price > 0, 'storage has no price on this chain: nothing to buy');
    const perMb = price * months;
    const amount = perMb * megabytes;
    const have = state.get('b/' + ctx.caller) || 0;
    require(have >= amount, `the balance is ${have} micro-PTOY, less than the price of ${amount}`);
    const quota = this._current(beneficiary);
    require(quota.paid.length < 16, 'at most 16 purchases may be in force for one owner');
    const until = ctx.time + months * 2592000000;
    quota.paid.push({ mb: megabytes, perMb, until, used: 0, out: 0, payer: ctx.caller });
    state.set('b/' + ctx.caller, (state.get('b/' + ctx.caller) || 0) - amount);
    this._escrow(amount);
    state.set('q/' + beneficiary, quota);
    emit('storageBought', { beneficiary, payer: ctx.caller, megabytes, months, amount: String(amount), until });
    return { amount: String(amount), until };
  }

  /**
   * Only Records: counts bytes against the owner's quota, first the free part, then purchases, oldest first. What a purchase
   * pays for them leaves escrow at once, in equal shares, to the members (organisation accounts) whose receipts back the bytes.
   * Errors: not Records; over quota.
   */
  chargeStorage(owner, bytes, members) {
    require(ctx.caller === 'Records', 'only Records charges storage');
    const quota = this._current(owner);
    const free = Math.max(0, view('Governance', 'parameter', 'freeBytesPerPatient') - quota.free);
    let open = 0;
    for (const p of quota.paid) open += p.mb * 1000000 - p.used;
    require(bytes <= free + open,
      `over quota: ${bytes} bytes are needed and ${free + open} are left for this owner; buy storage (Token.buyStorage)`);
    let rest = Math.max(0, bytes - free);
    quota.free += bytes - rest;
    let due = 0;
    for (const p of quota.paid) {
      const take = Math.min(rest, p.mb * 1000000 - p.used);
      if (take === 0) continue;
      p.used += take;
      rest -= take;
      const earned = this._price(p.perMb, p.used);
      due += earned - p.out;
      p.out = earned;
    }
    state.set('q/' + owner, quota);
    if (due > 0) this._share(due, members);
  }

  /** Only Records: gives bytes of a retired manifest back, to the free part. What was paid out stays paid. */
  releaseStorage(owner, bytes) {
    require(ctx.caller === 'Records', 'only Records releases storage');
    const quota = this._current(owner);
    quota.free = Math.max(0, quota.free - bytes);
    state.set('q/' + owner, quota);
  }

  /** Anybody: ends purchases whose time has passed; what no byte used goes back to the payer. Returns the micro-PTOY refunded. */
  settleStorage(owner) {
    const before = state.get('escrow') || 0;
    state.set('q/' + owner, this._current(owner));
    return String(before - (state.get('escrow') || 0));
  }

  /** {freeBytes, freeUsed, paidBytes, paidUsed, escrow, purchases: [{megabytes, usedBytes, until}]} now in force for an owner. */
  quota(owner) {
    const quota = state.get('q/' + owner) || { free: 0, paid: [] };
    const answer = {
      freeBytes: view('Governance', 'parameter', 'freeBytesPerPatient'), freeUsed: quota.free, paidBytes: 0, paidUsed: 0, escrow: 0, purchases: [],
    };
    for (const p of quota.paid) {
      if (p.until <= ctx.time) continue;
      answer.paidBytes += p.mb * 1000000;
      answer.paidUsed += p.used;
      answer.escrow += p.perMb * p.mb - p.out;
      answer.purchases.push({ megabytes: p.mb, usedBytes: p.used, until: p.until });
    }
    answer.escrow = String(answer.escrow);
    return answer;
  }

  // String(Number(x)) === x holds for exactly one spelling of each number: no sign, blanks, leading zeros or exponents.
  _amount(text) {
    const value = typeof text === 'string' ? Number(text) : 0;
    if (String(value) !== text || !Number.isSafeInteger(value) || value < 1) {
      fail('an amount is a decimal string of whole micro-PTOY, from 1 to 9007199254740991');
    }
    return value;
  }

  // Whole megabytes and the rest apart, so that no product leaves the exact integers (perMb <= 1.2e11, rest < 10^6).
  _price(perMb, bytes) {
    const rest = bytes % 1000000;
    return perMb * ((bytes - rest) / 1000000) + Math.floor(Math.floor(perMb / 1000) * rest / 1000);
  }

  // The owner's use without the purchases whose time has passed: their unused escrow is refunded here.
  _current(owner) {
    const quota = state.get('q/' + owner) || { free: 0, paid: [] };
    const live = [];
    for (const p of quota.paid) {
      if (p.until > ctx.time) {
        live.push(p);
        continue;
      }
      const back = p.perMb * p.mb - p.out;
      if (back === 0) continue;
      this._escrow(-back);
      state.set('b/' + p.payer, (state.get('b/' + p.payer) || 0) + back);
    }
    quota.paid = live;
    return quota;
  }

  _escrow(change) {
    state.set('escrow', (state.get('escrow') || 0) + change);
  }

  // Equal shares; the micro-PTOY that do not divide go one each to the first.
  _share(due, members) {
    const each = Math.floor(due / members.length);
    let left = due - each * members.length;
    for (const member of members) {
      const part = left > 0 ? each + 1 : each;
      if (left > 0) left--;
      if (part > 0) state.set('b/' + member, (state.get('b/' + member) || 0) + part);
    }
    this._escrow(-due);
    emit('storagePaid', { members, amount: String(due) });
  }
}
