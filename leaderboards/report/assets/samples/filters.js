// Which samples of a run match: by outcome, format, state, problem, words in problem id and answer, words in the texts.
// Work is done shard by shard, with progress, and stops as soon as it is cancelled.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const MOST_IN_TEXT = 1000; // matches after which a search through texts stops

  const isPlain = (state) => !state.outcome && !state.format && !state.state && !state.q && !state.problem;

  function checks(state) {
    const outcome = r1bench.OUTCOMES.indexOf(state.outcome);
    const thinking = r1bench.STATES.indexOf(state.state);
    const found = [];
    if (state.outcome === "not-correct") found.push((shard, i) => shard.outcome[i] !== 0);
    else if (outcome >= 0) found.push((shard, i) => shard.outcome[i] === outcome);
    if (state.format) found.push((shard, i) => shard.format[i] === (state.format === "kept" ? 1 : 0));
    if (thinking >= 0) found.push((shard, i) => shard.state[i] === thinking);
    return found;
  }

  // whether problem ids hold the words: one look at each problem, not at each sample
  async function problemMatches(run, shard, q, known) {
    const [from, to] = [shard.problem[0], shard.problem[shard.length - 1]];
    const size = run.info.problem_shard_size;
    const last = Math.floor(to / size);
    for (let k = Math.floor(from / size); k <= last; k++) {
      run.prefetchNames(k + 1, Math.min(last, k + 8));
      const { ids } = await run.names(k);
      ids.forEach((id, i) => known.set(k * size + i, id.toLowerCase().includes(q)));
    }
  }

  async function matchesOfShard(run, shard, state, { from, to, problems }) {
    const all = checks(state);
    const q = state.in === "text" ? "" : state.q.toLowerCase();
    if (q) await problemMatches(run, shard, q, problems);
    const found = [];
    const last = Math.min(shard.length, to - shard.first);
    for (let i = Math.max(0, from - shard.first); i < last; i++) {
      if (!all.every((check) => check(shard, i))) continue;
      const answer = shard.extracted[i];
      if (q && !problems.get(shard.problem[i]) && !(answer !== null && answer.toLowerCase().includes(q))) continue;
      found.push(shard.first + i);
    }
    return found;
  }

  // ordinals that match what the index knows; onMatches(found so far, samples looked at, samples in all)
  async function scanIndex(run, state, onMatches, isCancelled) {
    let [from, to] = [0, run.info.num_samples];
    if (state.problem) {
      const problem = await run.findProblem(state.problem);
      if (!problem) return [];
      [from, to] = [problem.first, problem.first + problem.count];
    }
    const found = [];
    const range = { from, to, problems: new Map() };
    const lastShard = Math.ceil(to / run.indexSize);
    let seen = performance.now();
    for (let k = Math.floor(from / run.indexSize); k < lastShard; k++) {
      for (let ahead = k + 1; ahead < Math.min(k + 4, lastShard); ahead++) run.index(ahead).catch(() => null);
      const shard = await run.index(k);
      for (const ordinal of await matchesOfShard(run, shard, state, range)) found.push(ordinal);
      if (isCancelled()) return found;
      if (performance.now() - seen > 80) {
        onMatches(found, Math.min(to, shard.first + shard.length) - from, to - from);
        await r1bench.pause();
        seen = performance.now();
      }
    }
    return found;
  }

  const holds = (sample, q) =>
    [sample.text, sample.prefill, sample.problem, sample.extracted].some((text) => text && text.toLowerCase().includes(q));

  // of these ordinals, those whose texts hold the words
  async function scanTexts(run, ordinals, q, onMatches, isCancelled) {
    const size = run.info.shard_size;
    const groups = d3.groups(ordinals, (ordinal) => Math.floor(ordinal / size));
    const found = [];
    let done = 0;
    let seen = performance.now();
    for (let at = 0; at < groups.length; at++) {
      const [k, members] = groups[at];
      const shard = await run.load("samples", k);
      for (const ordinal of members) if (holds(shard[ordinal % size], q)) found.push(ordinal);
      done += members.length;
      if (isCancelled() || found.length >= MOST_IN_TEXT) break;
      if (performance.now() - seen > 80) {
        onMatches(found, done, ordinals.length);
        await r1bench.pause();
        seen = performance.now();
      }
    }
    return found;
  }

  // a list of ordinals with .length and .at(i): every sample where nothing is asked for, otherwise those that match
  async function search(run, state, onMatches, isCancelled) {
    const everything = { length: run.info.num_samples, at: (i) => i };
    if (isPlain(state)) return everything;
    if (state.in !== "text" || !state.q) return scanIndex(run, { ...state, in: "" }, onMatches, isCancelled);
    const others = { ...state, q: "" };
    const ordinals = isPlain(others) ? d3.range(run.info.num_samples) : await scanIndex(run, others, () => {}, isCancelled);
    return scanTexts(run, ordinals, state.q.toLowerCase(), onMatches, isCancelled);
  }

  Object.assign(r1bench, { search, isPlainFilter: isPlain, MOST_IN_TEXT });
})();
