// A sortable table: columns say how to show and to compare a row; the head has buttons and aria-sort.
// On a narrow screen style.css turns rows into cards, with the column's title before each cell (data-title); roles keep the table a table.
(function () {
  "use strict";
  const r1bench = window.r1bench;
  const { el, words } = r1bench;

  // rows by a column's value; unknown last in both directions; the given order where equal
  function sorted(rows, columns, order) {
    const column = columns.find((each) => each.key === order.replace(/^-/, "") && each.value);
    if (!column) return rows;
    const direction = order.startsWith("-") ? -1 : 1;
    const unknown = (value) => value === null || value === undefined || Number.isNaN(value);
    return [...rows].sort((left, right) => {
      const [a, b] = [column.value(left), column.value(right)];
      if (unknown(a) || unknown(b)) return unknown(a) - unknown(b);
      return direction * (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
    });
  }

  function headCell(column, order, onOrder) {
    const attributes = { scope: "col", role: "columnheader", class: column.class, title: column.hint };
    if (!column.value) return el("th", attributes, column.title, column.under);
    const now = order === column.key ? "ascending" : order === "-" + column.key ? "descending" : "none";
    const first = column.largestFirst ? "-" + column.key : column.key;
    const other = column.largestFirst ? column.key : "-" + column.key;
    const sign = { ascending: "↑", descending: "↓" }[now];
    const button = el(
      "button",
      { type: "button", class: "sort", onclick: () => onOrder(order === first ? other : first) },
      column.title,
      sign && el("span", { class: "arrow", "aria-hidden": "true" }, sign),
    );
    return el("th", { ...attributes, "aria-sort": now }, button, column.under);
  }

  function row(columns, item, attributes, onRow) {
    const made = el(
      "tr",
      { role: "row", ...attributes },
      columns.map((column, index) => {
        const cell = { class: column.class, "data-title": column.plainTitle || column.title };
        return index === column.headAt
          ? el("th", { ...cell, scope: "row", role: "rowheader" }, column.show(item))
          : el("td", { ...cell, role: "cell" }, column.show(item));
      }),
    );
    onRow(item, made);
    return made;
  }

  // columns: [{key, title, show(row), value(row)?, class?, hint?, largestFirst?, under?, headAt?}]
  function table(
    columns,
    rows,
    { order = "", onOrder = () => {}, caption = "", className = "", attributes = () => ({}), onRow = () => {} } = {},
  ) {
    const numbered = columns.map((column, index) => ({ ...column, headAt: column.isHead ? index : -1 }));
    return el(
      "div",
      { class: "scroll", tabindex: className === "published" ? 0 : null },
      el(
        "table",
        { class: className, role: "table" },
        caption && el("caption", { class: "hidden" }, caption),
        el(
          "thead",
          { role: "rowgroup" },
          el(
            "tr",
            { role: "row" },
            numbered.map((column) => headCell(column, order, onOrder)),
          ),
        ),
        el(
          "tbody",
          { role: "rowgroup" },
          sorted(rows, columns, order).map((item) => row(numbered, item, attributes(item), onRow)),
        ),
      ),
    );
  }

  // the first `size` of many rows, and a button for the others
  function shortened(items, size, show) {
    const box = el("div", {});
    const draw = (count) => {
      r1bench.fill(box, show(items.slice(0, count)));
      const left = items.length - count;
      if (left <= 0) return;
      box.append(
        el(
          "button",
          { type: "button", class: "more", onclick: () => draw(count + 10 * size) },
          `Show ${words.count(Math.min(left, 10 * size))} more of ${words.count(left)}`,
        ),
      );
    };
    draw(size);
    return box;
  }

  // a column of drawings, with the axis that they share in its head
  const drawnColumn = (axis, show) => ({
    key: "drawn",
    title: el("span", { class: "hidden" }, "drawn"),
    plainTitle: "",
    class: "drawn",
    under: axis && axis.drawing,
    show,
  });

  // a number with its interval
  const valued = (value, between) => [el("b", {}, value), " ", el("span", { class: "interval" }, between)];

  // name and value, where there is one
  function factList(rows) {
    const known = rows.filter(([, value]) => value || value === 0);
    const shown = (value) => (value instanceof Node ? value : el("bdi", {}, String(value)));
    return el("dl", { class: "facts" }, known.map(([key, value]) => el("div", {}, el("dt", {}, key), el("dd", {}, shown(value)))));
  }

  Object.assign(r1bench, { table, sorted, shortened, drawnColumn, valued, factList });
})();
