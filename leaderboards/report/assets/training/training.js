// Training: what was set and what went wrong, small multiples over one axis of steps, what became of length and reflection, samples.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, fill, words, known, boot } = r1bench;

  function draw(main, training, found) {
    const { columns } = found;
    const shared = { extent: d3.extent(columns.step), listeners: [], span: Math.max(3, Math.round(columns.step.length / 12)) };
    shared.tell = (step) => shared.listeners.forEach((listener) => listener(step));
    const story = columns.reward || found.reflection ? r1bench.trainingStory(columns, found.reflection, r1bench.smallChart, shared) : null;
    const keys = Object.keys(columns).filter((key) => key !== "step" && !(story && key === "length"));
    const part = (name) => keys.filter((key) => r1bench.partOfCurve(key, columns) === name);
    const charts = (names) => {
      const drawn = names.map((key) => r1bench.smallChart(key, columns, shared)).filter(Boolean);
      return drawn.length ? el("div", { class: "multiples" }, drawn) : null;
    };
    const section = (title, drawn) => drawn && el("section", {}, el("h2", {}, title), drawn);
    const optimiser = part("optimiser");
    const samples = el("div", {});
    const together = el("div", {});
    fill(
      main,
      el("h1", {}, "Training ", r1bench.name(training.name)),
      pick(training),
      el("p", { class: "lead" }, lead(training, found, shared.span)),
      evaluated(training),
      head(found.head || {}),
      story,
      (found.notes || []).map((note) => el("p", { class: "note-text" }, note)),
      section("Over steps", charts(part("first"))),
      section("The policy", charts(part("policy"))),
      optimiser.length > 0 && r1bench.folded("The optimiser", words.plural(optimiser.length, "curve"), {}, charts(optimiser)),
      together,
      samples,
    );
    shared.tell(null);
    return { samples, together };
  }

  function lead(training, found, span) {
    const drawn = found.columns.step.length;
    const facts = [
      words.plural(training.steps, "step"),
      training.stage && `stage ${training.stage}`,
      training.backend && `backend ${training.backend}`,
      found.rows_of > drawn ? `${words.count(drawn)} of ${words.count(found.rows_of)} steps drawn` : "",
    ];
    const lines = drawn > 1 ? ` The thin line is each step, the thick one the mean of ${span} steps.` : "";
    return `${facts.filter(Boolean).join(", ")}.${lines}`;
  }

  // a measure on examples that were kept aside: the interval is that of the difference where there is one
  function heldOut(found) {
    if (!found || !known(found.value)) return "";
    const isShare = found.measure.endsWith("accuracy");
    const digits = isShare ? 1 : 3;
    const number = (value) => words.number(isShare ? words.scaled("points", value) : value, digits);
    const between = isShare ? words.pointsBetween(found.low, found.high) : words.between(found.low, found.high, digits);
    const unit = { nll: "nats per trained token", pair_accuracy: "% of pairs", label_accuracy: "% of labels" }[found.measure];
    const value = `${known(found.base) ? `${number(found.base)} → ` : ""}${number(found.value)}`;
    const ends = known(found.difference) ? `, difference ${words.signed(found.difference, digits)} ${between}` : ` ${between}`;
    const count = known(found.n) ? `, n ${words.count(found.n)}` : "";
    const margin = known(found.margin) ? `, mean margin ${words.number(found.margin, 2)}` : "";
    return `${value} ${unit || words.name(found.measure)}${ends}${count}${margin}`;
  }

  // what was set, what came of it, what the backend does otherwise, what it cannot say, and what went wrong
  function head({ algorithm, loss, held_out: aside, deviations = [], gaps = [], faults = [], more_faults: more = 0, resumptions = [] }) {
    const steps = ({ first, last }) =>
      !known(first) ? "" : first === last || !known(last) ? `step ${words.count(first)}` : `steps ${words.count(first)} to ${words.count(last)}`;
    const times = (fault) => (fault.count > 1 ? words.plural(fault.count, "time") : "");
    const when = (each) => [times(each), steps(each)].filter(Boolean).join(", ");
    const fault = (each) => [each.what || "no word on what", when(each) && el("span", { class: "quiet" }, ` (${when(each)})`)];
    const list = (lines) => (lines.length ? el("ul", { class: "remarks" }, lines.map((line) => el("li", {}, line))) : "");
    const others = more ? [words.plural(more, "more fault")] : [];
    const rows = [
      ["algorithm", words.name(algorithm || "")],
      ["loss", loss],
      ["held out", heldOut(aside)],
      ["not as the job says", list(deviations)],
      ["not recorded", list(gaps)],
      ["resumed", list(resumptions)],
      ["faults", list([...faults.map(fault), ...others])],
    ];
    const isThere = rows.some(([, value]) => value);
    return isThere ? el("div", { class: "record training-head" }, r1bench.factList(rows)) : null;
  }

  function evaluated(training) {
    const entries = (training.runs || []).map((run) => boot.entries.find((entry) => entry.run === run)).filter(Boolean);
    if (!entries.length) return null;
    return el(
      "p",
      { class: "result" },
      "Evaluated: ",
      entries.map((entry, index) => [
        index ? ", " : "",
        r1bench.link([r1bench.name(entry.name), " on ", r1bench.name(entry.task)], "run", [entry.run]),
        known(entry.score) &&
          ` ${words.points(entry.score)} ${words.pointsBetween(entry.low, entry.high)}, n ${words.count(entry.num_problems)}`,
      ]),
    );
  }

  function pick(training) {
    if (boot.trainings.length < 2) return null;
    return el(
      "p",
      { class: "controls" },
      r1bench.select(
        "Training",
        boot.trainings.map((each) => [each.id, r1bench.trainingLabel(each)]),
        training.id,
        (id) => (window.location.hash = r1bench.href("training", [id])),
      ),
    );
  }

  async function render(route, main) {
    const training = route.parts[0] ? boot.trainings.find((each) => each.id === route.parts[0]) : boot.trainings[0];
    if (!training) {
      const message = route.parts[0]
        ? `There is no training '${route.parts[0]}' in this report.`
        : "No training is in this report. Give training folders to r1bench report.";
      return void fill(main, el("h1", {}, "Training"), el("p", { class: "empty" }, message));
    }
    const found = await r1bench.kept(`training/${training.id}`);
    if (!r1bench.isCurrent(route)) return;
    const places = draw(main, training, found);
    r1bench.curvesTogether(route, places.together, training);
    if (!found.has_samples) return;
    await r1bench.trainingSamples(route, places.samples, training).catch((error) => fill(places.samples, r1bench.problem(error.message)));
  }

  r1bench.views.training = { title: "Training", render, tab: () => boot.trainings.length > 0 };
})();
