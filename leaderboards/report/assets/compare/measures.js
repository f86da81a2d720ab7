// What two runs differ in, measure by measure: a table of both sides and their difference, as the data name them. And the verdict in words.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known } = r1bench;
  const TONES = { added: "better", lost: "worse", "": "changed" };

  const scaled = (measure, ...keys) => keys.map((key) => words.scaled(measure.unit, measure[key]));
  const isShown = (measure) => known(measure.low) && known(measure.high) && (measure.low > 0 || measure.high < 0);

  // 'added', 'lost' or '' (not shown, or no direction is better)
  function tone(measure) {
    if (typeof measure.is_good !== "boolean" || !isShown(measure)) return "";
    return measure.mean > 0 === measure.is_good ? "added" : "lost";
  }

  function sentence(measure) {
    const [a, b] = scaled(measure, "a", "b").map((value) => words.number(value));
    return `${measure.label}: from ${a} to ${b} ${measure.unit}; ${isShown(measure) ? TONES[tone(measure)] : "no change is shown"}`;
  }

  function changeCell(measure) {
    const [mean, low, high] = scaled(measure, "mean", "low", "high");
    const word = TONES[tone(measure)];
    return [
      r1bench.valued(words.signed(mean), words.between(low, high) || "interval unknown"),
      tone(measure) &&
        el("span", { class: `verdict-sign ${tone(measure)}`, role: "img", "aria-label": word }, tone(measure) === "added" ? "▲" : "▼"),
    ];
  }

  // zero in the middle and one scale for each unit, so that lines of one unit may be held against each other
  function domainsOf(measures) {
    const reach = d3.rollup(
      measures,
      (members) => d3.max(members.flatMap((one) => scaled(one, "mean", "low", "high").filter(known)), Math.abs),
      (one) => one.unit,
    );
    return (measure) => [-1.05 * (reach.get(measure.unit) || 1), 1.05 * (reach.get(measure.unit) || 1)];
  }

  // one row for each measure; `among`: all whose lines share a scale
  function measureTable(measures, among = measures) {
    const domain = domainsOf(among);
    const side = (key) => (measure) => {
      const [value, low, high] = scaled(measure, key, `${key}_low`, `${key}_high`);
      return [words.number(value), " ", el("span", { class: "interval" }, words.between(low, high))];
    };
    const drawn = (measure) => {
      const [value, low, high] = scaled(measure, "mean", "low", "high");
      const look = { ticks: [0], hollow: !isShown(measure), label: sentence(measure), tone: tone(measure) };
      return r1bench.interval({ value, low, high }, domain(measure), look);
    };
    const named = ({ label, unit }) => [label, unit !== label && el("span", { class: "half" }, unit)];
    const columns = [
      { key: "label", title: "measure", class: "who", isHead: true, show: named },
      { key: "a", title: "A", class: "side", show: side("a") },
      { key: "b", title: "B", class: "side", show: side("b") },
      { key: "mean", title: "B − A", class: "score", show: changeCell },
      r1bench.drawnColumn(null, drawn),
    ];
    return r1bench.table(columns, measures, { className: "pairs", caption: "measures of both runs" });
  }

  // of a comparison by itself, as r1bench compare says it: 'added', 'lost' or ''
  const toneOf = (one) => ({ b: "added", a: "lost" })[one.better] || "";
  const isCorrectedAway = (one) => Boolean(one.better) && !one.shown;
  const correction = (one) => `correction for ${words.plural(one.num_comparisons, "comparison")} on this page (Holm)`;

  function verdict(one) {
    if (!one.better) return "no difference is shown";
    return TONES[toneOf(one)] + (isCorrectedAway(one) ? `; not shown after ${correction(one)}` : "");
  }

  Object.assign(r1bench, { measureTable, verdict, toneOf, isCorrectedAway, correction });
})();
