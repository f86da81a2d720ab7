// Charts by Observable Plot in one calm style; colours are CSS variables, so that the theme needs no new drawing.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words, known } = r1bench;
  const FONT = { fontFamily: "inherit", fontSize: "12px", background: "none", overflow: "visible" };

  // a chart drawn at the width of its box, and again when that changes by more than a little
  function fitted(draw, { className = "", label = "" } = {}) {
    const box = el("div", { class: `chart ${className}`, role: "img", "aria-label": label });
    let width = 0;
    const observer = new ResizeObserver(() => {
      const now = Math.floor(box.clientWidth);
      if (now < 40 || Math.abs(now - width) < 4) return;
      width = now;
      const drawing = draw(now);
      for (const group of drawing.querySelectorAll("g[aria-label]")) group.removeAttribute("aria-label"); // the box has the label
      box.replaceChildren(drawing);
    });
    observer.observe(box);
    return box;
  }

  // a scale whose ticks are written as the page writes numbers
  function ticksOf(values, count) {
    let [low, high] = d3.extent(values);
    if (low === 0 && high === 0) high = 1;
    if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
    const domain = d3.nice(low, high, count);
    const ticks = d3.ticks(...domain, count);
    return { domain, ticks, tickFormat: words.ticks(ticks) };
  }

  // ticks of what is counted: whole numbers, each once
  function wholeTicks([low, high], count) {
    const ticks = d3.ticks(low, high, count).filter(Number.isInteger);
    return { ticks, tickFormat: words.ticks(ticks) };
  }

  const plot = (width, options) => Plot.plot({ width, style: FONT, ...options });

  // lines with bands over k or tokens, on a log2 axis: series [{name, points: [{x, value, low, high}]}]
  function curves(width, series, { xLabel, xFormat, height = 260 }) {
    const [value, low, high] = ["value", "low", "high"].map((key) => (point) => words.scaled("points", point[key]));
    const points = series.flatMap(({ name, points }) =>
      points.map((point) => ({ x: point.x, name, value: value(point), low: low(point), high: high(point) })),
    );
    const heights = points.flatMap((point) => [point.value, point.low, point.high].filter(known));
    const banded = points.filter((point) => known(point.low) && known(point.high));
    const ticks = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
    const shown = width < 420 && ticks.length > 5 ? ticks.filter((_, index) => index % 2 === 0) : ticks;
    const names = series.map((each) => each.name);
    const color = { domain: names, range: ["var(--accent)", "var(--second)", "var(--third)"] };
    return plot(width, {
      height,
      marginLeft: 40,
      marginRight: names.length > 1 ? 86 : 16,
      marginBottom: 36,
      color,
      x: {
        type: ticks.length > 1 ? "log" : "linear",
        base: 2,
        ticks: shown,
        tickFormat: xFormat,
        label: xLabel,
        labelAnchor: "center",
        labelArrow: "none",
      },
      y: { label: "points", grid: true, labelArrow: "none", ...ticksOf(heights, 5) },
      marks: [
        Plot.areaY(banded, { x: "x", y1: "low", y2: "high", fill: "name", fillOpacity: 0.13 }),
        Plot.ruleX(banded, { x: "x", y1: "low", y2: "high", stroke: "name", strokeOpacity: 0.55 }),
        Plot.lineY(points, { x: "x", y: "value", stroke: "name", strokeWidth: 1.75 }),
        Plot.dot(points, { x: "x", y: "value", fill: "name", r: 3, symbol: names.length > 1 ? "name" : "circle" }),
        names.length > 1
          ? Plot.text(points, Plot.selectMaxX({ x: "x", y: "value", z: "name", text: "name", fill: "name", dx: 8, textAnchor: "start" }))
          : null,
        Plot.tip(points, Plot.pointer({ x: "x", y: "value", title: tipText(xLabel, xFormat) })),
      ],
    });
  }

  const tipText = (xLabel, xFormat) => (point) =>
    `${point.name}, ${xLabel} ${xFormat(point.x)}\n${words.number(point.value)} ${words.between(point.low, point.high)}`;

  Object.assign(r1bench, { fitted, plot, ticksOf, wholeTicks, curves });
})();
