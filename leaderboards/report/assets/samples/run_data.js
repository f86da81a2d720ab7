// The samples of one run, read from its data files as they are needed: index columns, problems, texts.
// A sample's ordinal is its place in the run: by problem, then by index. Index columns stay in memory, texts do not.
(function () {
  "use strict";
  const r1bench = window.r1bench;

  // columns as typed arrays: 1,000,000 samples take about 21 MB beside their extracted answers
  function compactIndex(shard) {
    return {
      first: shard.first,
      length: shard.problem.length,
      problem: Int32Array.from(shard.problem),
      index: Int32Array.from(shard.index),
      outcome: Uint8Array.from(shard.outcome),
      score: Float32Array.from(shard.score),
      tokens: Int32Array.from(shard.tokens),
      format: Uint8Array.from(shard.format),
      state: Uint8Array.from(shard.state),
      extracted: shard.extracted,
    };
  }

  class RunData {
    constructor(id) {
      this.id = id;
      this.info = r1bench.boot.runs.get(id);
      this.indexSize = this.info.index_shard_size || 20000;
      this.indexes = new Map();
      this.problemNames = new Map();
      this.problems = r1bench.recent(24, (k) => this.load("problems", k));
      this.samples = r1bench.recent(16, (k) => this.load("samples", k));
    }

    load(kind, k) {
      return r1bench.load(`run/${this.info.dir}/${kind}-${k}`);
    }

    keep(map, k, make) {
      if (!map.has(k)) {
        const value = make();
        value.catch(() => map.delete(k));
        map.set(k, value);
      }
      return map.get(k);
    }

    // columns of index shard k
    index(k) {
      return this.keep(this.indexes, k, () => this.load("index", k).then(compactIndex));
    }

    // ids and numbers of samples of the problems in shard k; the prompts are let go
    names(k) {
      const short = (shard) => ({ ids: shard.map((problem) => problem.id), counts: shard.map((problem) => problem.num_samples) });
      return this.keep(this.problemNames, k, () => this.problems(k).then(short));
    }

    // begin to read the names in shards from .. to, so that they are there when they are asked for
    prefetchNames(from, to) {
      for (let k = from; k <= Math.min(to, this.info.problem_shards - 1); k++) this.names(k).catch(() => null);
    }

    // {id, prompt, gold, ...} of the problem with this ordinal
    async problem(ordinal) {
      const size = this.info.problem_shard_size;
      return (await this.problems(Math.floor(ordinal / size)))[ordinal % size];
    }

    // what the index says of one sample, and its problem
    async entry(ordinal) {
      const shard = await this.index(Math.floor(ordinal / this.indexSize));
      const i = ordinal - shard.first;
      const problem = await this.problem(shard.problem[i]);
      return {
        ordinal,
        problem,
        problemOrdinal: shard.problem[i],
        index: shard.index[i],
        outcome: r1bench.OUTCOMES[shard.outcome[i]],
        score: shard.score[i],
        tokens: shard.tokens[i],
        format: Boolean(shard.format[i]),
        state: r1bench.STATES[shard.state[i]],
        extracted: shard.extracted[i],
      };
    }

    // the whole sample, with its texts
    async sample(ordinal) {
      const size = this.info.shard_size;
      return (await this.samples(Math.floor(ordinal / size)))[ordinal % size];
    }

    // {ordinal, first, count} of the problem with this id, or null: its samples are first .. first + count - 1
    async findProblem(id) {
      let first = 0;
      for (let k = 0; k < this.info.problem_shards; k++) {
        this.prefetchNames(k + 1, k + 8);
        const { ids, counts } = await this.names(k);
        const i = ids.indexOf(id);
        if (i >= 0) return { ordinal: k * this.info.problem_shard_size + i, first: first + d3.sum(counts.slice(0, i)), count: counts[i] };
        first += d3.sum(counts);
      }
      return null;
    }

    // the ordinal of a sample; `hint` is tried first
    async findSample(id, index, hint) {
      const isIt = (found) => found && found.problem === id && found.index === index;
      if (Number.isInteger(hint) && hint >= 0 && hint < this.info.num_samples && isIt(await this.sample(hint))) return hint;
      const problem = await this.findProblem(id);
      if (!problem) return null;
      for (let ordinal = problem.first; ordinal < problem.first + problem.count; ordinal++)
        if (isIt(await this.sample(ordinal))) return ordinal;
      return null;
    }

    // the nearest sample from `ordinal` on, in steps of 1 or -1, whose outcome is not correct; null where there is none
    async nearestNotCorrect(ordinal, step) {
      for (let at = ordinal + step; at >= 0 && at < this.info.num_samples; at += step) {
        const shard = await this.index(Math.floor(at / this.indexSize));
        const last = step > 0 ? shard.first + shard.length - 1 : shard.first;
        for (; step > 0 ? at <= last : at >= last; at += step) if (shard.outcome[at - shard.first] !== 0) return at;
        at -= step;
      }
      return null;
    }
  }

  const kept = new Map();
  r1bench.hasSamples = (id) => (r1bench.boot.runs.get(id)?.num_samples || 0) > 0;
  // the data of a run, or null where the report has no samples of it; the last run stays in memory
  r1bench.runData = function (id) {
    if (!r1bench.hasSamples(id)) return null;
    if (!kept.has(id)) {
      kept.clear();
      kept.set(id, new RunData(id));
    }
    return kept.get(id);
  };
})();
