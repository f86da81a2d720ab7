// Charts by Observable Plot in one calm style; colours are CSS variables, so that the theme needs no new drawing.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, known } = r1bench;
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

  const plot = (width, options) => Plot.plot({ width, style: FONT, ...options });

  // lines with bands over k or tokens, on a log2 axis: series [{name, points: [{x, value, low, high}]}]
  function curves(width, series, { xLabel, xFormat, height = 260 }) {
    const points = series.flatMap((each) => each.points.map((point) => ({ ...point, name: each.name })));
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
      y: { label: "points", percent: true, grid: true, nice: true, labelArrow: "none", ticks: 5 },
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
    `${point.name}, ${xLabel} ${xFormat(point.x)}\n${r1bench.words.points(point.value)} ` +
    `${r1bench.words.pointsBetween(point.low, point.high)}`;

  Object.assign(r1bench, { fitted, plot, curves });
})();
