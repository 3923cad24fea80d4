"use strict";
(() => {
  const value = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    return text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
  };
  const compare = (a, b) => {
    if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  };
  document.querySelectorAll("table.sortable").forEach((table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const first = table.tBodies[0].rows[0].cells[column];
        // Numbers are wanted from the highest, names from the first letter.
        const natural = first.dataset.value === undefined ? "ascending" : "descending";
        const other = natural === "ascending" ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === natural ? other : natural;
        const sign = order === "ascending" ? 1 : -1;
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => sign * compare(value(a, column), value(b, column)));
        heads.forEach((each) => each.setAttribute("aria-sort", each === head ? order : "none"));
        table.tBodies[0].append(...rows);
      });
    });
  });
})();
