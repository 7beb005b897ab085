// What is explored: the worlds and faults are explained in README.md and defined in machine.qnt.

export const invariants = [
  'agreement', 'chosenIsKept', 'validity', 'noConflictingVotes', 'certificates', 'nothingAboveTheBarrier', 'epochsAreCertified',
  'onlyMembersVote',
];

export const witnesses = {
  sawLaterViewDecide: 'a view above 0 decides',
  sawPreparedCarriedOver: 'a block prepared in an earlier view is decided in a later one',
  sawGapFilled: 'a gap is filled with the null block and decided',
  sawNextEpochDecide: 'the next epoch decides',
  sawSeveralInFlight: 'several heights are in flight at once',
  sawPrimaryEquivocate: 'correct replicas vote for different blocks of an equivocating primary',
};

export const worlds = [
  { world: 'four', seed: 11, samples: 30, steps: 60 },
  { world: 'four-ahead', short: true, seed: 12, samples: 30, steps: 50 },
  { world: 'four-byzantine', short: true, seed: 13, samples: 25, steps: 50 },
  { world: 'four-byzantine-ahead', seed: 14, samples: 25, steps: 40 },
  { world: 'four-byzantine-behind', seed: 15, samples: 25, steps: 40 },
  { world: 'five-byzantine', seed: 16, samples: 25, steps: 40 },
  { world: 'seven-byzantine', seed: 17, samples: 15, steps: 50 },
  { world: 'epochs', short: true, seed: 18, samples: 30, steps: 50 },
  { world: 'epochs-behind', seed: 20, samples: 20, steps: 50 },
  { world: 'epochs-byzantine', seed: 19, samples: 25, steps: 60 },
];

/** Looked for by chance; faults.qnt has these and the others step by step. */
export const faults = [
  { fault: 'proposal below the plan', world: 'four-byzantine-ahead', seed: 1, samples: 300, steps: 50 },
  { fault: 'quorum 2f', world: 'four-byzantine', seed: 1, samples: 300, steps: 50 },
  { fault: 'new view drops prepared', world: 'four-ahead', seed: 1, samples: 300, steps: 50 },
];
