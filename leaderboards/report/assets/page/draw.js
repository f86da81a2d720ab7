// Small drawings inside tables: an interval on an axis, a difference around zero, an outcome bar, an axis with ticks, keys.
// They are SVG with positions in percent, so that they follow the width of their cell.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, svg, words, known } = r1bench;
  const share = (value, [low, high]) => Math.min(100, Math.max(0, (100 * (value - low)) / (high - low || 1)));
  const percent = (value, domain) => `${share(value, domain).toFixed(2)}%`;

  // a domain that shows all intervals, is not narrower than `least` and lies between 0 and `most`
  function domainOf(values, { least = 0.1, most = 1 } = {}) {
    const found = values.filter(known);
    if (!found.length) return [0, most];
    let [low, high] = d3.extent(found);
    if (high - low > 0.8 * most) return [0, most];
    const gap = Math.max(0, least - (high - low)) / 2;
    [low, high] = d3.nice(low - gap - 0.01 * (high - low), high + gap + 0.01 * (high - low), 8);
    return [Math.max(0, low), Math.min(most, high)];
  }

  // around zero, the same on both sides only if both sides are needed
  function domainAroundZero(values, least = 1) {
    const found = values.filter(known);
    const low = Math.min(0, ...found);
    const high = Math.max(0, ...found);
    const room = Math.max(least, high - low) * 0.12;
    return [low - room, high + room];
  }

  function gridLines(ticks, domain) {
    return ticks.map((tick) =>
      svg("line", { class: tick === 0 ? "zero" : "grid", x1: percent(tick, domain), x2: percent(tick, domain), y1: 0, y2: "100%" }),
    );
  }

  // {value, low, high} drawn as a rule with a dot. `ticks`: where faint lines stand; `hollow`: the dot is a ring
  function interval(found, domain, { ticks = [], hollow = false, label = "", tone = "" } = {}) {
    const parts = gridLines(ticks, domain);
    if (known(found.low) && known(found.high)) {
      const ends = { x1: percent(found.low, domain), x2: percent(found.high, domain), y1: "50%", y2: "50%" };
      parts.push(svg("line", { class: "rule", ...ends }));
    }
    if (known(found.value))
      parts.push(svg("circle", { class: hollow ? "dot hollow" : "dot", cx: percent(found.value, domain), cy: "50%", r: 3.6 }));
    return svg("svg", { class: `track ${tone}`, role: "img", "aria-label": label || "interval" }, svg("title", {}, label), parts);
  }

  // ticks and their numbers; `scale` and `isSigned` as in words.ticks
  function axis(domain, { count = 3, ...shown } = {}) {
    const many = d3.ticks(domain[0], domain[1], count + 1);
    const ticks = many.length <= count + 2 ? many : d3.ticks(domain[0], domain[1], count);
    const format = words.ticks(ticks, shown);
    const texts = ticks.map((tick) => {
      const at = share(tick, domain);
      const anchor = at < 6 ? "start" : at > 94 ? "end" : "middle";
      return svg("text", { x: `${at}%`, y: 11, "text-anchor": anchor }, format(tick));
    });
    return { ticks, drawing: svg("svg", { class: "axis", "aria-hidden": "true" }, texts) };
  }

  // the five outcomes as one bar; segments link to the samples where `run` is given
  function outcomeBar(outcomes, run) {
    const total = d3.sum(r1bench.OUTCOMES, (outcome) => outcomes[outcome] || 0);
    const text = (outcome) => `${outcome} ${words.count(outcomes[outcome])} of ${words.count(total)}`;
    const there = r1bench.OUTCOMES.filter((outcome) => outcomes[outcome]);
    const bar = el("span", { class: "outcomes", role: run ? "group" : "img", "aria-label": there.map(text).join(", ") || "no samples" });
    for (const outcome of there) {
      const attributes = { class: `part ${outcome}`, title: text(outcome), style: `flex-grow:${outcomes[outcome]}` };
      if (run) Object.assign(attributes, { href: r1bench.href("samples", [run], { outcome }), tabindex: -1, "aria-label": text(outcome) });
      bar.append(el(run ? "a" : "span", attributes));
    }
    return bar;
  }

  const square = (part) => el("i", { class: `part ${part}`, "aria-hidden": "true" });
  const outcomeTag = (outcome) => el("span", { class: `tag ${outcome}` }, square(outcome), outcome);
  const partKey = (part, text, title) => el("span", { class: "key", title }, square(part), text);
  const outcomeKey = () => r1bench.OUTCOMES.map((outcome) => partKey(outcome, outcome, r1bench.OUTCOME_MEANING[outcome]));

  // an interval as an example in a legend; `options` as of interval()
  const intervalKey = (text, found = { value: 0.5, low: 0.12, high: 0.88 }, domain = [0, 1], options = {}) =>
    el("span", { class: "key" }, interval(found, domain, { label: text, ...options }), text);

  // a checkpoint's name: any text, so it is isolated from its neighbours' direction
  const name = (text) => el("bdi", { class: "name" }, text || r1bench.UNKNOWN);

  Object.assign(r1bench, { domainOf, domainAroundZero, interval, axis, outcomeBar, outcomeTag, outcomeKey, partKey, intervalKey, name });
})();
